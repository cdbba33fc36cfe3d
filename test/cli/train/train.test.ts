import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { readNpz, writeNpz } from '../../../compiler/data/index.ts'
import { evaluate, importModel, type ModuleSpec } from '../../../compiler/index.ts'
import type { Model } from '../../../runtime/index.ts'
import { model, stored } from '../../onnx/build.ts'
import { commandLine } from '../../support/command-line.ts'
import { Random } from '../../support/random.ts'

const { at, out, err, attar } = commandLine()

/** Points of three clouds in four dimensions; the class of each is where its largest coordinate mostly is. */
function clouds(count: number, seed: number, classes = 3): Uint8Array {
  const random = new Random(seed)
  const labels = Array.from({ length: count }, (_, i) => i % classes)
  const x = labels.flatMap((label) => [0, 1, 2, 3].map((d) => (d === label ? 1.5 : 0) + 2 * random.float() - 1))
  return writeNpz({ input: tensorOf('f32', [count, 4], x), y: tensorOf('i32', [count], labels) })
}

const config = (more = ''): string => `
import { defineConfig, dense, flatten, relu, reshape, sequential } from 'attar/config'
export default defineConfig({
  network: sequential([dense(8), relu(), dense(3)]),
  input: [4],
  data: { train: 'train.npz', val: 'val.npz', test: 'test.npz' },
  train: { epochs: 3, batch: 16, learningRate: 0.02 },
  ${more}
})`

beforeAll(() => {
  writeFileSync(at('train.npz'), clouds(200, 1))
  writeFileSync(at('val.npz'), clouds(60, 2))
  writeFileSync(at('test.npz'), clouds(90, 3))
  writeFileSync(at('four.npz'), clouds(90, 3, 4))
  writeFileSync(at('one.npz'), clouds(20, 3, 1))
  writeFileSync(at('attar.config.ts'), config())
})

interface Report {
  readonly test: { readonly accuracy: number; readonly loss: number; readonly interval: readonly [number, number] }
  readonly history: readonly unknown[]
  readonly best: { readonly epoch: number; readonly accuracy: number }
}

