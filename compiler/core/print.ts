import { formatExpr } from './scalar/expr.ts'
import { nodesOf, regionsOf, type Graph, type Value } from './graph.ts'
import type { Node } from './graph.ts'
import { formatType, toNumbers, type Tensor } from './tensor.ts'

function formatTensor(t: Tensor): string {
  const shown = t.data.length <= 8 ? toNumbers(t) : toNumbers({ ...t, shape: [6], data: t.data.subarray(0, 6) })
  return `{${shown.map((n) => `${Math.fround(n) === n ? n : Number(n.toPrecision(7))}`).join(', ')}${t.data.length > 8 ? ', …' : ''}}`
}

function formatAttr(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(formatAttr).join(', ')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  return `{${Object.entries(value)
    .map(([key, v]) => `${key}: ${formatAttr(v)}`)
    .join(', ')}}`
}

function formatAttrs(node: Node, name: (i: number) => string): string {
  if (node.op === 'map') return formatExpr(node.attrs.expr, name)
  if (node.op === 'constant') return formatTensor(node.attrs.value)
  if (node.op === 'input') return JSON.stringify(node.attrs.name)
  return Object.entries(node.attrs)
    .filter(([, value]) => !(regionsOf(node) as readonly unknown[]).includes(value))
    .map(([key, value]) => `${key}=${formatAttr(value)}`)
    .join(' ')
}

/** The graph as text, one node a line: `%3 = map f32[1,8] (%1, %2): add(%1, %2)`. Regions stand indented below theirs. */
export const printGraph = (graph: Graph): string => printLines(graph, new Map()).join('\n') + '\n'

function printLines(graph: Graph, names: Map<Value, string>): string[] {
  const nameOf = (v: Value): string => names.get(v)!
  const lines = nodesOf(graph).flatMap((node) => {
    for (const r of node.results) names.set(r, `%${names.size}`)
    const results = node.results.map(nameOf).join(', ')
    const types = node.results.map((r) => formatType(r.type)).join(', ')
    const operands = node.operands.length > 0 ? ` (${node.operands.map(nameOf).join(', ')})` : ''
    const attrs = formatAttrs(node, (i) => nameOf(node.operands[i]!))
    const regions = regionsOf(node).flatMap((region) => [
      '  {',
      ...printLines(region, names).map((l) => `    ${l}`),
      '  }',
    ])
    return [`${results} = ${node.op} ${types}${operands}: ${attrs}`, ...regions]
  })
  const outputs = graph.outputs.map(({ name, value, extents = [], limit }) => {
    const sizes = extents.map(({ axis, count }) => ` (${JSON.stringify(count)} along axis ${axis})`)
    const size = limit ? ` (${limit.least} to ${limit.most})` : sizes.join('')
    return `${JSON.stringify(name)} = ${nameOf(value)}${size}`
  })
  return [...lines, `output ${outputs.join(', ')}`]
}
