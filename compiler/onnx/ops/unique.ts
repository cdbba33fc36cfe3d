import { elementCount, rowMajorStrides, walk } from '../../core/shape.ts'
import { reader, type Tensor } from '../../core/tensor.ts'
import type { Operator } from '../context.ts'
import { normalizeAxis, range } from '../shared/axes.ts'
import { takeFixed } from '../shared/indices.ts'

/** Orders the slices of `x` along `axis` by their elements. */
function sliceOrder(x: Tensor, axis: number): (i: number, j: number) => number {
  const strides = rowMajorStrides(x.shape)
  const offsets: number[] = []
  walk(
    x.shape.map((d, i) => (i === axis ? 1 : d)),
    [strides],
    ([offset]) => void offsets.push(offset!),
  )
  const read = reader(x)
  return (i, j) => {
    for (const offset of offsets) {
      const a = read(offset + i * strides[axis]!)
      const b = read(offset + j * strides[axis]!)
      if (a !== b) return a < b ? -1 : 1
    }
    return 0
  }
}

/** The distinct slices along an axis, or without one the distinct elements. The result's shape depends on the data. */
export const unique: Operator = {
  floats: 'storage',
  limits: 'its input must be known at compile time',
  lower: (c) => {
    const { b } = c
    const given = c.constant(0)
    const whole = !c.has('axis')
    const x = whole ? { ...given, shape: [elementCount(given.shape)] } : given
    const axis = whole ? 0 : normalizeAxis(c, c.int('axis'), x.shape.length)
    const compare = sliceOrder(x, axis)
    const order = range(0, x.shape[axis]!).sort((i, j) => compare(i, j) || i - j)
    const groups: number[][] = []
    for (const i of order) {
      const last = groups.at(-1)
      if (last && compare(last[0]!, i) === 0) last.push(i)
      else groups.push([i])
    }
    if (c.int('sorted', 1) === 0) groups.sort((g, h) => g[0]! - h[0]!)
    const firsts = groups.map((g) => g[0]!)
    const inverse = new Array<number>(order.length)
    groups.forEach((g, k) => g.forEach((i) => (inverse[i] = k)))
    return [
      takeFixed(b, b.constant(x), firsts, axis),
      b.vector(firsts, 'i64'),
      b.vector(inverse, 'i64'),
      b.vector(
        groups.map((g) => g.length),
        'i64',
      ),
    ]
  },
}
