import { beforeAll, describe, expect, it } from 'vitest'
import { describeQuantization } from '../../compiler/cli/compile/quantization.ts'
import { layerErrors } from '../../compiler/compress/techniques/correct-bias.ts'
import { equalize } from '../../compiler/compress/techniques/equalize.ts'
import { quantize, type QuantizeOptions, type Sample } from '../../compiler/compress/index.ts'
import { layersOf } from '../../compiler/compress/layers.ts'
import { planOf } from '../../compiler/compress/plan.ts'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { evaluator } from '../../compiler/core/executor.ts'
import type { Expr } from '../../compiler/core/scalar/expr.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Graph } from '../../compiler/core/graph.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { quantizationPage } from '../../compiler/package/quantization-page.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf, randomTensor } from '../support/run-graph.ts'
import { constant, convolve, digitsNetwork, named, randomValues, type DigitsCase } from './networks.ts'

const samplesFor = (graph: Graph, count: number, seed = 1): Sample[] => {
  const random = new Random(seed)
  return Array.from({ length: count }, () =>
    Object.fromEntries(graph.inputs.map(({ name, value }) => [name, randomTensor(random, 'f32', value.type.shape)])),
  )
}

const code = async (run: Promise<unknown>): Promise<string | undefined> => {
  const error = await run.then(
    () => undefined,
    (e: unknown) => e,
  )
  return error instanceof CompileError ? error.message : String(error)
}

describe('a classifier of digits', () => {
  let digits: DigitsCase
  let options: QuantizeOptions
  beforeAll(async () => {
    digits = await digitsNetwork(500, 300)
    const { samples, labels } = digits
    options = {
      ...{ mode: 'int8', executor: compiledExecutor, calibration: samples.slice(0, 100) },
      validation: { samples: samples.slice(100), labels: labels.slice(100) },
    }
  })

  it('loses less than a point of accuracy and three quarters of its weights', async () => {
    const { graph, report } = await quantize(digits.graph, { ...options, sensitivity: true })
    verify(graph)
    const { accuracy, layers, bytes, floatBytes } = report
    expect(accuracy!.metric).toBe('top1')
    expect(accuracy!.float).toBeGreaterThan(0.7)
    expect(accuracy!.drop).toBeLessThanOrEqual(0.01)
    expect(accuracy!.agreement).toBeGreaterThan(0.97)
    expect(bytes / floatBytes).toBeLessThan(0.27)
    expect(layers.map(({ name, kept }) => [name, kept])).toEqual([
      ['conv', null],
      ['classes', null],
    ])
    for (const layer of layers) {
      expect(layer.weightsSqnrDb).toBeGreaterThan(35)
      expect(layer.sensitivity).toBeGreaterThan(0)
      expect(layer.inputs[0]!.histogram.counts.reduce((a, n) => a + n, 0)).toBeGreaterThan(1000)
    }
    // Compiled and evaluated, the integers are the same.
    const run = await compiledExecutor.prepare(graph)
    for (const sample of options.calibration.slice(0, 3)) {
      const [a, b] = [toNumbers(run(sample).y0!), toNumbers(evaluate(graph, sample).y0!)]
      a.forEach((x, i) => expect(Math.abs(x - b[i]!)).toBeLessThan(1e-3 * Math.max(1, Math.abs(b[i]!))))
    }
  })

  it('gives the same for the same seed', async () => {
    const text = async (seed: number): Promise<string> =>
      printGraph((await quantize(digits.graph, { ...options, samples: 20, validation: undefined, seed })).graph)
    expect(await text(5)).toBe(await text(5))
    expect(await text(5)).not.toBe(await text(6))
  })

  it('stores weights alone in a quarter of the bytes', async () => {
    const { graph, report } = await quantize(digits.graph, { ...options, mode: 'weights' })
    expect(report.accuracy!.drop).toBeLessThanOrEqual(0.005)
    const bytes = async (g: Graph): Promise<number> => (await compileGraph(g, { targets: ['simd'] })).report.weights
    expect((await bytes(graph)) / (await bytes(digits.graph))).toBeLessThan(0.35)
  })

  it('stores weights of 4 bits in an eighth of the bytes', async () => {
    const { graph, report } = await quantize(digits.graph, { ...options, mode: 'weights', bits: 4 })
    verify(graph)
    expect(report.accuracy!.drop).toBeLessThanOrEqual(0.03)
    expect(report.layers.map(({ name, bits }) => [name, bits])).toEqual([
      // 25 products for each result: few, and of little weight.
      ['conv', 8],
      ['classes', 4],
    ])
    const weights = async (bits: 4 | 8): Promise<number> => {
      const quantized = await quantize(digits.graph, { ...options, mode: 'weights', bits, validation: undefined })
      return (await compileGraph(quantized.graph, { targets: ['simd'] })).report.weights
    }
    // 392 rows of ten classes, which blocks of eight make sixteen.
    expect((await weights(8)) - (await weights(4))).toBe((392 * 16) / 2)
    const run = await compiledExecutor.prepare(graph)
    for (const sample of options.calibration.slice(0, 3)) {
      const [a, b] = [toNumbers(run(sample).y0!), toNumbers(evaluate(graph, sample).y0!)]
      a.forEach((x, i) => expect(Math.abs(x - b[i]!)).toBeLessThan(1e-3 * Math.max(1, Math.abs(b[i]!))))
    }
  })

  it('gives layers 8 bits where 4 cost too much', async () => {
    const tried = async (bits: 4 | 8, maxDrop?: number) => {
      const validation = { samples: digits.samples.slice(100, 140) }
      const quantized = await quantize(digits.graph, {
        ...{ ...options, mode: 'weights', bits, metric: 'mse', validation, maxDrop },
      })
      return quantized.report
    }
    const [wide, narrow] = [(await tried(8)).accuracy!.drop, (await tried(4)).accuracy!.drop]
    expect(narrow).toBeGreaterThan(10 * wide)
    const report = await tried(4, (wide + narrow) / 2)
    expect(report.withinBudget).toBe(true)
    expect(report.layers.map(({ bits, kept }) => [bits, kept])).toEqual([
      [8, null],
      [8, null],
    ])
    expect(report.techniques.some((text) => /layers with weights of 8 bits/.test(text))).toBe(true)
  })

  it('refuses bits that no weights have', async () => {
    expect(await code(quantize(digits.graph, { ...options, bits: 4 }))).toMatch(/A501[^]*only weights/)
    const bits = 2 as 4
    expect(await code(quantize(digits.graph, { ...options, mode: 'weights', bits }))).toMatch(
      /A501[^]*3, 4 or 8 bits, not 2/,
    )
  })

  it('says when there are too few samples to tell', async () => {
    const few = { samples: digits.samples.slice(100, 110), labels: digits.labels.slice(100, 110) }
    const { report } = await quantize(digits.graph, { ...options, validation: few, maxDrop: 0, metric: 'mse' })
    expect(report.withinBudget).toBe(false)
    const { report: loose } = await quantize(digits.graph, { ...options, maxDrop: 0.0001 })
    const [low, high] = loose.accuracy!.interval
    const unclear = low <= 0.0001 && high > 0.0001
    expect(loose.notes.some((note) => note.includes('too few'))).toBe(unclear)
  })
})

