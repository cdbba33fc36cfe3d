import type { Builder } from '../../../core/builder.ts'
import type { Value } from '../../../core/graph.ts'
import type { ReduceKind } from '../../../core/ops/reductions/reduce.ts'
import { isTrivialWindow, spreadLength, trivialWindow, type WindowAxis } from '../../../core/ops/window.ts'
import { regionArgument } from '../../../core/region.ts'
import { elementCount, type Shape } from '../../../core/shape.ts'
import { tensorOf } from '../../../core/tensor.ts'
import { rebase } from '../rebase.ts'
import type { Vjp } from '../rule.ts'
import { isEmpty } from '../spread.ts'
import { ofExtremes } from './window-extremes.ts'
import { beforePhases, fromPhases, paddedInput } from './window-phases.ts'

const reach = ({ size, dilation }: WindowAxis): number => (size - 1) * dilation + 1

/** Sums over the windows that an element is in. */
function ofSums(b: Builder, window: readonly WindowAxis[], shape: Shape, dy: Value): Value {
  const places = dy.type.shape
  // Windows side by side: each element gets what its own window does.
  if (window.every((axis) => axis.size === axis.stride && reach(axis) === axis.size)) {
    const repeated = b.broadcast(
      beforePhases(b, dy),
      places.flatMap((n, i) => [n, window[i]!.size]),
    )
    return fromPhases(b, repeated, window, shape)
  }
  const turned = window.map((axis, i) => {
    const low = reach(axis) - 1 - axis.low
    const spread = spreadLength(places[i]!, axis.stride)
    const high = reach(axis) + (shape[i]! - 1) * axis.baseDilation - spread - low
    return { ...axis, stride: axis.baseDilation, baseDilation: axis.stride, low, high }
  })
  return b.reduceWindow('add', dy, turned)
}

const movingAxes = (window: readonly WindowAxis[]): number[] =>
  window.map((_, axis) => axis).filter((axis) => !isTrivialWindow(window[axis]!))

/** Windows along one axis after another, the last axis first: so the first of equal extremes is the same. */
function axisByAxis(b: Builder, x: Value, window: readonly WindowAxis[], kind: ReduceKind): Value {
  const only = (axis: number): WindowAxis[] => window.map((w, i) => (i === axis ? w : trivialWindow))
  return movingAxes(window).reduceRight((v, axis) => b.reduceWindow(kind, v, only(axis)), x)
}

/** The windows one beside another, each element as often as it is in one, and reduced: for what has no better way back. */
function unfolded(b: Builder, x: Value, window: readonly WindowAxis[], kind: ReduceKind, places: Shape): Value {
  const moving = movingAxes(window)
  const wide = moving.reduceRight(
    (v, axis) => {
      const { size, stride, dilation } = window[axis]!
      const positions = Array.from({ length: places[axis]! * size }, (_, i) => {
        return Math.floor(i / size) * stride + (i % size) * dilation
      })
      return b.take(v, b.constant(tensorOf('i32', [places[axis]!, size], positions)), axis)
    },
    paddedInput(b, x, window, kind),
  )
  const taps = moving.map((axis, i) => axis + i + 1)
  return b.reduce(kind, wide, taps)
}

/** Reads of one loop up to which each tap of a window is one. */
const mostTaps = 12

export const reduceWindow: Vjp<'reduce_window'> = ({ node, b, dy, pullBack }) => {
  const [x] = node.operands
  const { kind } = node.attrs
  if (isEmpty(x!) || isEmpty(dy)) return []
  const { shape } = x!.type
  const places = dy.type.shape
  // Where there is one window its stride says nothing.
  const window = node.attrs.window.map((axis, i) => (places[i] === 1 ? { ...axis, stride: reach(axis) } : axis))
  if (kind === 'add') return [ofSums(b, window, shape, dy)]
  // Integers and booleans only.
  if (kind === 'and' || kind === 'or') return []
  const taps = elementCount(window.map((w) => w.size))
  if (kind !== 'mul' && taps <= mostTaps) return [ofExtremes(b, node, window, kind, dy)]
  const [own, cotangent] = [x!, dy].map(({ type }) => regionArgument(type.dtype, type.shape))
  const again = kind === 'mul' || movingAxes(window).length === 1 ? unfolded : axisByAxis
  const [dx] = pullBack([again(b, own!, window, kind, places)], [cotangent], [own!])
  const outside = new Map([
    [own!, x!],
    [cotangent!, dy],
  ])
  return rebase([dx!], outside)
}