describe('a training by a configuration', () => {
  it('writes a model that scores as the report says', async () => {
    expect(await attar('train', at('attar.config.ts'), '-o', at('out'), '--json')).toBe(0)
    const report = JSON.parse(out.join('\n')) as Report
    expect(report.history).toHaveLength(3)
    expect(report.test.accuracy).toBeGreaterThan(0.8)
    expect(report.test.interval[0]).toBeLessThan(report.test.accuracy)
    expect(JSON.parse(readFileSync(at('out', 'report.json'), 'utf8'))).toEqual(report)
    const { graph } = importModel(readFileSync(at('out', 'model.onnx')), { dims: { batch: 1 } })
    const { input, y } = readNpz(readFileSync(at('test.npz')))
    const rows = input!.data as Float32Array
    const right = Array.from({ length: 90 }, (_, i) => {
      const { output } = evaluate(graph, { input: tensorOf('f32', [1, 4], rows.subarray(4 * i, 4 * i + 4)) })
      const scores = Array.from(output!.data as Float32Array)
      return scores.indexOf(Math.max(...scores)) === y!.data[i]
    })
    expect(right.filter(Boolean).length / 90).toBe(report.test.accuracy)
  })

  it('gives the same files again, and goes on with nothing else', async () => {
    const file = (name: string): Buffer => readFileSync(at(name, 'model.onnx'))
    await attar('train', at('attar.config.ts'), '-o', at('a'))
    await attar('train', at('attar.config.ts'), '-o', at('b'))
    expect(file('b')).toEqual(file('a'))
    expect(await attar('train', at('attar.config.ts'), '-o', at('a'), '--resume', '--seed', '2')).toBe(2)
    expect(err.join('\n')).toContain('of another training')
    expect(await attar('train', at('attar.config.ts'), '-o', at('a'), '--resume', '--keep', 'last')).toBe(2)
    expect(await attar('train', at('attar.config.ts'), '-o', at('a'), '--resume', '--keep', 'best')).toBe(0)
    expect(file('a')).toEqual(file('b'))
  })

  it('is interrupted by Ctrl-C, and goes on to the same files', async () => {
    const args = (name: string) => ['train', at('attar.config.ts'), '-o', at(name), '--epochs', '300']
    expect(await attar(...args('whole'))).toBe(0)
    const child = spawn(process.execPath, ['dist/compiler/cli/main.js', ...args('stopped')])
    let said = ''
    let told = false
    child.stdout.on('data', (text: Buffer) => {
      if (told || !`${text}`.includes('epoch')) return
      told = true
      child.kill('SIGINT')
    })
    child.stderr.on('data', (text: Buffer) => (said += `${text}`))
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(1)
    expect(said).toContain('--resume')
    const stopped = JSON.parse(readFileSync(at('stopped', 'report.json'), 'utf8')) as Report
    expect(stopped.history.length).toBeLessThan(300)
    expect(existsSync(at('stopped', 'model.onnx'))).toBe(true)
    expect(await attar(...args('stopped'), '--resume')).toBe(0)
    for (const file of ['model.onnx', 'checkpoint.npz'])
      expect(readFileSync(at('stopped', file)).equals(readFileSync(at('whole', file))), file).toBe(true)
  })

  it('is killed, and goes on to the same files with another number of workers', async () => {
    const args = (name: string, workers: number) => [
      ...['train', at('attar.config.ts'), '-o', at(name), '--epochs', '200', '--accumulate', '4'],
      ...['--workers', `${workers}`],
    ]
    expect(await attar(...args('one', 1))).toBe(0)
    const child = spawn(process.execPath, ['dist/compiler/cli/main.js', ...args('killed', 2)])
    child.stdout.on('data', (text: Buffer) => {
      if (`${text}`.includes('epoch') && existsSync(at('killed', 'checkpoint.npz'))) child.kill('SIGKILL')
    })
    const [, signal] = (await once(child, 'exit')) as [number, string]
    expect(signal).toBe('SIGKILL')
    expect(existsSync(at('killed', 'model.onnx'))).toBe(false)
    expect(await attar(...args('killed', 3), '--resume')).toBe(0)
    for (const file of ['model.onnx', 'checkpoint.npz'])
      expect(readFileSync(at('killed', file)).equals(readFileSync(at('one', file))), file).toBe(true)
    const { settings } = JSON.parse(readFileSync(at('killed', 'report.json'), 'utf8')) as {
      settings: { train: object }
    }
    expect(settings.train).toEqual({ epochs: 200, batch: 16, learningRate: 0.02, accumulate: 4 })
    expect(await attar('train', at('attar.config.ts'), '-o', at('killed'), '--epochs', '200', '--resume')).toBe(2)
    expect(err.join('\n')).toContain('of another training')
  })

  it('freezes what any of several patterns is of', async () => {
    const args = ['--freeze', 'dense1.weight', '--freeze', '*bias', '--epochs', '1', '--json']
    expect(await attar('train', at('attar.config.ts'), '-o', at('frozen'), ...args), err.join()).toBe(0)
    expect((JSON.parse(out.join('\n')) as { parameters: object }).parameters).toEqual({ all: 67, trained: 24 })
  })

  it('takes what the command line says instead', async () => {
    const args = ['--epochs', '1', '--optimizer', 'sgd', '--val', '20%', '--json']
    expect(await attar('train', at('attar.config.ts'), '-o', at('d'), ...args)).toBe(0)
    const report = JSON.parse(out.join('\n')) as { history: unknown[]; samples: object }
    expect(report.history).toHaveLength(1)
    expect(report.samples).toEqual({ train: 160, validation: 40, test: 90 })
  })

  it('keeps the names of classes with the model', async () => {
    writeFileSync(at('named.config.mjs'), config("classes: ['cat', 'dog', 'fox'],"))
    expect(await attar('train', at('named.config.mjs'), '-o', at('named'), '--epochs', '1')).toBe(0)
    const { metadata } = importModel(readFileSync(at('named', 'model.onnx')), { dims: { batch: 1 } })
    expect(JSON.parse(metadata['classes']!)).toEqual(['cat', 'dog', 'fox'])
  })

  it('calls input and output as the configuration says', async () => {
    const { input: x, y } = readNpz(readFileSync(at('train.npz')))
    writeFileSync(at('points.npz'), writeNpz({ point: x!, y: y! }))
    const names = "names: { input: 'point', output: 'cloud' }, data: { train: 'points.npz' },"
    writeFileSync(at('names.config.ts'), config(names))
    expect(await attar('train', at('names.config.ts'), '-o', at('names'), '--epochs', '1')).toBe(0)
    const { graph } = importModel(readFileSync(at('names', 'model.onnx')), { dims: { batch: 1 } })
    expect([...graph.inputs, ...graph.outputs].map(({ name }) => name)).toEqual(['point', 'cloud'])
  })

  it('trains a model that a JSON file names, and says what it leaves out', async () => {
    const network = model({
      inputs: ['x f32[1,4]'],
      outputs: ['s f32[1,3]', 'other f32[1,4]'],
      nodes: ['s = MatMul(x, w)', 'other = Relu(x)'],
      initializers: [stored('w', tensorOf('f32', [4, 3], new Array<number>(12).fill(0)))],
    })
    writeFileSync(at('model.onnx'), network)
    writeFileSync(at('attar.config.json'), JSON.stringify({ model: 'model.onnx', data: { train: 'train.npz' } }))
    expect(await attar('train', at('attar.config.json'), '-o', at('json'), '--epochs', '1')).toBe(0)
    expect(err.join('\n')).toMatch(/not written: other[^]*taken for scores/)
    writeFileSync(
      at('mistyped.json'),
      JSON.stringify({ model: 'model.onnx', train: { epoch: 3 }, tune: { maxSize: 10 } }),
    )
    expect(await attar('train', at('mistyped.json'), '-o', at('json'))).toBe(2)
    expect(err.join('\n')).toMatch(
      /train\.epoch: there is no such field; did you mean "epochs"\? There are epochs, batch, /,
    )
    expect(err.join('\n')).toContain('tune.maxSize: it is less than 1000 bytes; give a unit, as in "60 kB"')
    writeFileSync(at('other.config.json'), JSON.stringify({ model: 'model.onnx', input: [4] }))
    expect(await attar('train', at('other.config.json'), '-o', at('json'))).toBe(2)
  })
})

