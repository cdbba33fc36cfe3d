import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { evaluate } from '../../../compiler/core/evaluate.ts'
import { evaluator } from '../../../compiler/core/executor.ts'
import { nodesOf } from '../../../compiler/core/graph.ts'
import { runPasses } from '../../../compiler/passes/index.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import { importModel, prune, type Report } from '../../../compiler/index.ts'
import type { PackageReport } from '../../../compiler/package/index.ts'
import type { PlanFile } from '../../../compiler/config/plan.ts'
import { model, node, stored } from '../../onnx/build.ts'
import { commandLine } from '../../support/command-line.ts'
import { Random } from '../../support/random.ts'

const random = new Random(7)
const floats = (shape: number[], scale = 1) =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => (random.float() - 0.5) * scale),
  )

/** `small` of the channels have small weights; their biases come through padding all the same. */
const channels = 16
const small = 8
const scaled = ({ shape, data }: Tensor): Tensor => {
  const each = data.length / channels
  return tensorOf(
    'f32',
    shape,
    toNumbers({ dtype: 'f32', shape, data }).map((x, i) => (Math.floor(i / each) % 2 === 0 ? x * 0.1 : x)),
  )
}
const network = model({
  inputs: ['image f32[1,2,6,6]', 'h f32[1,3]'],
  outputs: ['scores f32[1,3,6,6]', 'hn f32[1,3]'],
  nodes: [
    node('a = Conv(image, w, bias)', { name: 'first', attributes: { pads: [1, 1, 1, 1] } }),
    'c = Relu(a)',
    node('d = Conv(c, v, last)', { name: 'second', attributes: { pads: [1, 1, 1, 1] } }),
    'm = ReduceMean(d)',
    'k = Reshape(m, one)',
    'hn = Add(h, k)',
    's = Sub(d, m)',
    'scores = Add(s, m)',
  ],
  initializers: [
    stored('w', scaled(floats([channels, 2, 3, 3]))),
    stored(
      'bias',
      tensorOf(
        'f32',
        [channels],
        [...Array(channels).keys()].map((i) => (i % 2 === 0 ? 0.3 : 0.1)),
      ),
    ),
    stored('v', floats([3, channels, 3, 3])),
    stored('last', floats([3])),
    stored('one', tensorOf('i64', [2], [1n, 1n])),
  ],
})

const { at, out, err, attar } = commandLine()
const samples = Array.from({ length: 6 }, () => ({ image: floats([1, 2, 6, 6]), h: floats([1, 3], 0) }))
const report = (name: string): Report =>
  (JSON.parse(readFileSync(at(name, 'report.json'), 'utf8')) as PackageReport).compilation

beforeAll(() => {
  writeFileSync(at('m.onnx'), network)
  const all = samples.flatMap(({ image }) => toNumbers(image))
  writeFileSync(at('data.npz'), writeNpz({ image: tensorOf('f32', [6, 2, 6, 6], all) }))
})

const { graph } = importModel(network)

/** The mean of each channel of `scores` over the samples. */
function means(of: typeof graph): number[] {
  const sums = [0, 0, 0]
  for (const sample of samples)
    toNumbers(evaluate(of, sample)['scores']!).forEach((x, i) => (sums[Math.floor(i / 36)]! += x / 36 / samples.length))
  return sums
}

