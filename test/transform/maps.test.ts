import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { evaluateValues } from '../../compiler/core/evaluate.ts'
import {
  arithmeticOps,
  bitcast,
  convert,
  unary,
  unaryOps,
  type UnaryOp,
  type Expr,
} from '../../compiler/core/scalar/expr.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { scalarTensor, tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import { expectGradients } from '../support/differences.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)
const between =
  (low: number, high: number) =>
  (random: Random): number =>
    low + random.float() * (high - low)

/** Gradients of the sum of `body` by each argument at the given numbers. */
function at(body: (...args: Expr[]) => Expr, ...values: number[]): number[] {
  const inputs = values.map((_, i) => inputOf(`x${i}`, 'f32', []))
  const found = gradients(b.map(inputs, body), inputs)
  const known = new Map(inputs.map((x, i) => [x, scalarTensor('f32', values[i]!)]))
  return evaluateValues(found, known).map((t) => toNumbers(t)[0]! + 0)
}

describe('derivatives of scalar functions', () => {
  const domains: Partial<Record<string, (random: Random) => number>> = {
    sqrt: between(0.1, 2),
    log: between(0.1, 2),
    acosh: between(1.1, 3),
    atanh: between(-0.9, 0.9),
    asin: between(-0.9, 0.9),
    acos: between(-0.9, 0.9),
    tan: between(-1, 1),
  }

  /** Its derivative is not that of its steps: test/qat/derivative.test.ts. */
  const others: readonly UnaryOp[] = ['not', 'round_straight_through']

  // Of the operation by itself the derivative comes from its result, within another one from its operand.
  it.each(unaryOps.filter((op) => !others.includes(op)))('%s', (op) => {
    const x = inputOf('x', 'f32', [3, 4])
    const own = domains[op]
    const inner = b.map([x], (e) => f.mul(unary(op, f.mul(e!, 1)), 3))
    expectGradients(graphOf([x], [b.unary(op, x), inner]), new Random(1), own ? { inputs: { x: own } } : {})
  })

  it.each(['add', 'sub', 'mul', 'div', 'rem', 'pow', 'max', 'min'] as const)('%s', (op) => {
    const x = inputOf('x', 'f32', [3, 1, 4])
    const y = inputOf('y', 'f32', [2, 1])
    const inputs = { x: between(0.5, 3), y: between(0.5, 3) }
    const inner = b.map([x, y], (p, q) => f.add(f.mul(f[op](p!, q!), 3), f[op](p!, 2)))
    const other = b.map([y], (q) => f[op](2, q!))
    const twice = b.map([x], (p) => f[op](p!, f.add(p!, 1)))
    expectGradients(graphOf([x, y], [b.binary(op, x, y), inner, other, twice]), new Random(1), { inputs })
  })

  it('has a case for each arithmetic operation on floats', () => {
    const integersOnly = ['and', 'or', 'xor', 'shl', 'shr']
    expect(arithmeticOps.filter((op) => !integersOnly.includes(op))).toEqual([
      ...['add', 'sub', 'mul', 'div', 'rem', 'pow', 'max', 'min'],
    ])
  })

  it.each([0, 0.5, 1, 2, 3, -1, 2.5])('powers of exponent %f', (exponent) => {
    const x = inputOf('x', 'f32', [7])
    expectGradients(graphOf([x], [b.map([x], (e) => f.pow(e!, exponent))]), new Random(1), {
      inputs: { x: between(0.2, 2) },
    })
  })

  it('select, and conversions between floats', () => {
    const x = inputOf('x', 'f32', [5])
    const y = inputOf('y', 'f32', [3, 5])
    const chosen = b.map([x, y], (p, q) => f.select(f.gt(q!, 0), f.square(p!), f.mul(p!, q!)))
    const converted = b.map([x], (p) => convert(f.square(convert(p!, 'f64')), 'f32'))
    expectGradients(graphOf([x, y], [chosen, converted]), new Random(1))
  })

  it('activations', () => {
    const x = inputOf('x', 'f32', [40])
    const gelu = b.map([x], (e) => f.mul(f.mul(e!, 0.5), f.add(f.erf(f.mul(e!, Math.SQRT1_2)), 1)))
    const silu = b.map([x], (e) => f.mul(e!, f.sigmoid(e!)))
    const mish = b.map([x], (e) => f.mul(e!, f.tanh(f.softplus(e!))))
    const clamped = b.map([x], (e) => f.clamp(e!, -1, 1))
    expectGradients(graphOf([x], [gelu, silu, mish, clamped, b.map([x], f.sigmoid)]), new Random(1))
  })
})

