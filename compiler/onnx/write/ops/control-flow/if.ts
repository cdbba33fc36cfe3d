import type { Graph } from '../../../../core/graph.ts'
import { closed } from './region.ts'
import type { Rule } from '../rule.ts'

export const ifElse: Rule<'if'> = (e, node, [condition, ...captured], emitRegion) => {
  const branch = (region: Graph) => {
    const inner = e.inner()
    return { graph: closed(inner, [], emitRegion(inner, region, captured)) }
  }
  const { then, otherwise } = node.attrs
  const types = node.results.map((r) => r.type)
  return e.nodeOf('If', [condition], types, { then_branch: branch(then), else_branch: branch(otherwise) })
}
