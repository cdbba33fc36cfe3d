import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { readNpz, writeNpz } from '../../compiler/data/index.ts'
import { evaluate, importModel } from '../../compiler/index.ts'
import { commandLine } from '../support/command-line.ts'
import { Random } from '../support/random.ts'

const { at, out, err, attar } = commandLine()

/** Points of three clouds in four dimensions; the class of each is where its largest coordinate mostly is. */
function clouds(count: number, seed: number, classes = 3): Uint8Array {
  const random = new Random(seed)
  const labels = Array.from({ length: count }, (_, i) => i % classes)
  const x = labels.flatMap((label) => [0, 1, 2, 3].map((d) => (d === label ? 1.5 : 0) + 2 * random.float() - 1))
  return writeNpz({ input: tensorOf('f32', [count, 4], x), y: tensorOf('i32', [count], labels) })
}

const config = (more = ''): string => `
import { defineConfig, dense, relu, sequential } from 'attar/config'
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

  it('gives the same files again, and goes on where it was interrupted to the same files', async () => {
    const file = (name: string): Buffer => readFileSync(at(name, 'model.onnx'))
    await attar('train', at('attar.config.ts'), '-o', at('a'))
    await attar('train', at('attar.config.ts'), '-o', at('b'))
    expect(file('b')).toEqual(file('a'))
    // Interrupted after the first epoch, when the checkpoint is there.
    const stop = setInterval(() => existsSync(at('c', 'checkpoint.npz')) && process.emit('SIGINT'), 1)
    const code = await attar('train', at('attar.config.ts'), '-o', at('c')).finally(() => clearInterval(stop))
    if (code === 1) {
      expect(err.join('\n')).toContain('--resume')
      expect(await attar('train', at('attar.config.ts'), '-o', at('c'), '--resume')).toBe(0)
    }
    expect(file('c')).toEqual(file('a'))
    expect(await attar('train', at('attar.config.ts'), '-o', at('c'), '--resume', '--seed', '2')).toBe(2)
    expect(err.join('\n')).toContain('of another training')
  })

  it('takes what the command line says instead', async () => {
    const args = ['--epochs', '1', '--optimizer', 'sgd', '--val', '20%', '--json']
    expect(await attar('train', at('attar.config.ts'), '-o', at('d'), ...args)).toBe(0)
    const report = JSON.parse(out.join('\n')) as { history: unknown[]; samples: object }
    expect(report.history).toHaveLength(1)
    expect(report.samples).toEqual({ train: 160, validation: 40, test: 90 })
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
    ["train: { optimizer: { name: 'sgd', beta1: 0.5 } }", 'train.optimizer'],
    ["model: 'a.onnx'", 'give one of the two'],
    ['network: [1]', 'network: a network, such as sequential'],
    ["data: { train: 'train.npz', val: '200%' }", 'data.val'],
  ])('in the configuration is told with its field: %s', async (more, field) => {
    const message = await failure(changed(more))
    expect(message).toContain('A702')
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