describe('a step that is written', () => {
  const program = async (folder: string, name: string) =>
    ((await import(pathToFileURL(at(folder, `${name}.js`)).href)) as { load(): Promise<Model> }).load()

  it('trains without attar, and its states go to the prediction', async () => {
    expect(await attar('train', at('attar.config.ts'), '--emit-step', '--batch', '20', '-o', at('emitted'))).toBe(0)
    expect(err.join('\n')).toContain('not in the step, but up to who runs it: epochs, learningRate, data')
    expect(existsSync(at('emitted', 'model.onnx'))).toBe(false)
    const [step, prediction] = [await program('emitted', 'step'), await program('emitted', 'predict')]
    const { input: x, y } = readNpz(readFileSync(at('train.npz')))
    const points = x!.data as Float32Array
    const right = (): number =>
      Array.from({ length: 200 }, (_, i) => {
        const { output } = prediction.run({ input: points.subarray(4 * i, 4 * i + 4) })
        const scores = Array.from(output as Float32Array)
        return scores.indexOf(Math.max(...scores)) === Number(y!.data[i]) ? 1 : 0
      }).reduce((a: number, b) => a + b, 0)
    expect(right()).toBeLessThan(140)
    for (let i = 0; i < 60; i++) {
      const from = (20 * i) % 200
      const target = Array.from(y!.data.subarray(from, from + 20) as Int32Array)
      const input = points.subarray(4 * from, 4 * from + 80)
      step.run({ input, target, weight: new Array<number>(20).fill(1), learningRate: [0.02] })
    }
    for (const name in prediction.state) prediction.state[name] = step.state[name]!
    expect(right()).toBeGreaterThan(170)
    step.reset()
    expect(Array.from(step.state['step'] as Uint32Array)).toEqual([0])
  })

  it('has a new last layer, and no names of the old classes', async () => {
    const args = ['--classes', '2', '--freeze', '!(head.*)', '--batch', '4', '--emit-step', '-o', at('two'), '--json']
    expect(await attar('train', 'examples/digits/digits.onnx', ...args)).toBe(0)
    const { predict, step } = JSON.parse(out.join('\n')) as Record<'step' | 'predict', { spec: ModuleSpec }>
    expect(predict.spec.metadata).not.toHaveProperty('classes')
    expect(predict.spec.states!.map(({ name }) => name).sort()).toEqual(['head.bias', 'head.weight'])
    expect(step.spec.inputs.map(({ name, shape }) => [name, shape])).toEqual([
      ['image', [4, 1, 28, 28]],
      ['target', [4]],
      ['weight', [4]],
      ['learningRate', []],
    ])
  })

  it.each([
    ['train: { average: 0.9 }', 'train.average: has no effect'],
    ["train: { classWeights: 'balanced' }", 'train.classWeights: has no effect'],
    ["train: { freeze: ['*'] }", 'all parameters are frozen'],
  ])('takes no field of a configuration that it cannot keep: %s', async (more, message) => {
    writeFileSync(at('step.config.ts'), config(more))
    expect(await attar('train', at('step.config.ts'), '--emit-step', '-o', at('none'))).toBe(2)
    expect(err.join('\n')).toContain(message)
  })
})

