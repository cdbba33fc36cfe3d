import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { nodesOf, type Graph, type Value } from '../../compiler/core/graph.ts'
import { dequantized, saturated } from '../../compiler/core/scalar/quantization.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { integerProducts } from '../../compiler/passes/integers/integer-products.ts'
import { integerRounding } from '../../compiler/passes/integers/integer-rounding.ts'
import { requantize } from '../../compiler/passes/integers/requantize.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { change, keeps } from './change.ts'

const b = new Builder(undefined)
const scalar = (value: number, dtype: DType = 'f32'): Value => b.scalar(value, dtype)
const dequantize = (q: Value, scale: number, zero: number): Value =>
  b.map([q, scalar(scale), scalar(zero, q.type.dtype)], (e, s, z) => dequantized(e!, s!, z))
const quantize = (x: Value, scale: number, zero: number, dtype: DType = 'i8'): Value =>
  b.map([x, scalar(scale), scalar(zero, dtype)], (e, s, z) => saturated(f.div(e!, s!), z, dtype))

const contract = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
const bytes = (dtype: 'i8' | 'u8', shape: readonly number[], values: readonly number[]): Value =>
  b.constant(tensorOf(dtype, shape, values))

describe('integer-products', () => {
  const q = inputOf('q', 'i8', [1, 3])

  it('puts dequantization behind a product', () => {
    const w = dequantize(bytes('i8', [3, 2], [1, -2, 3, 4, -5, 6]), 0.5, 0)
    expect(change(integerProducts, [q], [b.dotGeneral(dequantize(q, 0.25, 3), w, contract)])).toMatchInlineSnapshot(`
      "%0 = input i8[1,3]: "q"
      %1 = constant f32[]: {0.25}
      %2 = constant i8[]: {3}
      %3 = map f32[1,3] (%0, %1, %2): mul(f32(sub(i32(%0), i32(%2))), %1)
      %4 = constant i8[3,2]: {1, -2, 3, 4, -5, 6}
      %5 = constant f32[]: {0.5}
      %6 = constant i8[]: {0}
      %7 = map f32[3,2] (%4, %5, %6): mul(f32(sub(i32(%4), i32(%6))), %5)
      %8 = dot_general f32[1,2] (%3, %7): lhsBatch=[] rhsBatch=[] lhsContract=[1] rhsContract=[0]
      output "y0" = %8

      %0 = input i8[1,3]: "q"
      %1 = constant i8[3,2]: {1, -2, 3, 4, -5, 6}
      %2 = dot_general i32[1,2] (%0, %1): lhsBatch=[] rhsBatch=[] lhsContract=[1] rhsContract=[0]
      %3 = constant f32[1,2]: {0.125, 0.125}
      %4 = constant i32[1,2]: {3, -24}
      %5 = map f32[1,2] (%2, %3, %4): mul(f32(add(%2, %4)), %3)
      output "y0" = %5
      "
    `)
  })

  it('subtracts what a zero point of the weights makes of the inputs', () => {
    const w = dequantize(bytes('u8', [3, 2], [0, 255, 7, 8, 9, 10]), 0.5, 100)
    const graph = graphOf([q], [b.dotGeneral(dequantize(q, 0.25, 3), w, contract)])
    const after = integerProducts(graph)
    expect(
      nodesOf(after)
        .filter((n) => n.op === 'dot_general')
        .map((n) => n.results[0]!.type.dtype),
    ).toEqual(['i32'])
    expect(results(after)).toEqual(results(graph))
  })

  it('takes as it is what is quantized again as it was', () => {
    const again = quantize(b.transpose(dequantize(q, 0.25, 3), [1, 0]), 0.25, 3)
    const concat = quantize(b.concatenate([dequantize(q, 0.25, 3), dequantize(q, 0.5, 0)], 0), 0.25, 3)
    const after = integerProducts(graphOf([q], [again, concat]))
    expect(after.outputs[0]!.value.node.op).toBe('transpose')
    expect(after.outputs[1]!.value.node.op).toBe('concatenate')
    expect(after.outputs[1]!.value.node.operands[0]!.node.op).toBe('input')
  })

  it('leaves products of floats, and of weights that are not known', () => {
    const x = inputOf('x', 'f32', [1, 3])
    const w = inputOf('w', 'i8', [3, 2])
    const known = b.constant(tensorOf('f32', [3, 2], [1, 2, 3, 4, 5, 6]))
    const outputs = [b.dotGeneral(x, known, contract), b.dotGeneral(dequantize(q, 1, 0), dequantize(w, 1, 0), contract)]
    expect(keeps(integerProducts, [x, q, w], outputs)).toBe(true)
  })
})

