import { formatExpr } from '../../core/scalar/expr.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import { regionsOf, topological, type Node, type Value } from '../../core/graph.ts'
import { formatType } from '../../core/tensor.ts'
import type { TrainableModel } from '../../train/index.ts'
import { replaced } from './replaced.ts'

/** Steps that a block has at most. */
const mostSteps = 512

/** What all that a model computes of an input goes through, and how it comes from the one before. */
interface Step {
  readonly value: Value
  /** Equal for steps that compute alike, of parameters of the same shapes. */
  readonly kind: number
  /** Whether it adds what stands before it to what is computed of that. */
  readonly isResidual: boolean
}

/**
 * The model without every second one of residual blocks that stand in a row and are alike: layers of a transformer (DistilBERT; Sanh et al.,
 * 2019), blocks of a stage of a ResNet. The others keep their parameters. `removed` are the nodes that the blocks ended in.
 * @throws CompileError A702 where there are no two such blocks.
 */
export function withHalfTheBlocks(model: TrainableModel): { model: TrainableModel; removed: readonly string[] } {
  const patch = new Map<Value, Value>()
  for (const steps of model.data.map((name) => stepsFrom(model, name)))
    for (const [from, to] of secondBlocks(steps)) patch.set(to, from)
  if (patch.size === 0)
    fail('A702', 'student: the model has no residual blocks of which every second one could go', {
      hint: 'blocks are x + f(x); two or more in a row have to be alike, with parameters of the same shapes',
    })
  return { model: replaced(model, patch), removed: [...patch.keys()].map(({ node }) => node.origin?.node ?? node.op) }
}

/** Where the blocks that go begin and end. */
function* secondBlocks(steps: readonly Step[]): Generator<[from: Value, to: Value]> {
  const alike = (i: number, j: number): boolean => steps[j] !== undefined && steps[i]!.kind === steps[j].kind
  for (let at = 1; at < steps.length;) {
    let [length, count] = [0, 1]
    for (let size = 1; size <= mostSteps && at + 2 * size <= steps.length && count === 1; size++) {
      let same = 0
      while (alike(at + same, at + same + size)) same++
      if (same < size || !steps.slice(at, at + size).some(({ isResidual }) => isResidual)) continue
      ;[length, count] = [size, 1 + Math.floor(same / size)]
    }
    const end = (block: number): Value => steps[at - 1 + block * length]!.value
    for (let block = 2; block <= count; block += 2) yield [end(block - 1), end(block)]
    at += count === 1 ? 1 : length * count
  }
}

/** The steps from an input of data to the scores, the input the first. */
function stepsFrom({ graph, scores }: TrainableModel, name: string): Step[] {
  const root = graph.inputs.find((port) => port.name === name)!.value
  const live = new Set<Node>()
  for (const node of topological([scores]))
    if (node === root.node || node.operands.some((o) => live.has(o.node))) live.add(node)
  const order = [...live]
  const last = new Map(order.map((node, i) => [node, i]))
  order.forEach((node, i) => node.operands.forEach((o) => live.has(o.node) && last.set(o.node, i)))
  const kinds = new Map<string, number>()
  const steps: Step[] = []
  let [farthest, from] = [0, 0]
  for (const [i, node] of order.entries()) {
    // Nothing goes past a step: all that came before is read by what comes up to it.
    if (farthest <= i && node.results.length === 1) {
      const before = steps.at(-1)?.value
      const kind = before ? kindOf(order.slice(from, i + 1), before) : ''
      if (!kinds.has(kind)) kinds.set(kind, kinds.size)
      steps.push({
        value: node.results[0]!,
        kind: kinds.get(kind)!,
        isResidual: before !== undefined && adds(node, before, live),
      })
      from = i + 1
    }
    farthest = Math.max(farthest, last.get(node)!)
  }
  return steps
}

/** Whether a node is `before` + something that is computed of it. */
function adds({ op, attrs, operands }: Node, before: Value, live: ReadonlySet<Node>): boolean {
  if (op !== 'map' || operands.length !== 2 || !operands.includes(before)) return false
  const { expr } = attrs
  const isSum = expr.kind === 'binary' && expr.op === 'add' && expr.a.kind === 'arg' && expr.b.kind === 'arg'
  return isSum && operands.every((o) => live.has(o.node)) && operands[0] !== operands[1]
}

/** Nodes as text that is equal where they compute alike. What they read besides `before` counts by its type. */
function kindOf(nodes: readonly Node[], before: Value): string {
  const places = new Map<Value, string>([[before, 'x']])
  const lines = nodes.map((node, i) => {
    const operands = node.operands.map((o) => places.get(o) ?? formatType(o.type))
    node.results.forEach((result, k) => places.set(result, `${i}.${k}`))
    return [node.op, attributesOf(node), ...operands, ...node.results.map(({ type }) => formatType(type))].join(' ')
  })
  return [formatType(before.type), ...lines].join('\n')
}

const attributesOf = (node: Node): string => {
  if (node.op === 'map') return formatExpr(node.attrs.expr)
  // Loops and branches are not looked into.
  return regionsOf(node).length > 0 ? (node.origin?.node ?? '') : JSON.stringify(node.attrs)
}
