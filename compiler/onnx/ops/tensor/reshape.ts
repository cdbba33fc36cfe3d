import * as f from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import { elementCount, rowMajorStrides } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'
import { known, numberOf, productOf, rangeOfDim, sameDim, subtract, type Dim } from '../../dims.ts'

/** The shape that is asked for: dimension 0 keeps the input's unless `allowzero`, -1 is what remains. */
function wantedDims(c: OpContext, dims: readonly Dim[]): Dim[] {
  const given = c.opset >= 5 ? c.sizes(1) : c.ints('shape').map(known)
  const keepZero = c.int('allowzero', 0) !== 0
  const shape = given.map((dim, i) => (numberOf(dim) === 0 && !keepZero ? (dims[i] ?? known(0)) : dim))
  const free = shape.findIndex((dim) => numberOf(dim) === -1)
  const text = (list: readonly Dim[]): string => list.map((dim) => numberOf(dim) ?? '?').join(',')
  if (free >= 0) {
    const rest = productOf(shape.filter((_, i) => i !== free))
    const total = productOf(dims)
    const [all, part] = [numberOf(total), numberOf(rest)]
    const fits = part === undefined || (part > 0 && (all === undefined || all % part === 0))
    c.check(fits, `[${text(dims)}] does not reshape to [${text(given)}]`)
    shape[free] = c.sized.divide(c.b, total, rest)
  }
  c.check(
    shape.every((dim) => (numberOf(dim) ?? 0) >= 0),
    `shape [${text(given)}]`,
  )
  return shape
}

/**
 * The padded shape of the result where elements stay where they are: sizes that depend on data are the first of the axes that they meet,
 * so that what they count is not interrupted by padding.
 */
function paddedInPlace(shape: readonly number[], from: readonly Dim[], to: readonly Dim[]): number[] | undefined {
  const result: number[] = []
  let [i, k] = [0, 0]
  while (i < from.length || k < to.length) {
    const [i0, k0] = [i, k]
    let [p, q] = [known(1), known(1)]
    // The fewest axes of both that hold as many elements.
    do {
      const [size, other] = [numberOf(p), numberOf(q)]
      const takesTo = i >= from.length || (k < to.length && size !== undefined && (other ?? Infinity) < size)
      const isBehind = k < to.length && (takesTo || (other === 1 && size !== 1))
      if (isBehind) q = productOf([q, to[k++]!])
      else if (i < from.length) p = productOf([p, from[i++]!])
      else return undefined
    } while (!sameDim(p, q))
    const [own, group] = [to.slice(k0, k), from.slice(i0, i)]
    const isFirst = (dims: readonly Dim[]): boolean =>
      dims.every((dim, at) => numberOf(dim) !== undefined || dims.slice(0, at).every((d) => numberOf(d) === 1))
    if (!isFirst(own) || !isFirst(group)) return undefined
    const held = elementCount(shape.slice(i0, i))
    const others = elementCount(own.map((dim) => numberOf(dim) ?? 1))
    const symbolic = own.some((dim) => numberOf(dim) === undefined)
    if (held % Math.max(1, others) !== 0 || (!symbolic && held !== others)) return undefined
    result.push(...own.map((dim) => numberOf(dim) ?? held / others))
  }
  return result
}

/** The elements in order, each fetched from where padding lets it stand. */
function moved(c: OpContext, x: Value, from: readonly Dim[], to: readonly Dim[]): Value {
  const { b, sized } = c
  const shape = to.map((dim, i) => c.most(dim, `dimension ${i}`))
  const place = to.reduce<Value>(
    (sum, _, axis) => {
      const along = b.reshape(b.iota('i32', [shape[axis]!], 0), [shape[axis]!, ...shape.slice(axis + 1).map(() => 1)])
      const stride = sized.value(b, productOf(to.slice(axis + 1)))
      return b.map([sum, along, stride], (s, i, n) => f.add(s!, f.mul(i!, n!)))
    },
    b.scalar(0, 'i32'),
  )
  const strides = rowMajorStrides(x.type.shape)
  const source = from.reduce<Value>(
    (sum, dim, axis) => {
      const rest = sized.value(b, productOf(from.slice(axis + 1)))
      return b.map([sum, place, rest, sized.value(b, dim)], (s, p, n, size) =>
        f.add(s!, f.mul(f.rem(f.div(p!, n!), size!), strides[axis]!)),
      )
    },
    b.scalar(0, 'i32'),
  )
  const flat = b.reshape(x, [elementCount(x.type.shape)])
  return b.take(flat, b.broadcast(source, shape), 0)
}

/** A copy of the elements in order; what is asked for at run time must hold as many. */
export const reshape: Operator = {
  floats: 'moved',
  sized: true,
  strings: true,
  lower: (c: OpContext) => {
    const x = c.input(0)
    const from = c.dims(0)
    const to = wantedDims(c, from)
    if ([...from, ...to].every((dim) => numberOf(dim) !== undefined))
      return [
        c.b.reshape(
          x,
          to.map((dim) => numberOf(dim)!),
        ),
      ]
    to.forEach((dim, i) => c.within(dim, 0, Math.max(0, rangeOfDim(dim).high), `dimension ${i}`))
    c.within(subtract(productOf(to), productOf(from)), 0, 0, 'the number of elements that are missing')
    const padded = paddedInPlace(x.type.shape, from, to)
    return [c.sizedTo(padded ? c.b.reshape(x, padded) : moved(c, x, from, to), to)]
  },
}
