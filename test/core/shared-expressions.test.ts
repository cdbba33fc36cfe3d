import { describe, expect, it } from 'vitest'
import { boundOf } from '../../compiler/core/analysis/bounds.ts'
import { Builder } from '../../compiler/core/builder.ts'
import * as e from '../../compiler/core/scalar/expr.ts'
import { compileExpr } from '../../compiler/core/scalar/scalar.ts'
import { inputOf } from '../support/run-graph.ts'

const x = e.arg(0, 'f32')
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

/** x doubled `n` times: 2ⁿ additions as a tree. */
const doubled = (n: number): e.Expr => range(n).reduce<e.Expr>((sum) => e.binary('add', sum, sum), x)

/** The same out of parts that are equal and not one object. */
const copied = (n: number): e.Expr => (n === 0 ? e.arg(0, 'f32') : e.binary('add', copied(n - 1), copied(n - 1)))

describe('expressions with shared parts', () => {
  it('make one object of equal parts', () => {
    expect(e.parts(copied(5))).toHaveLength(63)
    const shared = e.shareParts(copied(5))
    expect(e.parts(shared)).toHaveLength(6)
    expect(e.formatExpr(shared)).toBe(e.formatExpr(doubled(5)))
    expect(e.shareParts(shared)).toBe(shared)
  })

  it('tell parts apart that differ in anything', () => {
    const y = e.arg(1, 'f32')
    const different = [
      ...[x, y, e.constant(0, 'f32'), e.constant(-0, 'f32'), e.constant(NaN, 'f32')],
      ...[e.unary('neg', x), e.unary('abs', x), e.unary('neg', y), e.binary('sub', x, y), e.binary('sub', y, x)],
      ...[e.convert(e.arg(2, 'i32'), 'f32'), e.bitcast(e.arg(2, 'i32'), 'f32'), e.convert(e.arg(3, 'u32'), 'f32')],
    ]
    const all = different.reduce((a, b) => e.binary('max', a, b))
    expect(e.formatExpr(e.shareParts(all))).toBe(e.formatExpr(all))
  })

  it('are what maps hold', () => {
    const { node } = new Builder(undefined).map([inputOf('x', 'f32', [4])], () => copied(4))
    expect(node.op === 'map' && e.parts(node.attrs.expr).length).toBe(5)
  })

  it('stay shared where arguments are replaced by equal ones', () => {
    const sum = e.binary('add', x, e.arg(1, 'f32'))
    expect(e.formatExpr(e.substitute(sum, () => e.unary('exp', e.arg(0, 'f32'))))).toBe('t0 = exp(a0); add(t0, t0)')
  })

  it('are walked once for each part', () => {
    expect(e.partUses(doubled(60)).get(x)).toBe(2)
    expect(compileExpr(doubled(60))([1])).toBe(2 ** 60)
    expect(boundOf(doubled(60), () => 1)).toBe(2 ** 60)
  })

  it('may be deeper than the call stack', () => {
    const steps = 20_000
    const deep = range(steps).reduce<e.Expr>((sum, i) => e.binary('add', sum, e.constant(i, 'f32')), x)
    expect(e.parts(e.shareParts(deep))).toHaveLength(2 * steps + 1)
    expect(e.formatExpr(deep).length).toBeGreaterThan(steps)
    expect(e.parts(e.substitute(deep, () => e.arg(1, 'f32')))).toHaveLength(2 * steps + 1)
    expect(compileExpr(range(steps).reduce<e.Expr>((sum) => e.unary('neg', sum), x))([3])).toBe(3)
    expect(boundOf(deep, () => 0)).toBe((steps * (steps - 1)) / 2)
  })
})