describe('requantize', () => {
  const x = inputOf('x', 'i8', [1, 3])
  const sum = b.dotGeneral(x, bytes('i8', [3, 2], [1, -2, 3, 4, -5, 6]), contract)

  it('makes one scale, one integer bias and one clamp', () => {
    const bias = b.constant(tensorOf('f32', [2], [0.375, -0.5]))
    const map = b.map([sum, bias], (e, c) =>
      saturated(f.div(f.clamp(f.add(dequantized(e!, scalarOf(0.125), undefined), c!), 0, 6), 0.05), undefined, 'i8'),
    )
    expect(change(requantize, [x], [map])).toMatchInlineSnapshot(`
      "%0 = input i8[1,3]: "x"
      %1 = constant i8[3,2]: {1, -2, 3, 4, -5, 6}
      %2 = dot_general i32[1,2] (%0, %1): lhsBatch=[] rhsBatch=[] lhsContract=[1] rhsContract=[0]
      %3 = constant f32[2]: {0.375, -0.5}
      %4 = map i8[1,2] (%2, %3): i8(min(max(round(div(min(max(add(mul(f32(%2), 0.125:f32), %3), 0:f32), 6:f32), 0.05:f32)), -128:f32), 127:f32))
      output "y0" = %4

      %0 = input i8[1,3]: "x"
      %1 = constant i8[3,2]: {1, -2, 3, 4, -5, 6}
      %2 = dot_general i32[1,2] (%0, %1): lhsBatch=[] rhsBatch=[] lhsContract=[1] rhsContract=[0]
      %3 = constant i32[2]: {3, -4}
      %4 = map i8[1,2] (%2, %3): i8(min(max(round(mul(f32(add(%2, %3)), 2.5:f32)), 0:f32), 120:f32))
      output "y0" = %4
      "
    `)
  })

  it('leaves floats of 64 bits, whose bounds f32 would move', () => {
    const wide = inputOf('wide', 'f64', [1])
    expect(keeps(requantize, [wide], [b.map([wide], (e) => f.round(f.max(e!, 2.5000000001)))])).toBe(true)
  })

  it('leaves a bias that is no integer of the scale', () => {
    const bias = b.constant(tensorOf('f32', [2], [0.3, -0.5]))
    expect(
      keeps(requantize, [x], [b.map([sum, bias], (e, c) => f.add(dequantized(e!, scalarOf(0.125), undefined), c!))]),
    ).toBe(true)
  })
})

describe('integer-rounding', () => {
  const x = inputOf('x', 'f32', [9])

  it('rounds, clamps and takes NaN to 0 as the conversion does', () => {
    const values = [0.5, 1.5, -2.5, 2.4999998, 1e30, -1e30, Infinity, -Infinity, NaN]
    const data = { x: tensorOf('f32', [9], values) }
    for (const dtype of ['i8', 'u8'] as const) {
      const graph = graphOf([x], [b.map([x], (e) => saturated(e!, undefined, dtype))])
      const after = integerRounding(graph)
      expect(after).not.toBe(graph)
      expect(toNumbers(evaluate(after, data)['y0']!)).toEqual(toNumbers(evaluate(graph, data)['y0']!))
    }
  })
})

it('all passes together keep a quantized layer within a step of what it was in floats', () => {
  const q = inputOf('q', 'i8', [1, 3])
  const w = dequantize(bytes('i8', [3, 2], [100, -27, 33, 94, -55, 66]), 0.01, 0)
  const y = quantize(b.unary('abs', b.dotGeneral(dequantize(q, 0.02, -5), w, contract)), 0.03, -20)
  const graph = graphOf([q], [y])
  const before = toNumbers(results(graph))
  toNumbers(results(runPasses(graph))).forEach((v, i) => expect(Math.abs(v - before[i]!)).toBeLessThanOrEqual(1))
})

function scalarOf(value: number) {
  return { kind: 'const', dtype: 'f32', value } as const
}

function results(graph: Graph): Tensor {
  return evaluate(graph, { q: tensorOf('i8', [1, 3], [-100, 17, 127]) })['y0']!
}
