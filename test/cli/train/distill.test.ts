import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { writeNpz, writePng } from '../../../compiler/data/index.ts'
import { trainableModel } from '../../../compiler/train/index.ts'
import { model, stored } from '../../onnx/build.ts'
import { commandLine } from '../../support/command-line.ts'
import { Random } from '../../support/random.ts'

const { at, out, err, attar } = commandLine()

/** Points of three clouds in four dimensions. */
function clouds(count: number, seed: number, labelled: boolean): Uint8Array {
  const random = new Random(seed)
  const labels = Array.from({ length: count }, (_, i) => i % 3)
  const x = labels.flatMap((label) => [0, 1, 2, 3].map((d) => (d === label ? 1.5 : 0) + 2 * random.float() - 1))
  const input = tensorOf('f32', [count, 4], x)
  return writeNpz({ input, ...(labelled && { y: tensorOf('i32', [count], labels) }) })
}

const config = (fields: string): string => `
import { defineConfig, dense, embedding, flatten, mixup, relu, residual, sequential } from 'attar/config'
export default defineConfig({
  data: { train: 'unlabelled.npz', val: 'unlabelled-val.npz', test: 'test.npz' },
  train: { epochs: 3, batch: 16, learningRate: 0.02 },
  ...{ ${fields} },
})`
const network = 'network: sequential([dense(6), relu(), dense(3)]), input: [4]'

interface Score {
  readonly loss: number
  readonly accuracy?: number
  readonly agreement?: number
}
interface Report {
  readonly pruning?: { readonly macs: { readonly before: number; readonly after: number } }
  readonly student?: {
    readonly removed: readonly string[]
    readonly macs: { readonly before: number; readonly after: number }
    readonly parameters: { readonly before: number; readonly after: number }
  }
  readonly settings: { readonly augment?: readonly string[] }
  readonly history: readonly { readonly train: Score; readonly validation: Score }[]
  readonly best: Score
  readonly test: Score & { readonly interval?: readonly number[]; readonly agreementInterval?: readonly number[] }
}

async function trained(name: string, fields: string, ...args: string[]): Promise<Report> {
  writeFileSync(at(`${name}.config.ts`), config(fields))
  out.length = 0
  expect(await attar('train', at(`${name}.config.ts`), '-o', at(name), '--json', ...args), err.join('\n')).toBe(0)
  return JSON.parse(out.join('\n')) as Report
}

beforeAll(async () => {
  writeFileSync(at('train.npz'), clouds(150, 1, true))
  writeFileSync(at('val.npz'), clouds(60, 2, true))
  writeFileSync(at('test.npz'), clouds(60, 3, true))
  writeFileSync(at('unlabelled.npz'), clouds(150, 4, false))
  writeFileSync(at('unlabelled-val.npz'), clouds(60, 5, false))
  writeFileSync(at('same.npz'), clouds(150, 4, true))
  const ids = Array.from({ length: 40 }, (_, i) => i % 8)
  writeFileSync(
    at('tokens.npz'),
    writeNpz({
      input: tensorOf('i32', [10, 4], ids),
      y: tensorOf(
        'i32',
        [10],
        ids.slice(0, 10).map((id) => id % 3),
      ),
    }),
  )
  const flat = model({
    inputs: ['input f32[1,2,2,1]'],
    outputs: ['y f32[1,3]'],
    nodes: ['f = Flatten(input)', 'y = MatMul(f, w)'],
    initializers: [
      stored(
        'w',
        tensorOf(
          'f32',
          [4, 3],
          Array.from({ length: 12 }, (_, i) => Math.sin(i)),
        ),
      ),
    ],
  })
  writeFileSync(at('flat.onnx'), flat)
  const labelled = ['--train', at('train.npz'), '--val', at('val.npz')]
  await trained('teacher', 'network: sequential([dense(16), relu(), dense(3)]), input: [4]', ...labelled)
  await trained('named', "network: sequential([dense(3)]), input: [4], classes: ['x', 'y', 'z']", ...labelled)
  const block = 'residual([dense(6), relu()])'
  await trained('deep', `network: sequential([dense(6), ${block}, ${block}, dense(3)]), input: [4]`, ...labelled)
})