describe('where a derivative is undefined or infinite', () => {
  it('a rectifier has none at 0, a clamp none at its bounds', () => {
    expect([-1, 0, 1].map((x) => at((e) => f.max(e!, 0), x)[0])).toEqual([0, 0, 1])
    expect([-1, 0, 3, 6].map((x) => at((e) => f.clamp(e!, 0, 6), x)[0])).toEqual([0, 0, 1, 0])
    expect(at((e) => f.abs(e!), 0)).toEqual([0])
  })

  it('of two that are equal the first has it', () => {
    expect(at(f.max as (...args: Expr[]) => Expr, 2, 2)).toEqual([1, 0])
    expect(at(f.min as (...args: Expr[]) => Expr, 2, 2)).toEqual([1, 0])
  })

  it('what is not chosen gets none, though its own derivative is infinite or NaN', () => {
    const safeLog = (e?: Expr): Expr => f.select(f.gt(e!, 0), f.mul(e!, f.log(e!)), 0)
    expect(at(safeLog, 0)).toEqual([0])
    expect(at((e) => f.select(f.gt(e!, 0), f.sqrt(e!), 0), 0)).toEqual([0])
    expect(at((e) => f.select(f.ne(e!, 0), f.div(1, e!), 0), 0)).toEqual([0])
    expect(at((e) => f.max(f.log(e!), -100), 0)).toEqual([0])
    expect(at((e) => f.select(f.lt(e!, 10), f.exp(e!), e!), 1000)).toEqual([1])
    expect(at((e) => f.select(f.gt(e!, 0), f.pow(e!, 0.3), 0), 0)).toEqual([0])
  })

  it('nor over several maps', () => {
    const x = inputOf('x', 'f32', [2])
    const product = b.binary('mul', x, b.reshape(b.unary('log', x), [2]))
    const y = b.select(b.binary('gt', x, b.scalar(0, 'f32')), product, b.scalar(0, 'f32'))
    const [dx] = gradients(b.reduce('add', y, [0]), [x])
    const [found] = evaluateValues([dx!], new Map([[x, tensorOf('f32', [2], [0, 1])]]))
    expect(toNumbers(found!)).toEqual([0, 1])
  })

  it('sigmoid and softplus have theirs everywhere', () => {
    for (const x of [-1000, -100, 100, 1000]) {
      expect(at(f.sigmoid, x)).toEqual([0])
      expect(at(f.softplus, x)).toEqual([x > 0 ? 1 : 0])
    }
    expect(at(f.sigmoid, 0)).toEqual([0.25])
    expect(at(f.softplus, 0)).toEqual([0.5])
  })

  it('a power of 0', () => {
    expect(at(f.pow as (...args: Expr[]) => Expr, 0, 2)).toEqual([0, 0])
    expect(at(f.pow as (...args: Expr[]) => Expr, 0, 1)).toEqual([1, 0])
    expect(at(f.pow as (...args: Expr[]) => Expr, 0, 0)).toEqual([0, 0])
    expect(at((e) => f.pow(e!, 0), 0)).toEqual([0])
    expect(at((e) => f.pow(e!, 2), -3)).toEqual([-6])
  })
})

describe('what maps cannot hand on', () => {
  const of = (body: (e: Expr) => Expr) => {
    const x = inputOf('x', 'f32', [])
    return () =>
      gradients(
        b.map([x], (e) => body(e!)),
        [x],
      )
  }

  it('integers count as constants', () => {
    expect(at((e) => f.mul(convert(convert(e!, 'i32'), 'f32'), e!), 2.5)).toEqual([2])
  })

  it('bits are refused where they lead to a float', () => {
    expect(of((e) => bitcast(f.and(bitcast(e, 'i32'), 0x7fffffff), 'f32'))).toThrow(/A801/)
    expect(at((e) => f.select(f.lt(bitcast(e!, 'i32'), 0), f.neg(e!), e!), -2)).toEqual([-1])
  })
})

it.each(['f16', 'bf16'] satisfies DType[])('cotangents of %s are f32 on the way', (dtype) => {
  const x = inputOf('x', dtype, [3])
  const wide = b.convert(x, 'f32')
  // Twice the same value, so that its cotangents are added, in views that storage types have too.
  const y = b.concatenate([b.binary('mul', wide, wide), b.convert(b.slice(x, [1], [2]), 'f32')], 0)
  const [dx] = gradients(b.reduce('add', y, [0]), [x])
  expect(dx!.type).toEqual(x.type)
  const [found] = evaluateValues([dx!], new Map([[x, tensorOf(dtype, [3], [1, 2, 3])]]))
  expect(toNumbers(found!)).toEqual([2, 5, 7])
})
