/** Loops as relations: what goes round a loop has the same axes outside, in its body, and from one iteration to the next. */
import { nodesOf, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import { inOperand, inResult, type Index, type Place } from '../../core/ops/facets.ts'
import { splitOperands, splitOutputs } from '../../core/ops/control-flow/while.ts'
import { indicesOf } from '../../core/analysis/relation.ts'

/** Values whose axes meet by indices: a node's operands and results, or what a loop makes of one another. */
export interface Related {
  /** The node; undefined of what only is the same. */
  readonly node: Node | undefined
  readonly operands: readonly Value[]
  readonly results: readonly Value[]
  readonly indices: readonly Index[]
}

/** Values that are the same but for axes that some lack: `axes` has for each the place of a common axis. */
interface Same {
  readonly operands: readonly Value[]
  readonly results: readonly Value[]
  /** The axis of a value that only it has, of those that are cut into slices. */
  readonly sliced: ReadonlyMap<Value, number>
}

/** What is the same of a loop: carried values, slices and what they are cut from, and what the body takes from outside. */
function samesOf({ attrs, operands, results }: NodeOf<'while'>): Same[] {
  const { body, carried, conditional, scanInputs, scanOutputs } = attrs
  const given = splitOperands(operands, attrs)
  const inputs = splitOperands(body.inputs.slice(conditional ? 0 : 1), attrs)
  const own = (list: readonly { readonly value: Value }[]): Value[] => list.map(({ value }) => value)
  // The body's first input is the iteration's number, where operands have the condition.
  const outputs = splitOutputs(own(body.outputs), attrs)
  const none = new Map<Value, number>()
  return [
    ...given.carried.map((value, i) => ({
      ...{ operands: [value, inputs.carried[i]!.value, outputs.carried[i]!], results: [results[i]!], sliced: none },
    })),
    ...given.scanInputs.map((value, i) => ({
      ...{
        operands: [value, inputs.scanInputs[i]!.value],
        results: [],
        sliced: new Map([[value, scanInputs[i]!.axis]]),
      },
    })),
    ...outputs.slices.map((value, i) => {
      const result = results[carried + i]!
      return { operands: [value], results: [result], sliced: new Map([[result, scanOutputs[i]!.axis]]) }
    }),
    ...given.invariants.map((value, i) => ({
      operands: [value, inputs.invariants[i]!.value],
      results: [],
      sliced: none,
    })),
  ]
}

/** Values that are the same as one relation, with an index for each axis that all have. */
function relatedBy({ operands, results, sliced }: Same): Related {
  const whole = [...operands, ...results].find((value) => !sliced.has(value))!
  const place = (value: Value, axis: number, extent: number, make: typeof inOperand, at: number): Place => {
    const own = sliced.get(value)
    return make(at, own !== undefined && axis >= own ? axis + 1 : axis, extent)
  }
  const indices = whole.type.shape.map((extent, axis): Index => ({
    extent,
    places: [
      ...operands.map((value, at) => place(value, axis, extent, inOperand, at)),
      ...results.map((value, at) => place(value, axis, extent, inResult, at)),
    ],
  }))
  return { node: undefined, operands, results, indices }
}

/** Nodes and those in their loops, as relations; loops themselves are what is the same in them. Branches are one node. */
export function relations(nodes: readonly Node[]): Related[] {
  return nodes.flatMap((node): Related[] => {
    if (node.op !== 'while') return [{ ...node, node, indices: indicesOf(node) }]
    return [...relations(nodesOf(node.attrs.body)), ...samesOf(node).map(relatedBy)]
  })
}

/** The nodes in loops, and how often each runs; once where that depends on data. */
export function nodesInLoops(nodes: readonly Node[], times = 1): Map<Node, number> {
  const found = new Map<Node, number>()
  for (const node of nodes) {
    if (node.op !== 'while') continue
    const all = times * (node.attrs.conditional ? 1 : node.attrs.trips)
    const inside = nodesOf(node.attrs.body)
    inside.forEach((each) => found.set(each, all))
    nodesInLoops(inside, all).forEach((count, each) => found.set(each, count))
  }
  return found
}

/** The nodes that depend on those of `of`, in loops too. */
export function dependents(all: readonly Related[], of: ReadonlySet<Node>): Set<Node> {
  const found = new Set(of)
  for (let size = -1; size !== found.size;) {
    size = found.size
    for (const { node, operands, results } of all) {
      if (!operands.some((o) => found.has(o.node))) continue
      if (node) found.add(node)
      // What is the same as one that depends does, too, unless it stands outside before the loop.
      else for (const value of [...operands.slice(1), ...results]) found.add(value.node)
    }
  }
  return found
}
