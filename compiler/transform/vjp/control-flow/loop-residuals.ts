import { createNode, topological, type Node, type NodeOf, type Value } from '../../../core/graph.ts'
import { splitOutputs, type ScanAxis } from '../../../core/ops/control-flow/while.ts'
import { regionArgument } from '../../../core/region.ts'

export type Loop = NodeOf<'while'>

/** A value of the body with what holds all of its iterations, and what stands for one of them in the loop back. */
export interface Slices extends ScanAxis {
  readonly of: Value
  readonly value: Value
  readonly argument: Value
}

/** What is computed again on the way back rather than kept for each iteration. */
const recomputed: ReadonlySet<Node['op']> = new Set([
  ...(['map', 'reshape', 'transpose', 'broadcast_in_dim', 'slice', 'pad', 'concatenate', 'iota', 'constant'] as const),
])

/** Inputs of the body that the operands are, in their order, without the number of the iteration. */
export const ownInputs = ({ attrs }: Loop): Value[] => attrs.body.inputs.slice(1).map(({ value }) => value)

/** The body's nodes that differ from iteration to iteration. */
function changing(node: Loop, order: readonly Node[]): ReadonlySet<Node> {
  const { carried, scanInputs, body } = node.attrs
  const inputs = body.inputs.slice(0, 1 + carried + scanInputs.length)
  const found = new Set<Node>(inputs.map(({ value }) => value.node))
  for (const each of order) if (each.operands.some((o) => found.has(o.node))) found.add(each)
  return found
}

/**
 * Values of the body that `gradients` need of each iteration: what is carried into it, slices of scan inputs, and results of
 * products, reductions and the like. Maps and views of them are computed again.
 */
export function residualsOf(node: Loop, gradients: readonly Value[]): Slices[] {
  const { body, carried, scanInputs } = node.attrs
  const order = topological(body.outputs.map(({ value }) => value))
  const within = new Set(order)
  const changes = changing(node, order)
  const places = new Map(ownInputs(node).map((value, i) => [value, i]))
  const scanned: Slices[] = []
  const kept: Value[] = []
  const seen = new Set<Value>()
  const stack = [...gradients]
  while (stack.length > 0) {
    const value = stack.pop()!
    if (seen.has(value)) continue
    seen.add(value)
    const place = places.get(value)
    const isResult = place === undefined && within.has(value.node) && changes.has(value.node)
    const scan = place === undefined ? undefined : scanInputs[place - carried]
    if (scan) scanned.push({ ...scan, of: value, value: node.operands[place!]!, argument: alike(value) })
    else if (place !== undefined) {
      if (place < carried) kept.push(value)
    } else if (isResult && value.node.op !== 'input' && !recomputed.has(value.node.op)) kept.push(value)
    else stack.push(...value.node.operands)
  }
  return [...scanned, ...stacked(node, kept)]
}

const alike = ({ type: { dtype, shape } }: Value): Value => regionArgument(dtype, shape)

/** Values of the body with a slice for each iteration: scan outputs of the loop, or of the same loop with more of them. */
function stacked(node: Loop, values: readonly Value[]): Slices[] {
  const { attrs, operands, results, origin } = node
  const { body, carried, scanOutputs } = attrs
  const outputs = body.outputs.map(({ value }) => value)
  const places = new Map(splitOutputs(outputs, attrs).slices.map((value, k) => [value, k]))
  const missing = values.filter((value) => !places.has(value))
  missing.forEach((value, k) => places.set(value, scanOutputs.length + k))
  const axes = [...scanOutputs, ...missing.map((): ScanAxis => ({ axis: 0, reverse: false }))]
  const ports = [...outputs, ...missing].map((value, i) => ({ name: `r${i}`, value }))
  const wider = { ...attrs, body: { inputs: body.inputs, outputs: ports }, scanOutputs: axes }
  const whole = missing.length === 0 ? results : createNode('while', operands, wider, origin).results
  return values.map((value) => {
    const place = places.get(value)!
    return { ...axes[place]!, of: value, value: whole[carried + place]!, argument: alike(value) }
  })
}
