import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { sparsifyOptions } from '../../../compiler/cli/train/sparsify.ts'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import { compile } from '../../../compiler/index.ts'
import { dense, sequential, trainableNetwork } from '../../../compiler/train/network/index.ts'
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

const config = (more: string): string => `
import { defineConfig, dense, relu, sequential } from 'attar/config'
export default defineConfig({
  network: sequential([dense(128), relu(), dense(128), relu(), dense(3)]),
  input: [4],
  data: { train: 'train.npz', val: 'val.npz' },
  train: { epochs: 3, batch: 16, learningRate: 0.02 },
  ${more}
})`

interface Report {
  readonly best: { readonly accuracy: number }
  readonly sparsity: {
    readonly layers: readonly unknown[]
    readonly bytes: { readonly before: number; readonly after: number }
  }
}

beforeAll(() => {
  writeFileSync(at('train.npz'), clouds(150, 1))
  writeFileSync(at('val.npz'), clouds(60, 2))
  writeFileSync(at('plain.config.ts'), config(''))
  writeFileSync(at('thin.config.ts'), config(`sparsify: { share: 0.2, layers: ['dense2*'] }`))
})

describe('train --sparsify', () => {
  it('makes the share of weights zero, says so, and writes a model that compile makes smaller', async () => {
    out.length = 0
    const code = await attar('train', at('thin.config.ts'), '--sparsify', '75%', '-o', at('thin'), '--json')
    expect(code, err.join('\n')).toBe(0)
    const { sparsity, best } = JSON.parse(out.join('\n')) as Report
    expect(sparsity.layers).toEqual([{ parameter: 'dense2.weight', weights: 16384, zeros: 12288 }])
    expect(best.accuracy).toBeGreaterThan(0.5)
    expect(sparsity.bytes.after).toBeLessThan(sparsity.bytes.before - 3000)
    const { modules, report } = await compile(readFileSync(at('thin/model.onnx')), { dims: { batch: 1 } })
    expect(modules.simd!.length).toBeLessThan(sparsity.bytes.after + 1000)
    expect(report.kernels.map(({ kernel }) => kernel)).toContain('f32_spmv_1x4')
  })

  it('takes single weights of the layers that are named', async () => {
    const more = `sparsify: { share: 0.8, blocks: 'none', layers: ['dense2*'], start: 0, end: '50%' }`
    writeFileSync(at('named.config.ts'), config(more))
    out.length = 0
    expect(await attar('train', at('named.config.ts'), '-o', at('named')), err.join('\n')).toBe(0)
    expect(out.join('\n')).toMatch(
      /weights that are zero:\n {2}dense2\S+ {2}13,107 of 16,384 \(80\.00 %\)\nbytes of the.*, with --sparse size/,
    )
  })

  it.each([
    ['beside pruning', `sparsify: { share: 0.5 }, prune: { macs: 0.5 }`, 'sparsify stands alone'],
    ['beside integers', `sparsify: { share: 0.5 }, quantize: {}`, 'sparsify stands alone'],
    ['of nothing', `sparsify: { share: 0.5, layers: ['*.bias'] }`, 'no weights that could become zero'],
    ['of what is not there', `sparsify: { share: 0.5, layers: ['conv*'] }`, 'no parameter is called "conv*"'],
    ['backwards', `sparsify: { share: 0.5, start: 0.9, end: 0.2 }`, 'start is before end'],
    ['with --emit-step', `sparsify: { share: 0.5 }`, 'sparsify: has no effect with --emit-step', '--emit-step'],
  ])('is refused %s', async (_, more, message, ...args) => {
    writeFileSync(at('refused.config.ts'), config(more))
    err.length = 0
    expect(await attar('train', at('refused.config.ts'), '-o', at('refused'), ...args)).not.toBe(0)
    expect(err.join('\n')).toContain(message)
  })
})

describe('sparsifyOptions', () => {
  it.each([
    [{}, { start: 0.1, end: 0.6 }],
    [{ end: 0.05 }, { start: 0.05, end: 0.05 }],
    [{ start: 0.9 }, { start: 0.9, end: 0.9 }],
  ])('of %o keep what is given', async (given, expected) => {
    const model = trainableNetwork(sequential([dense(3)]), {
      ...{ input: { dtype: 'f32', shape: [4] }, activation: 'softmax', seed: 1 },
    })
    const names = new Set(model.parameters.map(({ name }) => name))
    expect(await sparsifyOptions({ share: 0.5, ...given }, model, names, new Set())).toMatchObject(expected)
  })
})

describe('compile --sparse', () => {
  const compiled = async (model: string, ...args: string[]): Promise<string> => {
    ;[out, err].forEach((lines) => (lines.length = 0))
    await attar('compile', at(model), '--dim', 'batch=1', '-o', at('compiled'), ...args)
    return [...out, ...err].join('\n')
  }

  it('says what is left out, and leaves nothing out with off', async () => {
    expect(await compiled('thin/model.onnx')).toMatch(/MACs by zero +[\d,]+ +left out in \d kernels/)
    expect(await compiled('thin/model.onnx', '--sparse', 'off')).not.toContain('MACs by zero')
    expect(await compiled('thin/model.onnx', '--sparse', 'size')).toContain('MACs by zero')
  })

  it('refuses size where nothing gets smaller', async () => {
    expect(await attar('train', at('plain.config.ts'), '-o', at('full'), '--epochs', '1')).toBe(0)
    expect(await compiled('full/model.onnx', '--sparse', 'size')).toContain('--sparse size has no effect')
  })
})
