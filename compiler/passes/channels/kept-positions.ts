import { nodesOf, type Graph, type Node, type Value } from '../../core/graph.ts'
import { singleValue } from '../../core/scalar/interval.ts'
import type { Index, Kept, KeptAxes, Place } from '../../core/ops/facets.ts'
import { facetsOf } from '../../core/ops/index.ts'
import { indicesOf, isSingle, placeIn, valueAt } from '../../core/analysis/relation.ts'
import type { ChannelRanges, Range } from './channel-ranges.ts'
import { channelsOf, contractedWith, isProduct, productWeights, type ProductNode } from './product-weights.ts'

/** An index and where it stands in some axis. */
interface Standing {
  readonly index: Index
  readonly place: Place
}

/** The indices of each axis of each operand and result. */
type NodePlaces = Readonly<Record<Place['of'], readonly (readonly (readonly Standing[])[])[]>>

/** More sweeps over a graph than any but a contrived one takes. */
const mostSweeps = 100

/** Which output channels of a product need which values of its contracted indices. */
interface Needs {
  readonly outputs: number
  readonly resultAxis: number
  /** For each contracted index a row of flags, by output channel, for each of its values, or that each needs all. */
  readonly byIndex: ReadonlyMap<Index, Uint8Array | 'all'>
}

/**
 * The positions of all axes that outputs need: the least sets that hold all positions of outputs and, for each node, of each
 * index the same values wherever it stands, all positions of an axis that is told nothing of, and of contracted
 * indices those values that some kept output is multiplied with by a weight other than 0, unless it is known what the sum has of
 * it (`isFolded`). So what is not in them can go, from operands and results together.
 */
export class KeptPositions {
  /** By axis; undefined where all positions are kept. */
  private readonly flags = new Map<Value, (Uint8Array | undefined)[]>()
  private readonly needs = new Map<Node, Needs | undefined>()
  private readonly places = new Map<Node, NodePlaces>()
  private readonly nodes: readonly Node[]
  private readonly ranges: ChannelRanges
  private readonly isFolded: (node: ProductNode, range: Range) => boolean
  /** Products keep a multiple of so many output channels. */
  private readonly block: number

  constructor(
    graph: Graph,
    ranges: ChannelRanges,
    isFolded: (node: ProductNode, range: Range) => boolean,
    block: number,
  ) {
    this.ranges = ranges
    this.block = block
    this.isFolded = isFolded
    this.nodes = nodesOf(graph).filter((node) => node.op !== 'constant')
    for (const node of this.nodes) {
      for (const r of node.results) {
        this.flags.set(
          r,
          r.type.shape.map((length) => (length > 1 ? new Uint8Array(length) : undefined)),
        )
      }
    }
    for (const { value } of [...graph.inputs, ...graph.outputs]) this.keepAll(value)
    this.settle()
  }

  /** Whether any position of the value goes. */
  shortens(value: Value): boolean {
    return this.keptOf(value).some((axis) => axis !== undefined)
  }

  keptOf(value: Value): KeptAxes {
    return (this.flags.get(value) ?? []).map((flags) => flags && listOf(flags))
  }

  /** What stays of the node's operands and results; of constants, what it needs of them. */
  keptAt(node: Node): Kept {
    const values = this.valuesOf(node)
    const ofConstant = (value: Value, at: number): KeptAxes =>
      value.type.shape.map((length, axis) => {
        const along = this.standing(node).operand[at]![axis]!
        if (!isTold(along)) return undefined
        const list = Array.from({ length }, (_, i) => i).filter((i) => isKept(along, values, i))
        return list.length === length ? undefined : list
      })
    const operands = node.operands.map((o, at) => (this.flags.has(o) ? this.keptOf(o) : ofConstant(o, at)))
    return { operands, results: node.results.map((r) => this.keptOf(r)) }
  }

  /** The values of the node's indices that stay. */
  valuesOf(node: Node): ReadonlyMap<Index, Uint8Array> {
    return new Map(indicesOf(node).map((index) => [index, this.valuesAt(node, index)]))
  }

  private keepAll(value: Value): boolean {
    const flags = this.flags.get(value)
    if (!flags) return false
    const changed = flags.some((axis) => axis !== undefined)
    flags.fill(undefined)
    return changed
  }

