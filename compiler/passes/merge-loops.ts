/**
 * Loops that go through the same iterations.
 * Before: any graph. After: where a loop has the operands and the body of another one that gives more slices of each
 * iteration, only the latter is left. What differentiates a loop leaves such pairs: the loop, and the loop with what its way
 * back needs (transform/vjp/control-flow/while.ts).
 */
import { applyPatch, nodesOf, type Graph, type NodeOf, type Value } from '../core/graph.ts'

type Loop = NodeOf<'while'>

const isPrefix = <T>(part: readonly T[], whole: readonly T[], same: (a: T, b: T) => boolean): boolean =>
  part.length <= whole.length && part.every((value, i) => same(value, whole[i]!))

/** Whether `other` gives all that `loop` does, and first. */
function gives(other: Loop, loop: Loop): boolean {
  const [a, b] = [loop.attrs, other.attrs]
  const settings = ({ trips, conditional, carried, scanInputs }: Loop['attrs']): string =>
    JSON.stringify([trips, conditional, carried, scanInputs])
  return (
    settings(a) === settings(b) &&
    loop.operands.length === other.operands.length &&
    isPrefix(loop.operands, other.operands, Object.is) &&
    isPrefix(a.body.inputs, b.body.inputs, (p, q) => p.value === q.value) &&
    isPrefix(a.body.outputs, b.body.outputs, (p, q) => p.value === q.value) &&
    isPrefix(a.scanOutputs, b.scanOutputs, (p, q) => p.axis === q.axis && p.reverse === q.reverse)
  )
}

export function mergeLoops(graph: Graph): Graph {
  const loops = new Map<Value, Loop[]>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'while') continue
    const iteration = node.attrs.body.inputs[0]!.value
    const alike = loops.get(iteration)
    if (alike) alike.push(node)
    else loops.set(iteration, [node])
  }
  const patch = new Map<Value, Value>()
  for (const alike of loops.values()) {
    const [most, ...others] = alike.sort((p, q) => q.results.length - p.results.length)
    for (const loop of others) {
      if (!gives(most!, loop)) continue
      loop.results.forEach((result, i) => {
        const isCount = i === loop.results.length - 1
        patch.set(result, isCount ? most!.results.at(-1)! : most!.results[i]!)
      })
    }
  }
  return applyPatch(graph, patch)
}
