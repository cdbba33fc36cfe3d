import type { Builder } from '../../core/builder.ts'
import { createNode, type Graph, type Value } from '../../core/graph.ts'
import { regionArgument } from '../../core/region.ts'
import { isBatched, leading, shared, spread, withLeading } from './forms.ts'
import type { Context, Operand, Rule } from './rule.ts'

/** Where the condition differs between samples both branches are computed, and each sample takes its own. */
export const ifElse: Rule<'if'> = (c, node, [condition, ...captured]) =>
  isBatched(condition!)
    ? chosen(c, node.attrs, condition!.value, captured)
    : branched(c, node, condition!.value, captured)

interface Branches {
  readonly then: Graph
  readonly otherwise: Graph
}

const outputsOf = (c: Context, branch: Graph, inputs: readonly Operand[], mask: Value | undefined) =>
  c.region(
    branch.outputs.map((port) => port.value),
    new Map(branch.inputs.map(({ value }, i) => [value, inputs[i]!])),
    mask,
  )

/** bool: those of `samples` that are in `mask`. */
export const masked = (b: Builder, mask: Value | undefined, samples: Value): Value =>
  mask ? b.binary('and', mask, samples) : samples

function chosen(c: Context, { then, otherwise }: Branches, condition: Value, captured: readonly Operand[]): Operand[] {
  const { b, mask } = c
  const left = outputsOf(c, then, captured, masked(b, mask, condition))
  const right = outputsOf(c, otherwise, captured, masked(b, mask, b.unary('not', condition)))
  return left.map((value, i) => {
    const [x, y] = [withLeading(c, value), withLeading(c, right[i]!)]
    return leading(b.select(spread(b, condition, x.type.shape.length), x, y))
  })
}

function branched(
  c: Context,
  { attrs, origin }: Parameters<typeof ifElse>[1],
  condition: Value,
  captured: readonly Operand[],
): Operand[] {
  const own = ({ type }: Value): Value => regionArgument(type.dtype, type.shape)
  const regions = [attrs.then, attrs.otherwise].map((branch) => {
    const inputs = captured.map((o) => ({ ...o, value: own(o.value) }))
    const mask = c.mask && own(c.mask)
    const ports = [...inputs.map((o) => o.value), ...(mask ? [mask] : [])].map((value, i) => ({ name: `p${i}`, value }))
    return { ports, outputs: outputsOf(c, branch, inputs, mask) }
  })
  const flags = attrs.then.outputs.map((_, i) => regions.some(({ outputs }) => isBatched(outputs[i]!)))
  const [then, otherwise] = regions.map(({ ports, outputs }): Graph => ({
    inputs: ports,
    outputs: outputs.map((o, i) => ({ name: `r${i}`, value: flags[i] ? withLeading(c, o) : o.value })),
  })) as [Graph, Graph]
  const operands = [condition, ...captured.map((o) => o.value), ...(c.mask ? [c.mask] : [])]
  const { results } = createNode('if', operands, { then, otherwise }, origin)
  return results.map((value, i) => (flags[i] ? leading(value) : shared(value)))
}
