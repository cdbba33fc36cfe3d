import { isBigInt, isFloat, type DType } from '../core/dtype.ts'
import { nodesOf, type Graph, type Node, type NodeOf, type Value } from '../core/graph.ts'
import {
  anyFinite,
  exactNumber,
  hull,
  intervalOf,
  meet,
  rangeOf,
  singleValue,
  type Interval,
} from '../core/interval.ts'
import { windowIndex, type WindowAxis } from '../core/ops/window.ts'
import { indicesOf, isSingle, outputAxisOf, partnersOf, placeIn, valueAt } from '../core/relation.ts'
import { elementCount, rowMajorStrides } from '../core/shape.ts'
import { reader, type Tensor } from '../core/tensor.ts'

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

const ofType = (value: Value): Range => rangeWith(rangeOf(value.type.dtype))

const plain = (value: Value, whole: Range): Ranges => ({ whole, axes: value.type.shape.map(() => undefined) })

/** The ranges of every value of a graph. */
export class ChannelRanges {
  private readonly known = new Map<Value, Ranges>()

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
    const of = (count: number): Range => {
      const sum = new SumRange()
      sum.add(1, range, count)
      return sum.range(value)
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

  private ofProduct(node: NodeOf<'convolution'> | NodeOf<'dot_general'>): Ranges {
    const [result] = node.results
    const isKnown = node.operands.map((o) => this.of(o).whole.interval.finite)
    const overall = isKnown.every(Boolean) && isFloat(result!.type.dtype) ? rangeWith(anyFinite) : ofType(result!)
    const operand = weightsOperand(node)
    const output = operand === undefined ? undefined : outputAxisOf(node, operand)
    if (operand === undefined || !output) return plain(result!, overall)
    const sums = this.sumsOf(node, operand, output.axis)
    const axes = result!.type.shape.map((_, axis) => (axis === output.resultAxis ? sums : undefined))
    return withWhole(overall, axes)
  }

  /** The range of each output channel's sums. */
  private sumsOf(node: NodeOf<'convolution'> | NodeOf<'dot_general'>, operand: number, axis: number): Range[] {
    const [result] = node.results
    const x = node.operands[1 - operand]!
    const weights = (node.operands[operand]!.node as NodeOf<'constant'>).attrs.value
    const channels = channelTable(node, operand, (a) => this.of(x).axes[a])
    const padding = paddingOf(node)
    const ranges = (channels?.ranges ?? [this.of(x).whole]).map((r) =>
      padding === undefined ? r : join(r, rangeWith(exactNumber(x.type.dtype, padding))),
    )
    const count = weights.shape[axis]!
    const sums = Array.from({ length: count }, () => new SumRange())
    const stride = rowMajorStrides(weights.shape)[axis]!
    const read = reader(weights)
    for (let i = 0; i < weights.data.length; i++) {
      sums[Math.floor(i / stride) % count]!.add(Number(read(i)), ranges[channels ? channels.at(i) : 0]!)
    }
    return sums.map((sum) => sum.range(result!))
  }
}

/** The interval of a sum of terms that lie in intervals, as floats of 32 bits or as integers. */
class Sum {
  private terms = 0
  /** Sums of the terms' least and greatest values, and of the magnitudes of these. */
  private readonly ends = { low: 0, high: 0 }
  private readonly magnitudes = { low: 0, high: 0 }

  add(w: number, { low, high }: Interval, count: number): void {
    const [least, most] = w > 0 ? [w * low, w * high] : [w * high, w * low]
    this.terms += count
    this.ends.low += least * count
    this.ends.high += most * count
    this.magnitudes.low += Math.abs(least) * count
    this.magnitudes.high += Math.abs(most) * count
  }