  private settle(): void {
    for (let sweep = 0; ; sweep++) {
      let changed = false
      for (const node of this.nodes.toReversed()) changed = this.visit(node) || changed
      if (sweep >= mostSweeps) return this.nodes.forEach((node) => node.results.forEach((r) => this.keepAll(r)))
      if (!changed && !this.mend()) return
    }
  }

  /** Keeps one position of axes that have none, and all of what meets in ops that can't be shortened that way. */
  private mend(): boolean {
    let changed = false
    for (const node of this.nodes) {
      for (const r of node.results) {
        for (const flags of this.flags.get(r)!) {
          if (!flags || flags.includes(1)) continue
          flags[0] = 1
          changed = true
        }
      }
    }
    if (changed) return true
    for (const node of this.nodes) changed = this.mendNode(node) || changed
    return changed || this.round()
  }

  /** Keeps as many output channels of products as make a multiple of the block, if that is not all. */
  private round(): boolean {
    let changed = false
    for (const node of this.nodes) {
      const needs = isProduct(node) ? this.needsOf(node) : undefined
      const flags = needs && this.flags.get(node.results[0]!)![needs.resultAxis]
      if (!flags) continue
      for (let missing = -listOf(flags).length; missing % this.block !== 0; missing--) {
        const dropped = flags.indexOf(0)
        if (dropped < 0) break
        flags[dropped] = 1
        changed = true
      }
    }
    return changed
  }

  private mendNode(node: Node): boolean {
    const { op, attrs } = node
    const types = node.operands.map((o) => o.type)
    const kept = this.keptAt(node)
    const allows = (some: Kept): boolean => facetsOf(op).keep(types, attrs, some) !== undefined
    if (allows(kept)) return false
    const values = { operand: node.operands, result: node.results }
    const lists = { operand: kept.operands, result: kept.results }
    const barred = indicesOf(node).filter(({ places }) => {
      const only = (of: Place['of']): KeptAxes[] =>
        lists[of].map((axes, at) =>
          axes.map((axis, i) => (places.some((p) => p.of === of && p.at === at && p.axis === i) ? axis : undefined)),
        )
      return !allows({ operands: only('operand'), results: only('result') })
    })
    let changed = false
    for (const { of, at, axis } of barred.flatMap(({ places }) => places)) {
      const flags = this.flags.get(values[of][at]!)
      changed ||= flags?.[axis] !== undefined
      if (flags) flags[axis] = undefined
    }
    if (changed) return true
    for (const value of [...node.operands, ...node.results]) changed = this.keepAll(value) || changed
    return changed
  }

  private standing(node: Node): NodePlaces {
    const known = this.places.get(node)
    if (known) return known
    const indices = indicesOf(node)
    const of = (side: Place['of'], list: readonly Value[]): Standing[][][] =>
      list.map(({ type }, at) =>
        type.shape.map((_, axis) =>
          indices.flatMap((index) => {
            const place = placeIn(index, side, at, axis)
            return place ? [{ index, place }] : []
          }),
        ),
      )
    const places = { operand: of('operand', node.operands), result: of('result', node.results) }
    this.places.set(node, places)
    return places
  }

  /** Adds to what is kept of the node's operands and results what the node asks for; whether that is more. */
  private visit(node: Node): boolean {
    const values = this.valuesOf(node)
    let changed = false
    const grow = (of: Place['of'], list: readonly Value[]): void =>
      list.forEach((value, at) =>
        this.flags.get(value)?.forEach((flags, axis, all) => {
          if (!flags) return
          const along = this.standing(node)[of][at]![axis]!
          const told = isTold(along)
          for (let i = 0; i < flags.length; i++) {
            if (flags[i] || (told && !isKept(along, values, i))) continue
            flags[i] = 1
            changed = true
          }
          if (!flags.includes(0)) all[axis] = undefined
        }),
      )
    grow('operand', node.operands)
    grow('result', node.results)
    return changed
  }

