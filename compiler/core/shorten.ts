import { Builder } from './builder.ts'
import { createNode, nodesOf, type Graph, type Node, type NodeOf, type Port, type Value } from './graph.ts'
import { keptShape, type Kept, type KeptAxes } from './ops/facets.ts'
import { facetsOf, type OpName } from './ops/index.ts'
import { pick } from './tensor.ts'

/** What stays of a graph whose values have fewer positions. */
export interface Shortening {
  /** What stays of the node's operands and results; of constants, what it takes of them. */
  readonly keptAt: (node: Node) => Kept
  /** Whether it tells of nodes in loops, too, whose values are shorter then. */
  readonly inLoops?: boolean
  /** Values in place of others, such as shorter inputs. */
  readonly given?: ReadonlyMap<Value, Value>
  /** The results to go on with instead of those of a node that was made anew. */
  readonly behind?: (node: Node, kept: Kept, results: readonly Value[]) => readonly Value[]
}

/**
 * Rebuilds `nodes`, operands before users, from what stays of them: constants without the elements that go, ops with the attributes
 * that `keep` gives. Tells what became of each value. A TypeError where an op cannot be shortened so.
 */
export function shortened(nodes: readonly Node[], shortening: Shortening): (value: Value) => Value {
  const { keptAt, inLoops, given, behind } = shortening
  const rebuilt = new Map<Value, Value>(given)
  const now = (value: Value): Value => rebuilt.get(value) ?? value
  const cut = constantCutter()
  const resultsOf = (node: Node): readonly Value[] => {
    const kept = keptAt(node)
    const types = node.operands.map((o) => o.type)
    const operands = node.operands.map((o, i) => (o.node.op === 'constant' ? cut(o, kept.operands[i]!) : now(o)))
    if (node.op === 'while' && inLoops) {
      const body = shortenedBody(node.attrs.body, shortening)
      const { results } = createNode('while', operands, { ...node.attrs, body }, node.origin)
      return results
    }
    const attrs = facetsOf(node.op).keep(types, node.attrs, kept) as Node['attrs'] | undefined
    if (attrs === undefined) throw new TypeError(`a ${node.op} cannot have fewer of these positions`)
    const isShorter = [...kept.operands, ...kept.results].flat().some((axis) => axis !== undefined)
    if (!isShorter && operands.every((o, i) => o === node.operands[i])) return node.results
    const { results } = createNode<OpName>(node.op, operands, attrs, node.origin)
    return behind?.(node, kept, results) ?? results
  }
  for (const node of nodes) {
    if (node.op === 'constant' || rebuilt.has(node.results[0]!)) continue
    resultsOf(node).forEach((value, i) => rebuilt.set(node.results[i]!, value))
  }
  // What a loop goes on with may be a constant.
  return (value) => (value.node.op === 'constant' ? cut(value, keptAt(value.node).results[0]!) : now(value))
}

/** A loop's body, whose inputs are as short as what it is given. */
function shortenedBody({ inputs, outputs }: Graph, shortening: Shortening): Graph {
  const own = inputs.map((port): Port => {
    const { node, type } = port.value
    const [kept] = shortening.keptAt(node).results
    const shape = keptShape(type.shape, kept!)
    return {
      ...port,
      value: createNode('input', [], { name: port.name, type: { ...type, shape } }, node.origin).results[0]!,
    }
  })
  const given = new Map(inputs.map(({ value }, i) => [value, own[i]!.value]))
  const now = shortened(nodesOf({ inputs, outputs }), { ...shortening, given })
  return { inputs: own, outputs: outputs.map((port) => ({ ...port, value: now(port.value) })) }
}

/** Constants with fewer elements, each made once. */
function constantCutter(): (constant: Value, kept: KeptAxes) => Value {
  const ids = new Map<Value, number>()
  const known = new Map<string, Value>()
  return (constant, kept) => {
    if (kept.every((axis) => axis === undefined)) return constant
    const id = ids.get(constant) ?? ids.size
    ids.set(constant, id)
    const key = `${id} ${kept.map((axis) => axis?.join() ?? '').join(';')}`
    const { attrs, origin } = constant.node as NodeOf<'constant'>
    const value = known.get(key) ?? new Builder(origin).constant(pick(attrs.value, kept))
    known.set(key, value)
    return value
  }
}