  interval(dtype: DType): Interval {
    const { low, high } = this.ends
    if (!isFloat(dtype)) {
      const all = rangeOf(dtype)
      const fits = low >= all.low && high <= all.high && !isBigInt(dtype)
      return fits ? { low, high, finite: true } : all
    }
    // Rounding keeps the order of sums, and each addition is off by half a unit of what it adds up to.
    const margin = (this.terms + 1) * (dtype === 'f16' || dtype === 'bf16' ? 2 ** -7 : 2 ** -23)
    const end = (at: number, size: number, sign: number): number =>
      size < Infinity ? at + sign * size * margin : sign * Infinity
    return { low: end(low, this.magnitudes.low, -1), high: end(high, this.magnitudes.high, 1), finite: true }
  }
}

/** The range of a sum of so many terms, each of which is a weight times what lies in a range. */
class SumRange {
  private finite = true
  private readonly all = new Sum()
  private readonly assumed = new Sum()

  add(w: number, { interval, assumed }: Range, count = 1): void {
    if (!interval.finite || !Number.isFinite(w)) this.finite = false
    if (w === 0 || count === 0) return
    this.all.add(w, interval, count)
    this.assumed.add(w, assumed, count)
  }

  range(value: Value): Range {
    const { dtype } = value.type
    if (!this.finite) return ofType(value)
    const [interval, assumed] = [this.all.interval(dtype), this.assumed.interval(dtype)]
    const small = isFloat(dtype) && Math.max(-assumed.low, assumed.high) <= negligible
    return rangeWith(small ? meet(interval, assumed) : interval, assumed)
  }
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
  const { shape, dtype, data } = value
  const read = reader(value)
  const interval = (i: number): Interval => exactNumber(dtype, read(i))
  const range = (i: Interval): Range => rangeWith(i)
  if (data.length === 0 || data.length > largestTable) {
    let all = data.length === 0 ? rangeOf(dtype) : interval(0)
    for (let i = 1; i < data.length; i++) all = hull(all, interval(i))
    return { whole: range(all), axes: shape.map(() => undefined) }
  }
  const strides = rowMajorStrides(shape)
  const axes = shape.map((length, axis) => {
    if (length > longestAxis || length === 1) return undefined
    const found = new Array<Interval | undefined>(length).fill(undefined)
    for (let i = 0; i < data.length; i++) {
      const at = Math.floor(i / strides[axis]!) % length
      found[at] = found[at] ? hull(found[at], interval(i)) : interval(i)
    }
    return found.map((i) => range(i!))
  })
  const [first] = axes.filter((ranges) => ranges !== undefined)
  return { whole: first ? first.reduce(join) : range(interval(0)), axes }
}

/** The operand of a product that is a constant; its second, if both are. */
export function weightsOperand(node: NodeOf<'convolution'> | NodeOf<'dot_general'>): 0 | 1 | undefined {
  const [lhs, rhs] = node.operands.map((o) => o.node.op === 'constant')
  if (rhs) return 1
  return lhs && node.op === 'dot_general' ? 0 : undefined
}

/** What a convolution's window finds outside its operand; undefined where it stays inside. */
export function paddingOf(node: Node): number | undefined {
  if (node.op !== 'convolution') return undefined
  const outside = node.attrs.window.some((w) => w.low > 0 || w.high > 0 || w.baseDilation > 1)
  return outside ? (node.attrs.padValue ?? 0) : undefined
}

/** An axis of the data of a product along which `known` tells something, and which position there a weight multiplies. */
export function channelTable<T>(
  node: NodeOf<'convolution'> | NodeOf<'dot_general'>,
  operand: number,
  known: (axis: number) => T | undefined,
): { readonly axis: number; readonly ranges: T; readonly at: (weight: number) => number } | undefined {
  const { shape } = node.operands[operand]!.type
  const strides = rowMajorStrides(shape)
  for (let axis = 0; axis < node.operands[1 - operand]!.type.shape.length; axis++) {
    const ranges = known(axis)
    const partners = ranges && partnersOf(node, operand, 1 - operand, axis)
    if (!ranges || !partners) continue
    const at = (weight: number): number => {
      let position = 0
      for (let a = 0; a < shape.length; a++) position += partners[a]![Math.floor(weight / strides[a]!) % shape[a]!]!
      return position
    }
    return { axis, ranges, at }
  }
  return undefined
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
