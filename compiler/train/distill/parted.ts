import {
  applyPatch,
  createNode,
  nodesOf,
  regionsOf,
  type Graph,
  type Node,
  type Port,
  type Value,
} from '../../core/graph.ts'
import { formatExpr } from '../../core/scalar/expr.ts'
import { hash } from '../../core/bytes/hash.ts'
import { bytesOf, formatType } from '../../core/tensor.ts'
import type { Parted } from '../model/front.ts'
import type { Teacher } from './teacher.ts'

/** A teacher of the whole model as one of what is behind the front; undefined where it does not begin with the same. */
export function partedTeacher({ graph }: Teacher, { front, model }: Parted): Teacher | undefined {
  const ids = new Map<string, number>()
  const [own, others] = [front, graph].map((g) => numbered(g, ids)) as [Map<Value, number>, Map<Value, number>]
  const byId = new Map([...others].map(([value, id]) => [id, value]))
  const patch = new Map<Value, Value>()
  const inputs: Port[] = []
  for (const [i, { value }] of front.outputs.entries()) {
    const same = byId.get(own.get(value)!)
    if (!same) return undefined
    const name = model.data[i]!
    const port = { name, value: createNode('input', [], { name, type: value.type }, undefined).results[0]! }
    inputs.push(port)
    patch.set(same, port.value)
  }
  const { outputs } = applyPatch(graph, patch)
  const whole = new Set(graph.inputs.map(({ value }) => value.node))
  return nodesOf({ inputs: [], outputs }).some((node) => whole.has(node)) ? undefined : { graph: { inputs, outputs } }
}

/** A number for each value: the same one, in all graphs that share `ids`, for what is computed alike from inputs of the same names. */
function numbered(graph: Graph, ids: Map<string, number>): Map<Value, number> {
  const found = new Map<Value, number>()
  for (const node of nodesOf(graph)) {
    const attributes = attributesOf(node)
    const operands = node.operands.map((o) => found.get(o)!)
    for (const [i, value] of node.results.entries()) {
      // Of its own where it is not told what it is.
      const key = attributes === undefined ? `${ids.size}` : `${node.op} ${operands.join(',')} ${attributes} ${i}`
      if (!ids.has(key)) ids.set(key, ids.size)
      found.set(value, ids.get(key)!)
    }
  }
  return found
}

function attributesOf(node: Node): string | undefined {
  if (regionsOf(node).length > 0) return undefined
  if (node.op === 'map') return formatExpr(node.attrs.expr)
  if (node.op !== 'constant') return JSON.stringify(node.attrs)
  return `${formatType(node.attrs.value)} ${hash([bytesOf(node.attrs.value)])}`
}