describe('a training with a teacher', () => {
  it('needs no labels: the agreement with the teacher rises, and those that there are change nothing', async () => {
    const without = `${network}, distill: { teacher: 'teacher/model.onnx', labels: false }`
    const report = await trained('student', without)
    const agreements = report.history.map(({ validation }) => validation.agreement!)
    expect(agreements[2]).toBeGreaterThan(agreements[0]!)
    expect(Object.keys(report.best)).toEqual(['epoch', 'loss', 'agreement'])
    expect(Object.keys(report.test)).toEqual(['loss', 'agreement', 'agreementInterval'])
    expect(report.test.agreement).toBeGreaterThan(0.6)
    const [low, high] = report.test.agreementInterval as [number, number]
    expect(low < report.test.agreement! && report.test.agreement! < high).toBe(true)
    // The teacher's classes have no names, and the test data's labels are of no use.
    expect(trainableModel(readFileSync(at('student', 'model.onnx')), { seed: 1 }).model.activation).toBe('softmax')

    const labelled = await trained('ignored', without, '--train', at('same.npz'))
    expect(labelled.history).toEqual(report.history)
  })

  it('measures the agreement beside the accuracy, and says both', async () => {
    const args = ['--train', at('train.npz'), '--val', at('val.npz'), '--teacher', at('teacher', 'model.onnx')]
    const { test, best } = await trained('both', network, ...args, '--temperature', '3', '--alpha', '60%')
    expect(Object.keys(best)).toEqual(['epoch', 'loss', 'accuracy'])
    expect(Object.keys(test)).toEqual(['loss', 'accuracy', 'agreement', 'interval', 'agreementInterval'])
    out.length = 0
    expect(await attar('train', at('both.config.ts'), '-o', at('both'), '--resume', ...args)).toBe(2)
    expect(err.splice(0).join('\n')).toContain('of another training')
    const same = [...args, '--temperature', '3', '--alpha', '0.6']
    expect(await attar('train', at('both.config.ts'), '-o', at('both'), '--resume', ...same), err.join()).toBe(0)
    expect(out.join('\n')).toMatch(/% right \(95 % interval .*% agreement with the teacher \(95 % interval /)
  })

  it('prunes a model that is its own teacher, without labels', async () => {
    const report = await trained(
      'pruned',
      "model: 'teacher/model.onnx', prune: { macs: '40%' }, distill: { labels: false }",
    )
    expect(report.pruning!.macs.after).toBeLessThanOrEqual(report.pruning!.macs.before * 0.6)
    expect(report.test.agreement).toBeGreaterThan(0.8)
  })

  it('makes a student of blocks of a model', async () => {
    const report = await trained(
      'halved',
      "model: 'deep/model.onnx', student: { blocks: 'half' }, distill: { labels: false }",
    )
    expect(report.student!.removed).toHaveLength(1)
    expect(report.student!.macs).toEqual({ before: 4 * 6 + 2 * 36 + 6 * 3, after: 4 * 6 + 36 + 6 * 3 })
    expect(report.student!.parameters.before - report.student!.parameters.after).toBe(42)
    expect(report.test.agreement).toBeGreaterThan(0.6)
  })

  it('trains on mixed samples, also in a step for a page', async () => {
    const mixed = `${network}, augment: [mixup({ alpha: 0.4 })], distill: { teacher: 'teacher/model.onnx' }`
    const labelled = ['--train', at('train.npz'), '--val', at('val.npz')]
    const first = await trained('mixed', mixed, ...labelled)
    expect(first.test.accuracy).toBeGreaterThan(0.6)
    expect(first.settings.augment).toEqual(['mixup 0.4 1'])
    expect((await trained('plain', mixed.replace(/augment: .*?\)\], /, ''), ...labelled)).history).not.toEqual(
      first.history,
    )
    out.length = 0
    expect(await attar('train', at('mixed.config.ts'), '-o', at('step'), '--emit-step', '--json'), err.join()).toBe(0)
    const { step } = JSON.parse(out.join('\n')) as { step: { spec: { inputs: { name: string; shape: number[] }[] } } }
    expect(step.spec.inputs.find(({ name }) => name === 'target')!.shape).toEqual([16, 3])
  })
})