describe('equalization', () => {
  // Channels whose ranges differ a thousandfold share one scale; the depthwise reader undoes that for nothing.
  const random = new Random(2)
  const x = inputOf('x', 'f32', [1, 2, 6, 6])
  const spread = [1, 0.1, 0.01, 0.001]
  const first = convolve(
    named('spread'),
    x,
    constant(
      [4, 2, 1, 1],
      spread.flatMap((s) => randomValues(random, 2, s)),
    ),
    spread.map((s) => 0.1 * s),
  )
  const depthwise = constant(
    [4, 1, 3, 3],
    spread.flatMap((s) => randomValues(random, 9, 1 / s)),
  )
  const y = convolve(named('depthwise'), first, depthwise, [0, 0, 0, 0], { pad: 1, groups: 4 })
  const graph = graphOf([x], [y])

  it('computes the same in floats', async () => {
    const prepared = runPasses(graph)
    const [sample] = samplesFor(graph, 1)
    const equalized = await equalize(prepared, [sample!], evaluator, () => {})
    expect(equalized).not.toBe(prepared)
    const [a, b] = [prepared, equalized].map((g) => toNumbers(evaluate(g, sample!).y0!))
    a!.forEach((v, i) => expect(v).toBeCloseTo(b![i]!, 4))
  })

  it('looks at each part of what stands between once', async () => {
    // As a tree the sum has 2⁴⁰ parts.
    const [raw] = first.node.operands
    const biased = named('doubled').map([raw!, constant([4, 1, 1], spread)], (e, c) =>
      Array.from({ length: 40 }).reduce<Expr>((sum) => f.mul(f.add(sum, sum), 0.5), f.add(e!, c!)),
    )
    const reader = convolve(named('reader'), biased, depthwise, [0, 0, 0, 0], { pad: 1, groups: 4 })
    const deep = graphOf([x], [reader])
    const [sample] = samplesFor(deep, 1)
    const equalized = await equalize(deep, [sample!], evaluator, () => {})
    expect(equalized).not.toBe(deep)
  })

  it('wins back what a shared scale loses', async () => {
    const calibration = samplesFor(graph, 8)
    const { report } = await quantize(graph, { mode: 'int8', executor: evaluator, calibration })
    expect(report.techniques).toContain('equalization')
    const prepared = runPasses(graph)
    const noise = async (g: Graph): Promise<number> => {
      const { report: r } = await quantize(g, {
        ...{ mode: 'int8', executor: evaluator, calibration },
        validation: { samples: samplesFor(graph, 4, 9) },
        metric: 'mse',
      })
      return r.accuracy!.drop
    }
    // Without the depthwise reader there is no pair: the float model goes through as it is.
    const withoutPair = graphOf([x], [first, y])
    const plain = await noise({ ...withoutPair, outputs: withoutPair.outputs.slice().reverse() })
    expect(await noise(prepared)).toBeLessThan(plain / 10)
  })
})

