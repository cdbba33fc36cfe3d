import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { nodesOf } from '../../../compiler/core/graph.ts'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import { importModel } from '../../../compiler/index.ts'
import { runPasses } from '../../../compiler/passes/index.ts'
import { commandLine } from '../../support/command-line.ts'
import { Random } from '../../support/random.ts'

const { at, out, err, attar } = commandLine()

/** Points of three clouds in four dimensions, which overlap. */
function clouds(count: number, seed: number): Uint8Array {
  const random = new Random(seed)
  const labels = Array.from({ length: count }, (_, i) => i % 3)
  const x = labels.flatMap((label) => [0, 1, 2, 3].map((d) => (d === label ? 1 : 0) + 2 * random.float() - 1))
  return writeNpz({ input: tensorOf('f32', [count, 4], x), y: tensorOf('i32', [count], labels) })
}

const config = (fields: string): string => `
import { defineConfig, dense, relu, sequential } from 'attar/config'
export default defineConfig({
  network: sequential([dense(16), relu(), dense(3)]),
  input: [4],
  data: { train: 'train.npz', val: 'val.npz', test: 'val.npz' },
  train: { epochs: 1, batch: 16, learningRate: 0.02 },
  ${fields},
})`

interface Score {
  readonly loss: number
  readonly accuracy: number
}

interface Report {
  readonly history: readonly unknown[]
  readonly best: { readonly epoch: number }
  readonly test: Score
  readonly quantization: {
    readonly float: Score
    readonly before: Score
    readonly after: Score
    readonly helped: boolean
    readonly kept: boolean
    readonly quantization: { readonly bytes: number; readonly floatBytes: number }
  }
}

async function trained(name: string, path: string, ...args: string[]): Promise<Report> {
  out.length = 0
  err.length = 0
  expect(await attar('train', path, '-o', at(name), '--json', ...args), err.join('\n')).toBe(0)
  expect(err.join('\n')).not.toContain('gives other numbers')
  return JSON.parse(out.join('\n')) as Report
}

beforeAll(() => {
  writeFileSync(at('train.npz'), clouds(240, 1))
  writeFileSync(at('val.npz'), clouds(120, 2))
  writeFileSync(at('int8.config.ts'), config("quantize: { mode: 'int8', epochs: 2, learningRate: 0.01 }"))
})

describe('a training with integers', () => {
  it('comes after that in floats, and goes on where it was interrupted', async () => {
    const report = await trained('int8', at('int8.config.ts'))
    const { float, before, after, helped, quantization } = report.quantization
    expect(report.history).toHaveLength(2)
    expect(float.accuracy).toBeGreaterThan(0.5)
    expect(before.accuracy).toBeGreaterThan(0.5)
    expect(after.loss).toBeLessThan(before.loss)
    expect(helped).toBe(true)
    expect(quantization.bytes).toBeLessThan(quantization.floatBytes * 0.6)
    // The same data: what was chosen is what was scored.
    expect(report.test.loss).toBeCloseTo(after.loss, 10)
    const model = readFileSync(at('int8', 'model.onnx'))
    const passed = runPasses(importModel(model, { dims: { batch: 1 } }).graph)
    const products = nodesOf(passed).filter(({ op }) => op === 'dot_general')
    expect(products.map(({ results }) => results[0]!.type.dtype)).toEqual(['i32', 'i32'])
    // A checkpoint of another training is refused; one that is whole has nothing left to do.
    const whole = readFileSync(at('int8', 'checkpoint-2.npz'))
    writeFileSync(at('int8', 'checkpoint-2.npz'), readFileSync(at('int8', 'checkpoint-1.npz')))
    expect(await attar('train', at('int8.config.ts'), '-o', at('int8'), '--resume')).toBe(2)
    expect(err.splice(0).join('\n')).toContain('of another training')
    writeFileSync(at('int8', 'checkpoint-2.npz'), whole)
    expect(await trained('int8', at('int8.config.ts'), '--resume')).toEqual(report)
    expect(readFileSync(at('int8', 'model.onnx'))).toEqual(model)
  })

  it('takes a model as it is, and keeps it where training did not help', async () => {
    writeFileSync(at('float.config.ts'), config('seed: 1'))
    await trained('float', at('float.config.ts'))
    const settings = { model: 'float/model.onnx', data: { train: 'train.npz', val: 'val.npz' } }
    // So small a step changes no integer.
    writeFileSync(at('still.json'), JSON.stringify({ ...settings, quantize: { epochs: 1, learningRate: 1e-12 } }))
    expect(await attar('train', at('still.json'), '-o', at('still'))).toBe(0)
    expect(out.join('\n')).toContain('training with integers did not help')
    expect(existsSync(at('still', 'checkpoint-1.npz'))).toBe(true)
    expect(existsSync(at('still', 'checkpoint-2.npz'))).toBe(false)
    const still = JSON.parse(readFileSync(at('still', 'report.json'), 'utf8')) as Report
    expect(still.quantization).toMatchObject({ helped: false, kept: false })
    expect(still.best.epoch).toBe(-1)
    expect(await attar('train', at('still.json'), '-o', at('last'), '--keep', 'last')).toBe(0)
    expect(out.join('\n')).toContain('did not help: the model is written as it was in the last epoch')
    const last = JSON.parse(readFileSync(at('last', 'report.json'), 'utf8')) as Report
    expect(last.quantization).toMatchObject({ helped: false, kept: true })
    expect(last.best.epoch).toBe(0)
  })

  it.each([
    ["quantize: { mode: 'int8', bits: 4 }", [], "bits are for mode 'weights'"],
    ['quantize: { bits: 5 }', [], 'quantize.bits'],
    ["quantize: { mode: 'int8' }", ['--emit-step'], 'quantize: has no effect with --emit-step'],
  ])('refuses what cannot be: %s', async (fields, args, message) => {
    writeFileSync(at('bad.config.ts'), config(fields))
    expect(await attar('train', at('bad.config.ts'), '-o', at('none'), ...args)).toBe(2)
    expect(err.join('\n')).toContain(message)
  })
})
