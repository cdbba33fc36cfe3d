/**
 * Which channels must go together, found from the index relations of a graph (core/analysis/relation.ts). A channel is a position of an axis:
 * when it goes, so does each value of an index that stands there, and with it all positions at which that value stands in
 * the node's other operands and results. The seeds are the output channels of products by parameters; a group is what follows from one.
 * Fang et al., 2023 ("DepGraph") have such groups from rules for each kind of layer.
 */
import { topological, type Node, type Value } from '../../core/graph.ts'
import type { Index } from '../../core/ops/facets.ts'
import { outputAxisOf, valueAt } from '../../core/analysis/relation.ts'
import { isProduct } from '../../passes/channels/product-weights.ts'
import type { TrainableModel } from '../../train/index.ts'
import { Axes, isEven, positionsAt, type Axis, type Standing } from './axes.ts'
import { dependents, relations, type Related } from './loops.ts'
import { vanishingAxes } from './vanishing.ts'

/** Positions that go together. With the group's slices of parameters as zeros, the model computes what it does without them. */
export interface Group {
  /** Positions of axes, ascending. */
  readonly positions: ReadonlyMap<Axis, readonly number[]>
  /** How many values of each node's indices go. */
  readonly values: ReadonlyMap<Index, number>
  /** The axis of a product's output channels from which the group follows. */
  readonly seed: Axis
}

/** What groups are looked for in. */
export interface Couplings {
  readonly groups: readonly Group[]
  /** Those outside of loops. */
  readonly nodes: readonly Node[]
  /** Nodes that depend on data, in loops too. */
  readonly varying: ReadonlySet<Node>
}

/** The values of a model that rewrites of its graph must follow. */
export const followed = ({ graph, scores, normalizations, dropouts }: TrainableModel): Value[] => [
  ...graph.inputs.map(({ value }) => value),
  ...graph.outputs.map(({ value }) => value),
  ...[scores, ...normalizations.map(({ x }) => x), ...dropouts.flatMap(({ x, value }) => [x, value])],
]

/**
 * The groups of channels of a model that can go. Parameters whose names are in `frozen` keep all of theirs. A group is not there where it
 * would meet the model's inputs or outputs, a window, an axis of which an op tells nothing (sorts), or a sum or other
 * reduction over it that is no product with a parameter: a mean, say, whose divisor is a constant. Where a position stands for
 * several indices (heads of attention, groups of a convolution) and is not all of an inner one, the outermost goes.
 * The time is near linear in the positions of the graph.
 */
export function couplings(model: TrainableModel, frozen: ReadonlySet<string> = new Set()): Couplings {
  const nodes = topological(followed(model))
  const trained = model.parameters.filter(({ name }) => !frozen.has(name))
  const parameters = new Set(trained.map(({ value }) => value))
  const data = new Set(
    model.graph.inputs.filter(({ name }) => model.data.includes(name)).map(({ value }) => value.node),
  )
  const all = relations(nodes)
  const varying = dependents(all, data)
  const learned = dependents(all, new Set([...parameters].map(({ node }) => node)))
  const search = new Search(all, vanishingAxes(nodes, parameters), fixedValues(model, frozen))
  for (const { node } of all) {
    if (!node || !isProduct(node)) continue
    node.operands.forEach((operand, at) => {
      const output = learned.has(operand.node) && !varying.has(operand.node) ? outputAxisOf(node, at) : undefined
      if (output) search.from(node.results[0]!, output.resultAxis)
    })
  }
  return { groups: search.groups(), nodes, varying }
}

/** Values whose axes stay as they are. */
function fixedValues({ graph, data, parameters, scores }: TrainableModel, frozen: ReadonlySet<string>): Set<Value> {
  const isData = new Set(data)
  return new Set([
    ...graph.inputs.filter(({ name }) => isData.has(name)).map(({ value }) => value),
    ...parameters.filter(({ name }) => frozen.has(name)).map(({ value }) => value),
    ...[scores, ...graph.outputs.map(({ value }) => value)],
  ])
}

/** Whose position it is: a group's number from 0 on. */
const nobody = -1

class Search {
  private readonly axes: Axes
  private readonly vanishing: ReadonlyMap<Value, readonly boolean[]>
  private readonly fixed: ReadonlySet<Value>
  private readonly owners = new Map<Axis, Int32Array>()
  private readonly refused = new Map<Axis, Set<number>>()
  private readonly found: (Closure | undefined)[] = []
  /** The group that a group has become part of; itself where it has not. */
  private readonly joined: number[] = []
  private readonly seeds = new Set<Axis>()

  constructor(all: readonly Related[], vanishing: Search['vanishing'], fixed: ReadonlySet<Value>) {
    this.axes = new Axes(all)
    this.vanishing = vanishing
    this.fixed = fixed
  }

  from(value: Value, resultAxis: number): void {
    const seed = this.axes.of(value, resultAxis)
    this.seeds.add(seed)
    if (seed.length < 2) return
    for (let position = 0; position < seed.length; position++) {
      if (this.ownerOf(seed, position) !== nobody || this.refused.get(seed)?.has(position)) continue
      const closure = new Closure(this.axes, seed, this.fixed, this.vanishing, (axis, i) => this.ownerOf(axis, i))
      closure.add(seed, [position])
      closure.settle()
      if (closure.isRefused) this.refuse(closure)
      else this.accept(closure)
    }
  }

  groups(): Group[] {
    return this.found.flatMap((closure) => (closure ? [closure.group()] : []))
  }

  private ownerOf(axis: Axis, position: number): number {
    let owner = this.owners.get(axis)?.[position] ?? nobody
    while (owner !== nobody && this.joined[owner] !== owner) owner = this.joined[owner]!
    return owner
  }