describe('a mistake', () => {
  const failure = async (...args: string[]): Promise<string> => {
    expect(await attar('train', ...args, '-o', at('none'))).toBe(2)
    expect(existsSync(at('none'))).toBe(false)
    return err.join('\n')
  }
  const changed = (more: string): string => {
    writeFileSync(at('changed.config.ts'), config(more))
    return at('changed.config.ts')
  }

  it.each([
    ['epoch: 3', 'epoch'],
    ['train: { epochs: 0 }', 'train.epochs'],
    ["train: { optimizer: 'adagrad' }", 'train.optimizer'],
    ['train: { accumulate: 0 }', 'train.accumulate'],
    ['train: { workers: 1000 }', 'train.workers'],
    ["train: { optimizer: { name: 'sgd', beta1: 0.5 } }", 'train.optimizer'],
    ["model: 'a.onnx'", 'give one of the two'],
    ['network: [1]', 'network: a network, such as sequential'],
    ["data: { train: 'train.npz', val: '200%' }", 'data.val'],
    [
      'network: sequential([reshape([2, 3]), flatten(), dense(3)])',
      'reshape([2, 3]) is for 6 numbers, and there are [4]',
    ],
    ["names: { input: 'dense1.weight' }", 'cannot be called "dense1.weight"'],
    ["network: undefined, input: undefined, model: 'model.onnx', names: { input: 'x' }", 'names: is for a network'],
    ['classes: 2', '2 classes, and the network gives 3 scores'],
    ['preprocess: { scael: 2 }', 'scael', 'A501'],
  ])('in the configuration is told with its field: %s', async (more, field, code = 'A702') => {
    const message = await failure(changed(more))
    expect(message).toContain(code)
    expect(message).toContain(field)
  })

  it.each([
    ['a label that is no class of the network', ['--train', 'four.npz'], 'A704'],
    ['samples of one class', ['--train', 'one.npz'], 'A704'],
    ['data that is not there', ['--train', 'nothing.npz'], 'A502'],
    ['all samples held out', ['--val', '100%'], 'A702'],
    ['a shape for a network', ['--shape', 'input=4'], 'A702'],
    ['preprocessing of data that is not pictures', ['--scale', '2'], 'A702'],
    ['a pattern of no parameter', ['--freeze', 'convolution*'], 'A702'],
    ['workers without work', ['--workers', '2'], '--accumulate 2'],
    ['more workers than micro-batches', ['--accumulate', '2', '--workers', '4'], '--accumulate 4'],
    ['a batch that does not divide', ['--accumulate', '3'], 'multiple'],
    ['a share beyond 1', ['--label-smoothing', '150%'], 'A702'],
    ['a learning rate of 0', ['--learning-rate', '0'], 'A702'],
    ['smoothing of numbers', ['--loss', 'mean-squared-error', '--label-smoothing', '0.1'], 'A704'],
    ['a new last layer for a network', ['--classes', '2'], 'A702'],
    ['nothing to train', ['--freeze', '*'], 'A702'],
    ['a checkpoint that is not there', ['--resume'], 'A502'],
  ])('in the arguments is told: %s', async (_, args, code) => {
    const paths = args.map((arg) => (arg.endsWith('.npz') ? at(arg) : arg))
    expect(await failure(at('attar.config.ts'), ...paths)).toContain(code)
  })

  it('in the file itself is told', async () => {
    writeFileSync(at('broken.config.ts'), 'export default {')
    expect(await failure(at('broken.config.ts'))).toContain('A702')
    expect(await failure(at('missing.config.ts'))).toContain('A502')
  })
})