  private valuesAt(node: Node, index: Index): Uint8Array {
    const values = new Uint8Array(index.extent)
    const contracted = !index.places.some((p) => p.of === 'result')
    for (const place of index.places) {
      const value = (place.of === 'operand' ? node.operands : node.results)[place.at]!
      const axes = this.flags.get(value)
      if (!axes) continue
      const flags = axes[place.axis]
      if (!isSingle(place) || !flags) return values.fill(1)
      for (let i = 0; i < flags.length; i++) {
        const v = flags[i] ? valueAt(place, index.extent, i) : -1
        if (v >= 0) values[v] = 1
      }
    }
    if (contracted) this.addNeeded(node, index, values)
    return values
  }

  private addNeeded(node: Node, index: Index, values: Uint8Array): void {
    if (node.op === 'reduce' && node.attrs.kind === 'add') {
      const [place] = index.places
      const [x] = node.operands as [Value]
      for (let i = 0; i < x.type.shape[place!.axis]!; i++) {
        const range = this.ranges.at(x, place!.axis, i)
        if (singleValue(range.interval) !== 0) values[valueAt(place!, index.extent, i)] = 1
      }
      return
    }
    const needs = isProduct(node) ? this.needsOf(node) : undefined
    const rows = needs?.byIndex.get(index)
    if (!needs || !rows) return void values.fill(1)
    const kept = this.flags.get(node.results[0]!)![needs.resultAxis]
    if (rows === 'all') {
      if (!kept || kept.includes(1)) values.fill(1)
      return
    }
    for (let v = 0; v < values.length; v++) {
      for (let o = 0; o < needs.outputs && !values[v]; o++) {
        if (rows[v * needs.outputs + o] && (!kept || kept[o])) values[v] = 1
      }
    }
  }

  private needsOf(node: ProductNode): Needs | undefined {
    if (!this.needs.has(node)) this.needs.set(node, this.findNeeds(node))
    return this.needs.get(node)
  }

  private findNeeds(node: ProductNode): Needs | undefined {
    const weights = productWeights(node)
    if (!weights) return undefined
    const { data, values, outputs, channels } = weights
    const found = channelsOf(node, weights, (axis) => this.ranges.of(data).axes[axis])
    const ranges = found?.known ?? [this.ranges.of(data).whole]
    const finite = ranges.map((range) => range.interval.finite)
    const folded = ranges.map((range) => found !== undefined && this.isFolded(node, range))
    const contracted = contractedWith(node, weights)
    const needs = (rows: (k: number) => Uint8Array | 'all'): Needs => ({
      ...{ outputs: channels, resultAxis: weights.resultAxis },
      byIndex: new Map(contracted.map(({ index }, k) => [index, rows(k)])),
    })
    if (this.ranges.isDense(node) && !folded.includes(true)) return needs(() => 'all')
    const rows = contracted.map(({ index }) => new Uint8Array(index.extent * channels))
    const { outer, inner } = outputs
    for (let row = 0, i = 0; row < outer.length; row++) {
      for (let k = 0; k < inner.length; k++, i++) {
        const w = values[i]!
        const position = found ? found.positions.outer[row]! + found.positions.inner[k]! : 0
        if ((folded[position] && Number.isFinite(w)) || (w === 0 && finite[position])) continue
        const output = outer[row]! + inner[k]!
        for (let c = 0; c < rows.length; c++) {
          const each = contracted[c]!.values
          rows[c]![(each.outer[row]! + each.inner[k]!) * channels + output] = 1
        }
      }
    }
    return needs((k) => rows[k]!)
  }
}

const listOf = (flags: Uint8Array): number[] => [...flags.keys()].filter((i) => flags[i])

/** Whether positions of an axis can go without those that its indices stand at elsewhere. */
const isTold = (along: readonly Standing[]): boolean => along.length > 0 && along.every(({ place }) => isSingle(place))

/** Whether all values that are at a position stay; one at which none is, which a slice leaves out, does not for this node. */
function isKept(along: readonly Standing[], values: ReadonlyMap<Index, Uint8Array>, position: number): boolean {
  let kept = false
  for (const { index, place } of along) {
    const value = valueAt(place, index.extent, position)
    if (value < 0) continue
    if (values.get(index)![value] !== 1) return false
    kept = true
  }
  return kept
}
