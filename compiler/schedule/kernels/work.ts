import { parts } from '../../core/scalar/expr.ts'
import type { Lazy } from '../lower/lazy.ts'

const cheapUnary = new Set(['neg', 'abs', 'not', 'ceil', 'floor', 'trunc', 'round', 'round_straight_through'])

/** Whether computing an element costs more than storing it and loading it again. */
export function isMathHeavy(lazy: Lazy): boolean {
  if (lazy.args.length > 2) return true
  const work = parts(lazy.expr).filter((e) => e.kind !== 'arg' && e.kind !== 'const')
  const heavy = work.some(
    (e) =>
      (e.kind === 'unary' && !cheapUnary.has(e.op)) ||
      (e.kind === 'binary' && (e.op === 'div' || e.op === 'pow' || e.op === 'rem')),
  )
  return heavy || work.length > 3
}
