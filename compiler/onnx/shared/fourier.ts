import type { Builder } from '../../core/builder.ts'
import type { DType } from '../../core/scalar/dtype.ts'
import * as expr from '../../core/scalar/expr.ts'
import type { Value } from '../../core/graph.ts'
import * as f from '../../core/scalar/formula.ts'

/** A discrete Fourier transform between `length` points in time and `bins` of frequency, of which the others mirror these. */
export interface Fourier {
  readonly length: number
  readonly bins: number
  readonly inverse: boolean
}

/**
 * The transform as a tensor [from, part, to, part], where parts are 1 (real) or 2 (real, imaginary): forward takes points to
 * bins, inverse bins to points with factor 1/length. Element [j, p, k, q] is cos(∓2πjk/length + (p - q)π/2); angles are
 * reduced in integers and computed in f64.
 */
export function fourierMatrix(b: Builder, dtype: DType, t: Fourier, fromParts: number, toParts: number): Value {
  const { length, bins, inverse } = t
  const [from, to] = inverse ? [bins, length] : [length, bins]
  const index = (size: number, axis: number): Value =>
    b.iota(
      'i64',
      [0, 1, 2, 3].map((i) => (i === axis ? size : 1)),
      axis,
    )
  const operands = [index(from, 0), index(fromParts, 1), index(to, 2), index(toParts, 3)]
  return b.map(operands, (j, p, k, q) => {
    const turn = expr.convert(f.rem(f.mul(j!, k!), length), 'f64')
    const angle = f.mul(turn, (inverse ? 2 : -2) * (Math.PI / length))
    const quarter = f.mul(expr.convert(f.sub(p!, q!), 'f64'), Math.PI / 2)
    const wave = expr.unary('cos', f.add(angle, quarter))
    if (!inverse) return expr.convert(wave, dtype)
    // Bins that stand for their mirror image too count twice.
    const single = f.or(f.eq(j!, 0), f.eq(f.mul(j!, 2), length))
    const scale = bins < length ? f.select(single, expr.constant(1 / length, 'f64'), 2 / length) : 1 / length
    return expr.convert(f.mul(wave, scale), dtype)
  })
}
