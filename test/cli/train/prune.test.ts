import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { CostCounter, couplings } from '../../../compiler/compress/prune/index.ts'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import { compile, importModel } from '../../../compiler/index.ts'
import { trainableModel } from '../../../compiler/train/index.ts'
import { commandLine } from '../../support/command-line.ts'
import { Random } from '../../support/random.ts'

const { at, out, err, attar } = commandLine()

/** Points of three clouds in four dimensions. */
function clouds(count: number, seed: number): Uint8Array {
  const random = new Random(seed)
  const labels = Array.from({ length: count }, (_, i) => i % 3)
  const x = labels.flatMap((label) => [0, 1, 2, 3].map((d) => (d === label ? 1.5 : 0) + 2 * random.float() - 1))
  return writeNpz({ input: tensorOf('f32', [count, 4], x), y: tensorOf('i32', [count], labels) })
}

const config = (prune: string): string => `
import { defineConfig, dense, relu, sequential } from 'attar/config'
export default defineConfig({
  network: sequential([dense(64), relu(), dense(32), relu(), dense(3)]),
  input: [4],
  data: { train: 'train.npz', val: 'val.npz' },
  train: { epochs: 2, batch: 16, learningRate: 0.02 },
  prune: { ${prune} },
})`

/** The report of a training by a configuration. */
async function trained(name: string, prune: string, ...args: string[]): Promise<Report> {
  writeFileSync(at(`${name}.config.ts`), config(prune))
  out.length = 0
  expect(await attar('train', at(`${name}.config.ts`), '-o', at(name), '--json', ...args), err.join('\n')).toBe(0)
  return JSON.parse(out.join('\n')) as Report
}

interface Report {
  readonly history: readonly unknown[]
  readonly best: { readonly accuracy: number }
  readonly parameters: { readonly all: number }
  readonly pruning: {
    readonly layers: readonly { readonly node: string; readonly before: number; readonly after: number }[]
    readonly macs: { readonly before: number; readonly after: number }
    readonly parameters: { readonly before: number; readonly after: number }
    readonly bytes?: number
    readonly rounds: number
  }
}

beforeAll(() => {
  writeFileSync(at('train.npz'), clouds(150, 1))
  writeFileSync(at('val.npz'), clouds(60, 2))
})

const macs = 4 * 64 + 64 * 32 + 32 * 3

describe('a training with pruning', () => {
  it('gives a model of fewer channels, and says which', async () => {
    const { pruning, parameters, best } = await trained('half', "macs: '50%'")
    expect(pruning.macs.before).toBe(macs)
    expect(pruning.macs.after).toBeLessThanOrEqual(macs / 2)
    expect(pruning.parameters.after).toBe(parameters.all)
    expect(best.accuracy).toBeGreaterThan(0.8)
    const width = (node: string, before: number): number =>
      pruning.layers.find((layer) => layer.node === node)?.after ?? before
    const [first, second] = [width('dense1', 64), width('dense2', 32)]
    expect(pruning.macs.after).toBe(4 * first + first * second + second * 3)
    const { model } = trainableModel(readFileSync(at('half', 'model.onnx')), { seed: 1 })
    const { costs } = new CostCounter(couplings(model), model.parameters)
    expect(costs).toMatchObject({ macs: pruning.macs.after, params: pruning.parameters.after })
  })

  it('has rounds, and goes on after each from where it was', async () => {
    const prune = "params: '60%', importance: 'taylor', scope: 'layer', steps: 3, epochs: 1"
    const report = await trained('rounds', prune)
    expect(report.pruning.rounds).toBe(3)
    expect(report.pruning.parameters.after / report.pruning.parameters.before).toBeLessThanOrEqual(0.4)
    expect(report.history).toHaveLength(2)
    const model = readFileSync(at('rounds', 'model.onnx'))
    // The last training is done again, those before are not.
    const checkpoint = readFileSync(at('rounds', 'checkpoint-4.npz'))
    writeFileSync(at('rounds', 'checkpoint-4.npz'), readFileSync(at('rounds', 'checkpoint-2.npz')))
    expect(await attar('train', at('rounds.config.ts'), '-o', at('rounds'), '--resume')).toBe(2)
    expect(err.splice(0).join('\n')).toContain('of another training')
    writeFileSync(at('rounds', 'checkpoint-4.npz'), checkpoint)
    expect(await trained('rounds', prune, '--resume')).toEqual(report)
    expect(readFileSync(at('rounds', 'model.onnx'))).toEqual(model)
  })

  it('keeps to a size of the module', async () => {
    const { pruning } = await trained('size', "size: '9 kB'")
    const { modules } = await compile(readFileSync(at('size', 'model.onnx')), { dims: { batch: 1 }, targets: ['simd'] })
    expect(modules.simd!.length).toBeLessThanOrEqual(9000)
    expect(pruning.bytes).toBeGreaterThan(8000)
  })

  it('trains the same widths from nothing, as long as all before', async () => {
    const { pruning } = await trained('half', "macs: '50%'")
    const scratch = await trained('scratch', "macs: '50%', from: 'scratch'")
    expect(scratch.pruning).toEqual(pruning)
    expect(scratch.history).toHaveLength(4)
  })

  it('takes a model and --prune', async () => {
    await trained('half', "macs: '50%'")
    const args = [
      'train',
      at('half', 'model.onnx'),
      '--train',
      at('train.npz'),
      '--epochs',
      '1',
      '--prune',
      '30%,params=30%',
    ]
    expect(await attar(...args, '-o', at('again')), err.join('\n')).toBe(0)
    expect(out.join('\n')).toMatch(/output channels of layers:[^]*→[^]*multiply-adds of a sample: [^]*less/)
    const { graph } = importModel(readFileSync(at('again', 'model.onnx')), { dims: { batch: 1 } })
    expect(graph.outputs[0]!.value.type.shape).toEqual([1, 3])
  })

  it.each([
    ["macs: '99.9%'", 'cannot be made so small'],
    ["size: '1000 B'", 'cannot be made so small'],
    ['size: 100', 'prune.size: it is less than 1000 bytes; give a unit, as in "60 kB"'],
    ["importance: 'l2'", 'prune: give a target'],
    ["macs: '50%', epochs: 2", 'no effect with steps 1'],
    ["macs: '100%'", 'prune.macs'],
    ["size: '9 kilobytes'", 'prune.size'],
    ["latency: '1ms'", 'latency needs a plan'],
    ["macs: '50%', plan: 'plan.json'", 'latency needs a plan'],
  ])('refuses what cannot be: %s', async (prune, message) => {
    writeFileSync(at('bad.config.ts'), config(prune))
    expect(await attar('train', at('bad.config.ts'), '-o', at('none'))).toBe(2)
    expect(err.join('\n')).toContain(message)
  })

  it('says where no channel can go', async () => {
    const args = ['train', at('half', 'model.onnx'), '--train', at('train.npz'), '--prune', '30%']
    expect(await attar(...args, '--freeze', '*weight', '-o', at('none'))).toBe(2)
    expect(err.join('\n')).toContain('no channels of this model can go')
  })
})
