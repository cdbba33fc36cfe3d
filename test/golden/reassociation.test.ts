import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { nodesOf, type Value } from '../../compiler/core/graph.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { dequantized, saturated } from '../../compiler/core/scalar/quantization.ts'
import { mayMove, mayScale, weightSums } from '../../compiler/core/analysis/reassociation.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf, randomTensor, runModule } from '../support/run-graph.ts'
import { f32, nchw, oihw } from './change.ts'

const b = new Builder(undefined)
/** Added to a number up to 2²² in magnitude and subtracted again, it leaves that number rounded to an integer. */
const magic = 12582912

const values = (count: number, scale = 1): number[] => {
  const random = new Random(5)
  return Array.from({ length: count }, () => Math.fround((random.float() - 0.5) * scale))
}

interface Product {
  readonly x: Value
  readonly y: Value
  /** A value for each channel of `y`, to broadcast to it. */
  readonly along: (values: readonly number[]) => Value
}

function dot(rows: number, w: Value = f32([8, 8], values(64, 4))): Product {
  const x = inputOf('x', 'f32', [rows, 8])
  const y = b.dotGeneral(x, w, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
  return { x, y, along: (v) => f32([8], v) }
}

function convolution(groups: number): Product {
  const x = inputOf('x', 'f32', [1, 8, 6, 6])
  const perGroup = 8 / groups
  const window = [0, 1].map(() => ({ ...trivialWindow, size: 3 }))
  const w = f32([8, perGroup, 3, 3], values(72 * perGroup, 4))
  const y = b.convolution(x, w, { lhs: nchw, rhs: oihw, out: nchw, window, groups })
  return { x, y, along: (v) => f32([1, 8, 1, 1], v) }
}

function quantizedWeights(): Product {
  const w = b.constant(tensorOf('i8', [8, 8], values(64, 200).map(Math.round)))
  return dot(
    3,
    b.map([w, b.scalar(0.02, 'f32')], (q, s) => dequantized(q!, s!, undefined)),
  )
}

/** A product of integers, scaled to floats: what `integer-products` makes of quantized layers. */
function integerProduct(scales = [0.5, 0.03125]): Product {
  const x = inputOf('x', 'u8', [16, 32])
  const w = b.constant(tensorOf('i8', [32, 8], values(256, 200).map(Math.round)))
  const operands = [x, w].map((q, i) =>
    b.map([q, b.scalar(scales[i]!, 'f32')], (e, s) => dequantized(e!, s!, undefined)),
  )
  const y = b.dotGeneral(operands[0]!, operands[1]!, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
  return { x, y, along: (v) => f32([8], v) }
}

const products: Readonly<Record<string, () => Product>> = {
  'a row times a matrix': () => dot(1),
  'a matrix product': () => dot(9),
  'a convolution': () => convolution(1),
  'a depthwise convolution': () => convolution(8),
  'a product with quantized weights': quantizedWeights,
  'a product of integers': () => integerProduct(),
}

const single = (): Value => b.scalar(magic, 'f32')
const perChannel = (along: Product['along']): Value => along(new Array<number>(8).fill(magic))

const add = (x: Value, y: Value): Value => b.binary('add', x, y)
const sub = (x: Value, y: Value): Value => b.binary('sub', x, y)
const mul = (x: Value, y: Value): Value => b.binary('mul', x, y)
const clamped = (x: Value, low: number, high: number): Value => b.map([x], (e) => f.clamp(e!, low, high))

/** What exporters write for rounding, over the product `y`. */
const roundings: Readonly<Record<string, (y: Value, c: Value) => Value>> = {
  '(y + c) − c': (y, c) => sub(add(y, c), c),
  '(y + c) + (−c)': (y, c) => add(add(y, c), b.unary('neg', c)),
  'c − (c − y)': (y, c) => sub(c, sub(c, y)),
  '((3y + 1) + c − c) / 3': (y, c) =>
    b.binary('div', sub(add(add(mul(y, b.scalar(3, 'f32')), b.scalar(1, 'f32')), c), c), b.scalar(3, 'f32')),
  'clamp(y + c) − c': (y, c) => sub(clamped(add(y, c), magic - 20, magic + 20), c),
}

/** The compiled module's results and what the evaluator gives for the graph as it was written. */
async function bothWays(
  inputs: readonly Value[],
  y: Value,
  feeds: Readonly<Record<string, Tensor>>,
): Promise<[number[], number[]]> {
  const graph = graphOf(inputs, [y])
  const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
  return [toNumbers(runModule(modules.simd!, spec, feeds).y0!), toNumbers(evaluate(graph, feeds).y0!)]
}

const randomFeeds = ({ x }: Product): Record<string, Tensor> => ({
  x: randomTensor(new Random(2), x.type.dtype, x.type.shape),
})

describe.each(Object.entries(products))('rounding by a large constant behind %s', (_, product) => {
  describe.each(Object.entries({ 'one constant': single, 'a constant for each channel': perChannel }))(
    'of %s',
    (_, constant) => {
      it.each(Object.entries(roundings))('%s', async (_, rounding) => {
        const p = product()
        const [actual, expected] = await bothWays([p.x], rounding(p.y, constant(p.along)), randomFeeds(p))
        expect(new Set(expected).size).toBeGreaterThan(3)
        expect(actual).toEqual(expected)
      })
    },
  )
})

describe('factors of weights', () => {
  /** Expects results that agree to a few bits, whatever their size. */
  async function expectSame(y: Value, p: Product, feeds: Record<string, Tensor>): Promise<void> {
    const [actual, expected] = await bothWays([p.x], y, feeds)
    expected.forEach((value, i) => {
      expect(Number.isFinite(value) && value !== 0).toBe(true)
      expect(Math.abs(actual[i]! / value - 1)).toBeLessThan(1e-4)
    })
  }
  const positive = (scale: number): number[] => values(64, scale).map((v) => Math.fround(Math.abs(v) + scale / 4))
  const feed = (value: number): Record<string, Tensor> => ({
    x: tensorOf('f32', [3, 8], new Array<number>(24).fill(value)),
  })

  it('stay apart where weights would vanish', async () => {
    const p = dot(3, f32([8, 8], positive(1e-25)))
    await expectSame(mul(p.y, b.scalar(1e-20, 'f32')), p, feed(1e25))
  })

  it('stay apart where weights would overflow', async () => {
    const p = dot(3, f32([8, 8], positive(1e25)))
    await expectSame(mul(p.y, b.scalar(1e25, 'f32')), p, feed(1e-30))
    await expectSame(b.binary('div', p.y, b.scalar(1e-25, 'f32')), p, feed(1e-30))
  })

  it('stay apart where what they make together would vanish or overflow', async () => {
    const scaledBy = (y: Value, factor: number): Value => mul(mul(y, b.scalar(factor, 'f32')), b.scalar(factor, 'f32'))
    const tiny = dot(3, f32([8, 8], positive(1e-30)))
    await expectSame(scaledBy(tiny.y, 1e20), tiny, feed(1))
    const huge = dot(3, f32([8, 8], positive(1e30)))
    await expectSame(scaledBy(huge.y, 1e-25), huge, feed(1))
  })

  it('and steps of quantization stay apart where their quotient would overflow', async () => {
    const { x, y } = integerProduct([2 ** 30, 2 ** 30])
    const quantized = b.map([y, b.scalar(2 ** -70, 'f32'), b.scalar(5, 'u8')], (e, step, zero) =>
      saturated(f.div(e!, step!), zero, 'u8'),
    )
    const [actual, expected] = await bothWays([x], quantized, {
      x: tensorOf('u8', [16, 32], new Array<number>(512).fill(0)),
    })
    expect(expected[0]).toBe(5)
    expect(actual).toEqual(expected)
  })

  it('of integers stay apart where their scales would lose bits', async () => {
    const x = inputOf('x', 'i8', [16, 32])
    const w = b.constant(tensorOf('i8', [32, 8], new Array<number>(256).fill(127)))
    const scaled = (q: Value): Value => b.map([q, b.scalar(1.3e-20, 'f32')], (e, s) => dequantized(e!, s!, undefined))
    const attrs = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
    const y = mul(b.dotGeneral(scaled(x), scaled(w), attrs), b.scalar(1e30, 'f32'))
    const feeds = { x: tensorOf('i8', [16, 32], new Array<number>(512).fill(127)) }
    const [actual, expected] = await bothWays([x], y, feeds)
    expected.forEach((value, i) => expect(Math.abs(actual[i]! / value - 1)).toBeLessThan(1e-6))
  })

  it('that are not numbers stay where they are', async () => {
    const p = dot(3)
    const factors = p.along([1, Infinity, NaN, 0, -1, 2, 1e38, 1e-38])
    const feeds = feed(0)
    const [actual, expected] = await bothWays([p.x], add(mul(p.y, factors), p.along(values(8))), feeds)
    expect(actual).toEqual(expected)
  })
})

describe('identities of real numbers', () => {
  const specials = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 1e-45, -1e-45, 3e38, -3e38, 1e-38]
  const zero = b.scalar(0, 'f32')
  const identities: Readonly<Record<string, (x: Value) => Value>> = {
    'x − x': (x) => sub(x, x),
    'x / x': (x) => b.binary('div', x, x),
    'x · 0': (x) => mul(x, zero),
    'x + 0': (x) => add(x, zero),
    '0 − x': (x) => sub(zero, x),
    '(x · 10) / 10': (x) => b.binary('div', mul(x, b.scalar(10, 'f32')), b.scalar(10, 'f32')),
    '(x · 1e-30) · 1e-30 · 1e30 · 1e30': (x) =>
      [1e-30, 1e-30, 1e30, 1e30].reduce((y, c) => mul(y, b.scalar(c, 'f32')), x),
    '(x + 1e9) − 1e9': (x) => sub(add(x, b.scalar(1e9, 'f32')), b.scalar(1e9, 'f32')),
    'x / 3': (x) => b.binary('div', x, b.scalar(3, 'f32')),
    '1 / (1 / x)': (x) => b.map([x], (e) => f.div(1, f.div(1, e!))),
  }

  it.each(Object.entries(identities))('%s has the bits of its own operations', async (_, of) => {
    const x = inputOf('x', 'f32', [12])
    const feeds = { x: tensorOf('f32', [12], specials) }
    const [actual, expected] = await bothWays([x], of(x), feeds)
    expected.forEach((value, i) => expect(actual[i], `of ${specials[i]}`).toBe(value))
  })
})

describe('what may be reordered', () => {
  it('is a constant that is not far larger than the weights', () => {
    expect([mayMove(3, 0.1), mayMove(0, 0), mayMove(1e30, Infinity)]).toEqual([true, true, true])
    expect([mayMove(magic, 1000), mayMove(1, 0), mayMove(NaN, 1), mayMove(1, NaN)]).toEqual([
      false,
      false,
      false,
      false,
    ])
  })

  it('is a factor that keeps weights normal numbers', () => {
    expect([mayScale(1, 1e-10), mayScale(1, 1e10), mayScale(0, 0)]).toEqual([true, true, true])
    expect([mayScale(1, 1e-30), mayScale(1, 1e30), mayScale(1, 0), mayScale(1, NaN)]).toEqual([
      false,
      false,
      false,
      false,
    ])
  })

  it('goes by the sums of weights, stored as floats or as integers', () => {
    expect([...weightSums(f32([2, 2], [1, -2, 3, 4]), 1)!]).toEqual([4, 6])
    const q = b.constant(tensorOf('u8', [2, 2], [1, 2, 3, 4]))
    const w = b.map([q, f32([1, 2], [0.5, 2]), b.scalar(2, 'u8')], (e, s, z) => dequantized(e!, s!, z))
    expect([...weightSums(w, 1)!]).toEqual([1, 4])
    expect(weightSums(inputOf('w', 'f32', [2, 2]), 0)).toBeUndefined()
  })

  it('still takes batch normalization into weights and bias', () => {
    const { x, y, along } = convolution(1)
    const normalized = add(mul(add(y, along(values(8, 2))), along(values(8, 3))), along(values(8, 4)))
    const ops = nodesOf(runPasses(graphOf([x], [normalized]))).filter((n) => n.op === 'map')
    expect(ops).toHaveLength(1)
    expect(ops[0]!.operands).toHaveLength(2)
  })
})