describe('a teacher that does not go with a training', () => {
  const teacher = (more = ''): string => `distill: { teacher: 'teacher/model.onnx'${more} }`
  it.each<[string, string, string[], RegExp]>([
    ['without labels and without a teacher', network, [], /has no labels[^]*--no-labels/],
    ['a network without one', `${network}, distill: {}`, [], /distill: a network needs a teacher/],
    [
      'another number of classes',
      `network: sequential([dense(4)]), input: [4], ${teacher()}`,
      [],
      /the teacher gives 3 scores, the model that learns from it 4/,
    ],
    [
      'another input',
      `network: sequential([dense(3)]), input: [5], ${teacher()}`,
      [],
      /the teacher takes "input" f32\[1,4\]/,
    ],
    [
      'another end',
      `${network}, train: { loss: 'binary-cross-entropy' }, ${teacher()}`,
      [],
      /the teacher ends in a softmax/,
    ],
    [
      'a temperature for values',
      `${network}, train: { loss: 'mean-squared-error' }, ${teacher(', temperature: 2')}`,
      ['--train', 'train.npz', '--val', '20%'],
      /the temperature has no effect on the loss mean-squared-error|labels, the loss takes/,
    ],
    [
      'alpha without labels',
      `${network}, ${teacher(', labels: false, alpha: 0.5')}`,
      [],
      /alpha has no effect without labels/,
    ],
    ['alpha of nothing', `${network}, ${teacher(', alpha: 0')}`, [], /distill.alpha/],
    [
      'class weights without labels',
      `${network}, train: { classWeights: 'balanced' }, ${teacher(', labels: false')}`,
      [],
      /classWeights has no effect without labels/,
    ],
    [
      'other classes',
      `${network}, classes: ['a', 'b', 'c'], distill: { teacher: 'named/model.onnx', labels: false }`,
      [],
      /the teacher has the classes x, y, z, the data a, b, c/,
    ],
    [
      'gradients of a model that is its teacher',
      "model: 'teacher/model.onnx', prune: { macs: '40%', importance: 'taylor' }, distill: { labels: false }",
      [],
      /importance 'taylor' goes by gradients/,
    ],
    ['no model', `${network}, distill: { teacher: 'train.npz' }`, [], /error A1\d\d[^]*the teacher: /],
    ['options without one', network, ['--temperature', '3'], /--temperature has no effect without a teacher/],
    ['labels without one', network, ['--no-labels'], /--no-labels has no effect without a teacher/],
    ['a student of a network', `${network}, student: { blocks: 'half' }`, [], /student: is made of a model/],
    ['a student of nothing', "model: 'teacher/model.onnx', student: {}", [], /student: say how/],
    ['a student without blocks', "model: 'teacher/model.onnx', student: { blocks: 'half' }", [], /no residual blocks/],
    [
      'mixed tokens',
      "network: sequential([embedding(8, 4), flatten(), dense(3)]), input: { shape: [4], dtype: 'i32' }, augment: [mixup()]",
      ['--train', 'tokens.npz', '--val', '20%', '--test', 'tokens.npz'],
      /augment: mixup 0.2 1 blends numbers of f32; the input input is i32/,
    ],
  ])('%s', async (_, fields, args, message) => {
    writeFileSync(at('wrong.config.ts'), config(fields))
    const placed = args.map((arg) => (arg.endsWith('.npz') ? at(arg) : arg))
    expect(await attar('train', at('wrong.config.ts'), '-o', at('wrong'), ...placed)).toBe(2)
    expect(err.join('\n')).toMatch(message)
    expect(existsSync(at('wrong'))).toBe(false)
  })

  it('other preprocessing', async () => {
    mkdirSync(at('pictures'))
    for (let i = 0; i < 6; i++)
      writeFileSync(
        at('pictures', `${i}.png`),
        await writePng({ width: 2, height: 2, channels: 1, data: Uint8Array.of(i, 9, 40 * i, 200) }),
      )
    const train = (name: string, fields: string, ...args: string[]): Promise<number> => {
      writeFileSync(
        at(`${name}.config.ts`),
        config(`network: sequential([flatten(), dense(3)]), input: [2, 2, 1], ${fields}`),
      )
      return attar('train', at(`${name}.config.ts`), '-o', at(name), '--epochs', '1', ...args)
    }
    const data = ['--train', at('pictures'), '--val', '50%', '--test', at('pictures')]
    const first = "preprocess: { mean: 0.5 }, distill: { teacher: 'flat.onnx', labels: false }"
    expect(await train('one', first, ...data), err.join('\n')).toBe(0)
    const second = "distill: { teacher: 'one/model.onnx', labels: false }"
    expect(await train('two', second, ...data)).toBe(2)
    expect(err.join('\n')).toContain('prepared in another way: mean [0.5], not [0]')
    expect(await train('two', `preprocess: { mean: 0.5 }, ${second}`, ...data), err.join('\n')).toBe(0)
  })
})