  private accept(closure: Closure): void {
    const id = this.found.length
    this.joined.push(id)
    for (const [axis, positions] of closure.positions) {
      const owners = this.owners.get(axis) ?? new Int32Array(axis.length).fill(nobody)
      this.owners.set(axis, owners)
      for (const position of positions) owners[position] = id
    }
    for (const other of closure.met) {
      closure.take(this.found[other]!)
      this.found[other] = undefined
      this.joined[other] = id
    }
    this.found.push(closure)
  }

  /** What follows from a seed of it is mostly the same. */
  private refuse(closure: Closure): void {
    for (const [axis, positions] of closure.positions) {
      const known = this.refused.get(axis) ?? new Set()
      this.refused.set(axis, known)
      positions.forEach((position) => known.add(position))
    }
  }
}

/** What follows from the positions that were added. */
class Closure {
  readonly positions = new Map<Axis, Set<number>>()
  /** Numbers of groups of which positions were met. */
  readonly met = new Set<number>()
  isRefused = false
  private readonly seed: Axis
  private readonly axes: Axes
  private readonly fixed: ReadonlySet<Value>
  private readonly vanishing: ReadonlyMap<Value, readonly boolean[]>
  private readonly ownerOf: (axis: Axis, position: number) => number
  private readonly pending = new Map<Axis, number[]>()
  private readonly values = new Map<Index, Set<number>>()

  constructor(
    axes: Axes,
    seed: Axis,
    fixed: ReadonlySet<Value>,
    vanishing: ReadonlyMap<Value, readonly boolean[]>,
    ownerOf: (axis: Axis, position: number) => number,
  ) {
    this.axes = axes
    this.seed = seed
    this.fixed = fixed
    this.vanishing = vanishing
    this.ownerOf = ownerOf
  }

  add(axis: Axis, positions: readonly number[]): void {
    if (this.fixed.has(axis.value)) this.isRefused = true
    const own = this.positions.get(axis) ?? new Set()
    this.positions.set(axis, own)
    for (const position of positions) {
      if (own.has(position)) continue
      const owner = this.ownerOf(axis, position)
      if (owner !== nobody) {
        this.met.add(owner)
        continue
      }
      own.add(position)
      const waiting = this.pending.get(axis)
      if (waiting) waiting.push(position)
      else this.pending.set(axis, [position])
    }
    if (own.size === axis.length) this.isRefused = true
  }

  settle(): void {
    for (;;) {
      const next = this.pending.entries().next()
      if (next.done) return
      const [axis, positions] = next.value
      this.pending.delete(axis)
      for (const { related, standing } of axis.uses) {
        if (!standing.length || !standing.every(({ place }) => isEven(place))) this.isRefused = true
        else for (const [index, value] of this.gone(axis, standing, positions)) this.go(related, index, value)
      }
    }
  }

  /** The values of indices that go with the positions. */
  private gone(axis: Axis, standing: readonly Standing[], positions: readonly number[]): [Index, number][] {
    // What stands at all positions tells none from another.
    const telling = standing.filter(({ place }) => place.length > 1)
    const all = this.positions.get(axis)!
    const counts = telling.map(() => new Map<number, number>())
    if (telling.length > 1) {
      for (const position of all) {
        telling.forEach(({ index, place }, i) => {
          const value = valueAt(place, index.extent, position)
          if (value >= 0) counts[i]!.set(value, (counts[i]!.get(value) ?? 0) + 1)
        })
      }
    }
    return positions.flatMap((position) => {
      const here = telling.flatMap((each, i) => {
        const value = valueAt(each.place, each.index.extent, position)
        return value < 0 ? [] : [{ ...each, value, count: counts[i]!.get(value) ?? 0 }]
      })
      const whole = here.filter(({ place, count }) => count * place.length === axis.length)
      const outermost = here.toSorted((a, b) => b.place.inner - a.place.inner).slice(0, 1)
      const chosen = here.length > 1 && whole.length > 0 ? whole : outermost
      return chosen.map(({ index, value }): [Index, number] => [index, value])
    })
  }

  private go(related: Related, index: Index, value: number): void {
    const gone = this.values.get(index) ?? new Set()
    this.values.set(index, gone)
    if (gone.has(value)) return
    gone.add(value)
    if (!this.axes.canShorten(related, index) || !this.addsNothing(related, index)) this.isRefused = true
    else {
      for (const place of index.places) {
        const axis = this.axes.at(related, place)
        this.add(axis, positionsAt(place, axis.length, value))
      }
    }
  }

  /** Whether the values that go would add nothing to a sum, if the group were masked. */
  private addsNothing({ node }: Related, { places }: Index): boolean {
    if (!node || places.some(({ of }) => of === 'result')) return true
    return isProduct(node) && places.some(({ at, axis }) => this.vanishing.get(node.operands[at]!)![axis]!)
  }

  take({ positions, values }: Closure): void {
    const join = <K>(to: Map<K, Set<number>>, from: ReadonlyMap<K, ReadonlySet<number>>): void => {
      for (const [key, numbers] of from) to.set(key, new Set([...(to.get(key) ?? []), ...numbers]))
    }
    join(this.positions, positions)
    join(this.values, values)
  }

  group(): Group {
    const positions = [...this.positions].filter(([, set]) => set.size > 0)
    return {
      positions: new Map(positions.map(([axis, set]) => [axis, [...set].sort((a, b) => a - b)])),
      values: new Map([...this.values].map(([index, set]) => [index, set.size])),
      seed: this.seed,
    }
  }
}
