import { isFloat, type DType } from '../../core/scalar/dtype.ts'
import { nodesOf, type Graph, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import {
  anyFinite,
  exactNumber,
  hull,
  intervalOf,
  meet,
  rangeOf,
  singleValue,
  type Interval,
} from '../../core/scalar/interval.ts'
import { windowIndex, type WindowAxis } from '../../core/ops/window.ts'
import { indicesOf, isSingle, placeIn, valueAt } from '../../core/analysis/relation.ts'
import { elementCount, rowMajorStrides } from '../../core/shape.ts'
import type { Tensor } from '../../core/tensor.ts'
import { IntervalSums } from './interval-sums.ts'
import {
  channelsOf,
  numbersOf,
  paddingOf,
  productWeights,
  type ProductNode,
  type ProductWeights,
} from './product-weights.ts'

/** What holds for all elements at one position of an axis, whatever the inputs are. */
export interface Range {
  readonly interval: Interval
  /** The same where no float input is larger than `assumedInput`. */
  readonly assumed: Interval
}

/** The ranges of a value: of all elements, and of each position of an axis where more is known. */
export interface Ranges {
  readonly whole: Range
  readonly axes: readonly (readonly Range[] | undefined)[]
}

/**
 * Float inputs are taken to be no larger. What that decides is only whether a channel's weights are so small that its sums
 * stay below `negligible`: such sums are taken to do so, and one for an input k times as large is off by k times that at most.
 */
export const assumedInput = 2 ** 31
const negligible = 2 ** -10

/** Constants with more elements are not looked at position by position, nor axes that are longer. */
const largestTable = 1 << 20
const longestAxis = 1 << 16

const join = (a: Range, b: Range): Range => ({
  interval: hull(a.interval, b.interval),
  assumed: hull(a.assumed, b.assumed),
})

const both = (a: Range, b: Range): Range => ({
  interval: meet(a.interval, b.interval),
  assumed: meet(a.assumed, b.assumed),
})

const rangeWith = (interval: Interval, assumed = interval): Range => ({ interval, assumed: meet(interval, assumed) })

/** Whether nothing is assumed of it. */
const isBounded = ({ interval, assumed }: Range): boolean =>
  interval.finite === assumed.finite && interval.low === assumed.low && interval.high === assumed.high

const ofType = (value: Value): Range => rangeWith(rangeOf(value.type.dtype))

const plain = (value: Value, whole: Range): Ranges => ({ whole, axes: value.type.shape.map(() => undefined) })

/** The ranges of every value of a graph. */
export class ChannelRanges {
  private readonly known = new Map<Value, Ranges>()
  private readonly dense = new Set<Node>()

  constructor(graph: Graph) {
    for (const node of nodesOf(graph)) {
      if (node.op === 'constant') continue
      const ranges = this.rangesOf(node)
      node.results.forEach((r, i) => this.known.set(r, ranges[i] ?? plain(r, ofType(r))))
    }
  }

  of(value: Value): Ranges {
    const known = this.known.get(value)
    if (known) return known
    const ranges = value.node.op === 'constant' ? constantRanges(value.node.attrs.value) : plain(value, ofType(value))
    this.known.set(value, ranges)
    return ranges
  }

  at(value: Value, axis: number, position: number): Range {
    const { whole, axes } = this.of(value)
    return axes[axis]?.[position] ?? whole
  }

  /** Whether no weight of a product by constants is 0. */
  isDense(node: ProductNode): boolean {
    return this.dense.has(node)
  }

  /** The ranges of the node's results; none for one that is not known. */
  private rangesOf(node: Node): (Ranges | undefined)[] {
    const [result] = node.results
    switch (node.op) {
      case 'input':
        return [plain(result!, inputRange(result!))]
      case 'map':
        return [this.ofMap(node)]
      case 'reshape':
      case 'transpose':
      case 'broadcast_in_dim':
      case 'slice':
        return [this.moved(node, node.operands)]
      case 'concatenate':
        return [this.moved(node, node.operands, (axis) => axis === node.attrs.axis)]
      case 'gather':
        return [this.moved(node, node.operands.slice(0, 1))]
      case 'pad':
        return [this.ofPad(node)]
      case 'reduce':
        return [this.ofReduce(node)]
      case 'reduce_window':
        return [this.ofWindow(node)]
      case 'convolution':
      case 'dot_general':
        return [this.ofProduct(node)]
      case 'iota':
      case 'constant':
      case 'argreduce':
      case 'cumulate':
      case 'scatter':
      case 'sort':
      case 'decision_trees':
      case 'while':
      case 'if':
        return []
    }
  }

  private ofMap(node: NodeOf<'map'>): Ranges {
    const [result] = node.results
    const { shape } = result!.type
    const interval = intervalOf(node.attrs.expr)
    const apply = (args: readonly Range[]): Range => {
      const exact = interval(args.map((a) => a.interval))
      return rangeWith(exact, singleValue(exact) === undefined ? interval(args.map((a) => a.assumed)) : exact)
    }
    const operands = node.operands.map((o) => ({
      value: o,
      ranges: this.of(o),
      lead: shape.length - o.type.shape.length,
    }))
    const axes = shape.map((length, axis) => {
      const along = operands.map(({ value, ranges, lead }) =>
        axis >= lead && value.type.shape[axis - lead] === length ? ranges.axes[axis - lead] : undefined,
      )
      if (along.every((ranges) => ranges === undefined)) return undefined
      return Array.from({ length }, (_, i) => apply(operands.map(({ ranges }, k) => along[k]?.[i] ?? ranges.whole)))
    })
    return withWhole(apply(operands.map(({ ranges }) => ranges.whole)), axes)
  }

  /**
   * Of an op whose results' elements are elements of the `sources`. `elsewhere` gives what else stands at a position; axes that
   * are `divided` are looked at even where no source's are.
   */
  private moved(
    node: Node,
    sources: readonly Value[],
    divided: (axis: number) => boolean = () => false,
    elsewhere: (axis: number, position: number) => Range | undefined = () => undefined,
  ): Ranges {
    const [result] = node.results
    const fromAxes = sources.map((source, at) =>
      source.type.shape.map((_, axis) => ({ ranges: this.of(source).axes[axis], at, axis })),
    )
    const axes = result!.type.shape.map((length, axis) => {
      if (length > longestAxis) return undefined
      const meets = indicesOf(node).flatMap((index) => {
        const to = placeIn(index, 'result', 0, axis)
        const from = index.places.filter((p) => p.of === 'operand' && p.at < sources.length)
        return to ? from.map((own) => ({ index, to, own, ranges: fromAxes[own.at]![own.axis]!.ranges })) : []
      })
      if (!divided(axis) && meets.every(({ ranges }) => ranges === undefined)) return undefined
      const tables = meets.map((m) => ({ ...m, table: m.ranges && byValue(m.ranges, m.own, m.index.extent) }))
      return Array.from({ length }, (_, position): Range => {
        let found = elsewhere(axis, position)
        sources.forEach((source, at) => {
          let range: Range | undefined = this.of(source).whole
          for (const { own, to, index, table } of tables) {
            if (own.at !== at || !range) continue
            const value = valueAt(to, index.extent, position)
            if (value < 0) range = undefined
            else if (table) range = table[value] && both(range, table[value])
          }
          if (range) found = found ? join(found, range) : range
        })
        return found ?? ofType(result!)
      })
    })
    const whole = sources.map((source) => this.of(source).whole).reduce(join)
    return withWhole(whole, axes)
  }

  private ofPad(node: NodeOf<'pad'>): Ranges {
    const [x, fill] = node.operands as [Value, Value]
    const { low, high } = node.attrs
    const padded = low.map((n, i) => n + high[i]! > 0)
    const { whole } = this.of(fill)
    const elsewhere = (axis: number, position: number): Range | undefined => {
      const inside = position >= low[axis]! && position < low[axis]! + x.type.shape[axis]!
      return !inside || padded.some((is, i) => is && i !== axis) ? whole : undefined
    }
    const moved = this.moved(node, [x], (axis) => padded[axis]!, elsewhere)
    return { whole: join(this.of(x).whole, whole), axes: moved.axes }
  }

  /** Sums of `least` to `most` elements. */
  private summed(range: Range, least: number, most: number, value: Value): Range {
    const { dtype } = value.type
    if (!range.interval.finite) return ofType(value)
    const of = (count: number): Range => {
      const intervals = [range.interval, range.assumed].map((interval) => {
        const sums = new IntervalSums(1, [interval])
        if (count > 0) sums.add(0, 1, 0, count)
        return sums.interval(0, dtype)
      }) as [Interval, Interval]
      return sumRange(dtype, ...intervals)
    }
    return join(of(least), of(most))
  }

  private ofReduce(node: NodeOf<'reduce'>): Ranges | undefined {
    const [x] = node.operands as [Value]
    const { kind, axes } = node.attrs
    const count = elementCount(axes.map((i) => x.type.shape[i]!))
    if (kind !== 'add' && kind !== 'max' && kind !== 'min') return undefined
    if (count === 0) return undefined
    const moved = this.moved(node, [x])
    return kind === 'add' ? mapRanges(moved, (r) => this.summed(r, count, count, node.results[0]!)) : moved
  }

  private ofWindow(node: NodeOf<'reduce_window'>): Ranges | undefined {
    const [x] = node.operands as [Value]
    const [result] = node.results
    const { kind, window } = node.attrs
    if (kind !== 'add' && kind !== 'max' && kind !== 'min') return undefined
    const counts = window.map((w, i) => elementsUnder(w, x.type.shape[i]!, result!.type.shape[i]!))
    const least = counts.reduce((product, c) => product * c.least, 1)
    const most = counts.reduce((product, c) => product * c.most, 1)
    // Along an axis of which windows see several positions, what is known of each is not looked at.
    const moved = this.moved(node, [x])
    const along = moved.axes.map((ranges, axis) =>
      indicesOf(node).some((i) => placeIn(i, 'result', 0, axis) && i.places.every(isSingle)) ? ranges : undefined,
    )
    const all: Ranges = { whole: moved.whole, axes: along }
    if (kind !== 'add') return least > 0 ? all : undefined
    return mapRanges(all, (r) => this.summed(r, least, most, result!))
  }

  private ofProduct(node: ProductNode): Ranges {
    const [result] = node.results
    const weights = productWeights(node)
    const finite = (weights ? [weights.data] : node.operands).every((o) => this.of(o).whole.interval.finite)
    const overall = finite && isFloat(result!.type.dtype) ? rangeWith(anyFinite) : ofType(result!)
    if (!weights) return plain(result!, overall)
    const sums = this.sumsOf(node, weights)
    return withWhole(
      overall,
      result!.type.shape.map((_, axis) => (axis === weights.resultAxis ? sums : undefined)),
    )
  }

  /** The range of each output channel's sums. */
  private sumsOf(node: ProductNode, weights: ProductWeights): Range[] {
    const { values, outputs, data } = weights
    const { dtype } = node.results[0]!.type
    const found = channelsOf(node, weights, (axis) => this.of(data).axes[axis])
    const padding = paddingOf(node)
    const outside = padding === undefined ? undefined : rangeWith(exactNumber(data.type.dtype, padding))
    const ranges = (found?.known ?? [this.of(data).whole]).map((r) => (outside ? join(r, outside) : r))
    const finite = ranges.map((r) => r.interval.finite)
    const broken = new Uint8Array(weights.channels)
    const sumsFrom = (intervals: readonly Interval[]): IntervalSums => new IntervalSums(weights.channels, intervals)
    const all = sumsFrom(ranges.map((r) => r.interval))
    // Beyond a first clamp inputs no longer matter.
    const assumed = ranges.every(isBounded) ? all : sumsFrom(ranges.map((r) => r.assumed))
    let dense = true
    const { outer, inner } = outputs
    for (let row = 0, i = 0; row < outer.length; row++) {
      for (let k = 0; k < inner.length; k++, i++) {
        const w = values[i]!
        const output = outer[row]! + inner[k]!
        const position = found ? found.positions.outer[row]! + found.positions.inner[k]! : 0
        if (!finite[position] || !(Math.abs(w) < Infinity)) broken[output] = 1
        if (w === 0) {
          dense = false
          continue
        }
        all.add(output, w, position)
        if (assumed !== all) assumed.add(output, w, position)
      }
    }
    if (dense) this.dense.add(node)
    return Array.from(broken, (is, o) =>
      is ? ofType(node.results[0]!) : sumRange(dtype, all.interval(o, dtype), assumed.interval(o, dtype)),
    )
  }
}

/** A sum's range, where sums that are negligible for all inputs that are assumed are taken to be so for any. */
function sumRange(dtype: DType, all: Interval, assumed: Interval): Range {
  const small = isFloat(dtype) && Math.max(-assumed.low, assumed.high) <= negligible
  return rangeWith(small ? meet(all, assumed) : all, assumed)
}

const mapRanges = ({ whole, axes }: Ranges, to: (r: Range) => Range): Ranges => ({
  whole: to(whole),
  axes: axes.map((ranges) => ranges?.map(to)),
})

/** The whole is no more than what all positions of any one axis are. */
function withWhole(whole: Range, axes: readonly (readonly Range[] | undefined)[]): Ranges {
  const known = axes.filter((ranges) => ranges !== undefined && ranges.length > 0) as (readonly Range[])[]
  return { whole: known.reduce((all, ranges) => both(all, ranges.reduce(join)), whole), axes }
}

/** For each value of an index what is known of the positions where it is. */
function byValue(
  ranges: readonly Range[],
  place: Parameters<typeof valueAt>[0],
  extent: number,
): (Range | undefined)[] {
  const table = new Array<Range | undefined>(extent).fill(undefined)
  ranges.forEach((range, position) => {
    const value = valueAt(place, extent, position)
    if (value >= 0) table[value] = table[value] ? join(table[value], range) : range
  })
  return table
}

/** Float inputs are taken to be numbers; of others all that the type has is possible. */
function inputRange(value: Value): Range {
  return isFloat(value.type.dtype)
    ? rangeWith(anyFinite, { low: -assumedInput, high: assumedInput, finite: true })
    : ofType(value)
}

function constantRanges(value: Tensor): Ranges {
  const { shape, dtype } = value
  const values = numbersOf(value)
  const strides = rowMajorStrides(shape)
  /** Least and greatest of the elements at each position of an axis. */
  const along = (length: number, stride: number): Range[] => {
    const [low, high] = [new Float64Array(length).fill(Infinity), new Float64Array(length).fill(-Infinity)]
    const broken = new Uint8Array(length)
    for (let i = 0, position = 0, left = stride; i < values.length; i++) {
      const x = values[i]!
      if (x < low[position]!) low[position] = x
      if (x > high[position]!) high[position] = x
      if (!(Math.abs(x) < largest)) broken[position] = 1
      if (--left > 0) continue
      left = stride
      if (++position === length) position = 0
    }
    return Array.from(low, (x, i) => rangeWith(broken[i] ? rangeOf(dtype) : { low: x, high: high[i]!, finite: true }))
  }
  // Integers beyond are not told apart by doubles.
  const largest = isFloat(dtype) ? Infinity : 2 ** 53
  if (values.length === 0) return { whole: rangeWith(rangeOf(dtype)), axes: shape.map(() => undefined) }
  const looks = (length: number): boolean => length > 1 && length <= longestAxis && values.length <= largestTable
  const axes = shape.map((length, axis) => (looks(length) ? along(length, strides[axis]!) : undefined))
  return { whole: along(1, values.length)[0]!, axes }
}

/** The fewest and most elements that are under a window at one of its positions. */
function elementsUnder(w: WindowAxis, length: number, positions: number): { least: number; most: number } {
  let [least, most] = [Infinity, 0]
  for (let p = 0; p < positions; p++) {
    let count = 0
    for (let k = 0; k < w.size; k++) if (windowIndex(p, k, length, w) >= 0) count++
    least = Math.min(least, count)
    most = Math.max(most, count)
  }
  return { least: least === Infinity ? 0 : least, most }
}