describe('bias correction', () => {
  // Many weights just below half a step round towards 0 together, so that the result's mean shifts.
  const x = inputOf('x', 'f32', [1, 16, 4, 4])
  const row = [1, ...new Array<number>(15).fill(0.49 / 127)]
  const y = convolve(named('biased'), x, constant([1, 16, 1, 1], row), [0.3], { linear: true })
  const graph = graphOf([x], [y])
  const samples = Array.from({ length: 6 }, (_, s) => {
    const random = new Random(s)
    return {
      x: tensorOf(
        'f32',
        [1, 16, 4, 4],
        Array.from({ length: 256 }, () => random.float()),
      ),
    }
  })

  it('measures the shift of a layer', async () => {
    const prepared = runPasses(graph)
    const layers = layersOf(prepared)
    const plan = planOf(prepared, layers)
    const parameters = new Map([...plan.stored.values()].map((root) => [root, { scale: 1 / 255, zero: 0 }]))
    const errors = await layerErrors(prepared, plan, { parameters }, samples, evaluator, () => {})
    const { shift } = errors.get(layers[0]!)!
    // 15 weights of 0.49/127 that became 0, times inputs of ½ on average.
    expect(shift[0]).toBeCloseTo((15 * 0.49) / 127 / 2, 2)
  })

  it('takes it back', async () => {
    const { report } = await quantize(graph, { mode: 'int8', executor: evaluator, calibration: samples })
    expect(report.techniques).toEqual(['bias correction'])
    const { report: measured } = await quantize(graph, {
      ...{ mode: 'int8', executor: evaluator, calibration: samples, metric: 'mse' },
      validation: { samples },
    })
    // The spread of what was rounded away stays, its mean is gone: the mean alone is (15·0.49/127/2)² of 0.65.
    expect(measured.accuracy!.drop).toBeLessThan(((15 * 0.49) / 127 / 2) ** 2 / 0.65 / 3)
  })
})