describe('pruning without training', () => {
  it('takes the channels of least weight, and keeps the mean of what follows', async () => {
    const options = { targets: { params: 0.45 }, executor: evaluator }
    const without = await prune(network, { ...options, calibration: [] })
    const corrected = await prune(network, { ...options, calibration: samples })
    for (const { pruning } of [without, corrected])
      expect(pruning.layers).toEqual([{ node: 'first', before: channels, after: channels - small }])
    expect([without.pruning.corrected, corrected.pruning.corrected]).toEqual([0, 1])
    const far = (of: typeof graph): number => Math.max(...means(of).map((x, i) => Math.abs(x - means(graph)[i]!)))
    expect(far(without.graph)).toBeGreaterThan(0.05)
    expect(far(corrected.graph)).toBeLessThan(1e-5)
    // One number for each channel, and nothing as long as the result.
    const stored = (of: typeof graph): number =>
      nodesOf(runPasses(of)).reduce((sum, each) => sum + (each.op === 'constant' ? each.attrs.value.data.length : 0), 0)
    expect(stored(corrected.graph)).toBeLessThanOrEqual(stored(without.graph) + 3)
  })

  const state = ['--state', 'h=hn']
  it('goes before quantization, with states, and reports what each cost', async () => {
    const args = ['--prune', '30%', '--quantize', 'int8', '--calib', at('data.npz'), '--val', at('data.npz')]
    expect(await attar('compile', at('m.onnx'), '-o', at('both'), ...args, ...state), err.join('\n')).toBe(0)
    const { pruning, quantization, states } = report('both')
    expect(states).toHaveLength(1)
    expect(pruning).toMatchObject({ corrected: 1, samples: 6, layers: [{ node: 'first', before: channels }] })
    expect(pruning!.macs.after / pruning!.macs.before).toBeLessThanOrEqual(0.7)
    expect(quantization!.layers.map(({ name }) => name)).toEqual(['first', 'second'])
    for (const { accuracy } of [pruning!, quantization!]) expect(accuracy).toMatchObject({ samples: 6 })
    expect(out.join('\n')).toMatch(/output channels of layers:[^]*first +16 → [^]*mean of what is gone[^]*agreement/)
  })

  it.each([[[]], [['--quantize', 'weights']]])('keeps to bytes of the module: %j', async (more) => {
    const compile = async (name: string, ...args: string[]): Promise<number> => {
      const given = [at('m.onnx'), '-o', at(name), '--target', 'simd', ...more, ...state, ...args]
      expect(await attar('compile', ...given), err.join('\n')).toBe(0)
      return readFileSync(at(name, 'model.wasm')).length
    }
    const most = (await compile('whole')) - 250
    const bytes = await compile('size', '--prune', `size=${most / 1000}kB`)
    expect(bytes).toBeLessThanOrEqual(most)
    expect(bytes).toBeGreaterThan(most - 600)
    expect(report('size').pruning!.bytes).toBe(bytes)
  })

  it('says where more was lost than may be', async () => {
    const args = ['--prune', '80%', '--val', at('data.npz'), '--max-drop', '0.1%', ...state]
    expect(await attar('compile', at('m.onnx'), '-o', at('drop'), ...args)).toBe(1)
    expect(err.join('\n')).toContain('the budget is not kept')
  })

  it('keeps to milliseconds by the times of a plan, and the same plan gives the same bytes', async () => {
    expect(await attar('bench', at('m.onnx'), '--layers', '--plan', at('plan.json'))).toBe(0)
    const plan = JSON.parse(readFileSync(at('plan.json'), 'utf8')) as PlanFile
    expect(plan.kernels.flatMap(({ nodes }) => nodes)).toEqual(expect.arrayContaining(['first', 'second']))
    expect(plan.runMs).toBeGreaterThan(0)
    // Times of which all is known: 8 ms of the products, 2 ms of the rest.
    const total = plan.kernels.filter(({ macs }) => macs > 0).length
    const kernels = plan.kernels.map((each) => ({
      ...each,
      ms: each.macs > 0 ? 8 / total : 2 / (plan.kernels.length - total),
    }))
    writeFileSync(at('plan.json'), JSON.stringify({ ...plan, runMs: 10, kernels }))
    const args = ['--prune', 'latency=7.5ms', '--plan', at('plan.json'), '--target', 'simd']
    const modules = []
    for (const name of ['once', 'again']) {
      expect(await attar('compile', at('m.onnx'), '-o', at(name), ...args), err.join('\n')).toBe(0)
      modules.push(readFileSync(at(name, 'model.wasm')))
    }
    expect(modules[0]).toEqual(modules[1])
    const { latency, layers } = report('once').pruning!
    expect(latency!.before).toBeCloseTo(10, 9)
    expect(latency!.after).toBeLessThanOrEqual(7.5)
    // Half of the columns of the first product, and of what the second sums up.
    expect(layers).toEqual([{ node: 'first', before: channels, after: channels - small }])
    expect(latency!.after).toBeGreaterThan(4)
    expect(out.join('\n')).toContain('milliseconds of a run: 10.0 → ')

    const other = kernels.map((each) => ({ ...each, nodes: each.nodes.map((node) => `${node}2`) }))
    writeFileSync(at('other.json'), JSON.stringify({ ...plan, kernels: other }))
    const wrong = [...args.with(3, at('other.json')), '-o', at('none')]
    expect(await attar('compile', at('m.onnx'), ...wrong)).toBe(2)
    expect(err.join('\n')).toContain('the plan is of another model')
  })

  it.each([
    ['99.9%', 'A702', 'cannot be made so small'],
    ['size=10', 'A501', 'it is less than 1000 bytes; give a unit'],
    ['size=1000B', 'A702', 'cannot be made so small'],
    ['params=120%', 'A501', '--prune: params'],
    ['latency=1ms', 'A501', 'latency needs a plan'],
    ['size=9kilobytes', 'A501', '--prune: size'],
    ['weights=50%', 'error', 'It is not like 50%'],
    ['50%,macs=20%', 'error', 'two targets for macs'],
  ])('refuses %s', async (targets, code, message) => {
    expect(await attar('compile', at('m.onnx'), '-o', at('none'), '--prune', targets)).toBe(2)
    expect(err.join('\n')).toContain(code)
    expect(err.join('\n')).toContain(message)
  })
})
