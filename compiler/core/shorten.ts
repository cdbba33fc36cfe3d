import { Builder } from './builder.ts'
import { createNode, type Node, type NodeOf, type Value } from './graph.ts'
import type { Kept, KeptAxes } from './ops/facets.ts'
import { facetsOf, type OpName } from './ops/index.ts'
import { pick } from './tensor.ts'

/** What stays of a graph whose values have fewer positions. */
export interface Shortening {
  /** What stays of the node's operands and results; of constants, what it takes of them. */
  readonly keptAt: (node: Node) => Kept
  /** Values in place of others, such as shorter inputs. */
  readonly given?: ReadonlyMap<Value, Value>
  /** The results to go on with instead of those of a node that was made anew. */
  readonly behind?: (node: Node, kept: Kept, results: readonly Value[]) => readonly Value[]
}

/**
 * Rebuilds `nodes`, operands before users, from what stays of them: constants without the elements that go, ops with the attributes
 * that `keep` gives. Tells what became of each value. A TypeError where an op cannot be shortened so.
 */
export function shortened(nodes: readonly Node[], { keptAt, given, behind }: Shortening): (value: Value) => Value {
  const rebuilt = new Map<Value, Value>(given)
  const now = (value: Value): Value => rebuilt.get(value) ?? value
  const cut = constantCutter()
  const resultsOf = (node: Node): readonly Value[] => {
    const kept = keptAt(node)
    const types = node.operands.map((o) => o.type)
    const operands = node.operands.map((o, i) => (o.node.op === 'constant' ? cut(o, kept.operands[i]!) : now(o)))
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
  return now
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