describe('the budget', () => {
  // The middle layer's input has one huge element in each sample, which leaves the others a step or two.
  const random = new Random(4)
  const x = inputOf('x', 'f32', [1, 2, 8, 8])
  const w = (...shape: number[]) =>
    constant(
      shape,
      randomValues(
        random,
        shape.reduce((n, d) => n * d, 1),
        0.5,
      ),
    )
  const one = convolve(named('one'), x, w(4, 2, 3, 3), randomValues(random, 4), { pad: 1 })
  const wild = inputOf('wild', 'f32', [1, 4, 8, 8])
  const two = convolve(named('two'), wild, w(4, 4, 1, 1), randomValues(random, 4))
  const builder = named('sum')
  const three = convolve(named('three'), builder.binary('add', one, two), w(3, 4, 3, 3), [0, 0, 0])
  const graph = graphOf([x, wild], [three])
  const samples = samplesFor(graph, 12).map((sample, i) => {
    const data = Float32Array.from(sample.wild!.data as Float32Array, (v, j) => (j === i ? 300 : v / 4))
    return { ...sample, wild: { ...sample.wild!, data } }
  })
  const options: QuantizeOptions = {
    ...{ mode: 'int8', executor: evaluator, calibration: samples, metric: 'mse' },
    validation: { samples: samples.map((s) => ({ ...s, wild: samplesFor(graph, 1, 77)[0]!.wild! })) },
  }

  it('gives back the layer that hurts, and of that no more than its activations', async () => {
    const { report: all } = await quantize(graph, options)
    expect(all.accuracy!.drop).toBeGreaterThan(0.01)
    const { graph: quantized, report } = await quantize(graph, { ...options, maxDrop: 0.005 })
    verify(quantized)
    expect(report.withinBudget).toBe(true)
    expect(report.accuracy!.drop).toBeLessThanOrEqual(0.005)
    expect(report.layers.map(({ name, kept, bits, inputBits, bytes }) => [name, kept, bits, inputBits, bytes])).toEqual(
      [
        // Weights, a scale and a bias for each channel.
        ['one', null, 8, 8, 72 + 16 + 16],
        ['two', 'it costs too much accuracy', 8, 32, 16 + 16 + 16],
        ['three', null, 8, 8, 108 + 12 + 12],
      ],
    )
    expect(report.layers[1]!.inputs).toEqual([])
    expect(report.techniques.at(-1)).toBe('1 of 3 layers with f32 activations and weights of 8 bits')
    const row = describeQuantization(report).find((line) => line.startsWith('two'))
    expect(row).toMatch(/^two +Conv +80 +48 +8 +32 .* it costs too much accuracy$/)
    const page = quantizationPage(report, 'model')
    expect(page).toContain('<b>2 of 3</b><span class="soft">in integers, 1 with weights alone as integers</span>')
    expect(page).toContain('activations in f32: it costs too much accuracy')
    const run = await compiledExecutor.prepare(quantized)
    const [a, c] = [run, (sample: Sample) => evaluate(quantized, sample)].map((f) => toNumbers(f(samples[0]!).y0!))
    a!.forEach((v, i) => expect(v).toBeCloseTo(c![i]!, 4))
  })

  it('says when it cannot be kept, and gives the best', async () => {
    const { report } = await quantize(graph, { ...options, maxDrop: 1e-12 })
    expect(report.withinBudget).toBe(false)
    expect(report.layers.some(({ bits }) => bits === 8)).toBe(true)
    expect(report.layers.some(({ bits }) => bits === 32)).toBe(true)
  })

  it('gives weights back where 8 bits hurt those', async () => {
    // Each channel has a weight of a thousand for an input that is always 0, whose scale leaves the others nothing.
    const wide = inputOf('x', 'f32', [1, 8, 4, 4])
    const rows = Array.from({ length: 4 }, () => [1000, ...randomValues(random, 7)]).flat()
    const hurt = convolve(named('hurt'), wide, constant([4, 8, 1, 1], rows), [0.1, 0.2, 0.3, 0.4])
    const y = convolve(named('fine'), hurt, w(3, 4, 3, 3), [0, 0, 0])
    const outlier = graphOf([wide], [y])
    const seen = samplesFor(outlier, 8).map(({ x: values }) => ({
      x: { ...values!, data: Float32Array.from(values!.data as Float32Array, (v, i) => (i < 16 ? 0 : v)) },
    }))
    const { report } = await quantize(outlier, {
      ...{ ...options, calibration: seen, validation: { samples: seen }, maxDrop: 0.005 },
    })
    expect(report.withinBudget).toBe(true)
    expect(report.layers.map(({ name, bits, inputBits }) => [name, bits, inputBits])).toEqual([
      ['hurt', 32, 32],
      ['fine', 8, 8],
    ])
    expect(report.techniques.at(-1)).toBe('1 of 2 layers left in f32')
  })
})

describe('what cannot be done', () => {
  const x = inputOf('x', 'f32', [1, 2, 4, 4])
  const y = convolve(named('one'), x, constant([1, 2, 1, 1], [1, 2]), [0])
  const graph = graphOf([x], [y])
  const options = { mode: 'int8', executor: evaluator, calibration: samplesFor(graph, 2) } as const

  it('is said', async () => {
    expect(await code(quantize(graph, { ...options, calibration: [] }))).toMatch(/A501[^]*no samples/)
    expect(await code(quantize(graph, { ...options, maxDrop: 0.1 }))).toMatch(/A501[^]*budget/)
    const validation = { samples: options.calibration }
    expect(await code(quantize(graph, { ...options, validation, metric: 'top1' }))).toMatch(/A501[^]*labels/)
    expect(await code(quantize(graphOf([x], [x]), options))).toMatch(/A506[^]*no weights/)
  })

  it('leaves out samples that are not finite, and names them', async () => {
    const good = options.calibration
    const bad = { x: tensorOf('f32', [1, 2, 4, 4], [NaN, ...new Array<number>(31).fill(1)]) }
    const validation = { samples: [bad, ...good] }
    const { graph: quantized, report } = await quantize(graph, {
      ...options,
      calibration: [good[0]!, bad, good[1]!],
      validation,
    })
    expect(report.notes.join('; ')).toMatch(
      /1 of 3 calibration samples[^]*: 1 \(input "x"\); 1 of 3 validation[^]*: 0 \(/,
    )
    expect(report).toMatchObject({ samples: 2, accuracy: { samples: 2 } })
    const clean = await quantize(graph, { ...options, validation: { samples: good } })
    expect(printGraph(quantized)).toBe(printGraph(clean.graph))
  })

  it('leaves a layer in floats whose input is not finite', async () => {
    const sample = { x: tensorOf('f32', [1, 2, 4, 4], new Array<number>(32).fill(Infinity)) }
    expect(await code(quantize(graph, { ...options, calibration: [sample] }))).toMatch(/A504[^]*finite/)
  })
})
