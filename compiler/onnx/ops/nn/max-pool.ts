import { integerRange, isFloat } from '../../../core/scalar/dtype.ts'
import { convert, type Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { WindowAxis } from '../../../core/ops/window.ts'
import { elementCount, rowMajorStrides, walk } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'
import { poolWindows, withoutPooling } from '../../shared/nn/window.ts'

/** Elements under a window that an unrolled search for the largest may have. */
const maxTaps = 1024

/** For every element of the result which element of its window is the largest: its place in the window in row-major order. */
function largestTap(c: OpContext, x: Value, axes: readonly WindowAxis[], shape: readonly number[]): Value {
  const { b } = c
  const sizes = axes.map((w) => w.size)
  const taps = elementCount(sizes)
  if (taps > maxTaps) c.unsupported(`Indices of a window of ${taps} elements; the limit is ${maxTaps}`)
  // Wider than the elements, so that padding is smaller than any of them.
  const float = isFloat(x.type.dtype)
  const wide = float ? x : b.convert(x, 'i32')
  const least = float ? -Infinity : Number(integerRange('i32').min)
  const low = [0, 0, ...axes.map((w) => w.low)]
  const high = [0, 0, ...axes.map((w) => Math.max(0, w.high))]
  const padded = b.pad(wide, b.scalar(least, wide.type.dtype), low, high)
  const candidates: Value[] = []
  walk(sizes, [], (_, tap) => {
    const start = [0, 0, ...axes.map((w, i) => tap[i]! * w.dilation)]
    const taken = b.slice(padded, start, shape, [1, 1, ...axes.map((w) => w.stride)])
    candidates.push(b.reshape(taken, [1, ...shape]))
  })
  return b.argreduce(b.concatenate(candidates, 0), { kind: 'max', axis: 0, last: false })
}

/** i64 indices into the flattened input; storage_order 1 counts its spatial axes in column-major order. */
function flatIndices(c: OpContext, x: Value, axes: readonly WindowAxis[], shape: readonly number[]): Value {
  const { b } = c
  const tap = largestTap(c, x, axes, shape)
  const lengths = x.type.shape.slice(2)
  const tapStrides = rowMajorStrides(axes.map((w) => w.size))
  const columnMajor = c.int('storage_order', 0) !== 0
  const strides = columnMajor ? rowMajorStrides([...lengths].reverse()).reverse() : rowMajorStrides(lengths)
  const [channels = 1] = x.type.shape.slice(1)
  const positions = range(0, shape.length).map((axis) => {
    const own = shape.map((d, i) => (i === axis ? d : 1))
    return b.iota('i32', own, axis)
  })
  return b.map([tap, ...positions], (t, n, channel, ...at) => {
    const image = f.mul(f.add(f.mul(n!, channels), channel!), elementCount(lengths))
    const parts = axes.map((w, i): Expr => {
      const offset = f.rem(f.div(t!, tapStrides[i]!), w.size)
      const coordinate = f.sub(f.add(f.mul(at[i]!, w.stride), f.mul(offset, w.dilation)), w.low)
      return f.mul(coordinate, strides[i]!)
    })
    return convert(
      [image, ...parts].reduce((sum, part) => f.add(sum, part)),
      'i64',
    )
  })
}

export const maxPool: Operator = {
  limits: `Indices for windows of ${maxTaps} elements at most`,
  lower: (c) => {
    const x = c.input(0)
    const { axes } = poolWindows(c, x)
    const result = c.b.reduceWindow('max', x, withoutPooling(axes))
    return c.wantsOutput(1) ? [result, flatIndices(c, x, axes, result.type.shape)] : [result]
  },
}
