import { createNode, type Graph, type Value } from '../../../core/graph.ts'
import { regionArgument } from '../../../core/region.ts'
import { cotangentType, type Vjp } from '../rule.ts'

/** The same choice of two branches that go backwards; each computes again what it needs of its own way forwards. */
export const ifElse: Vjp<'if'> = ({ node, b, cotangents, varies, pullBack }) => {
  const [condition, ...captured] = node.operands
  const wanted = captured.map((_, i) => i).filter((i) => varies(i + 1))
  const given = cotangents.filter((c) => c !== undefined)
  const backwards = ({ inputs, outputs }: Graph): Graph => {
    const args = cotangents.map((c) => c && regionArgument(c.type.dtype, c.type.shape))
    const own = inputs.map(({ value }) => value)
    const wrt = wanted.map((i) => own[i]!)
    const found = pullBack(
      outputs.map(({ value }) => value),
      args,
      wrt,
    )
    const filled = found.map((c, i) => c ?? b.full(0, cotangentType(wrt[i]!.type.dtype), wrt[i]!.type.shape))
    const all = [...own, ...args.filter((p) => p !== undefined)]
    return {
      inputs: all.map((value, i) => ({ name: `p${i}`, value })),
      outputs: filled.map((value, i) => ({ name: `r${i}`, value })),
    }
  }
  const { then, otherwise } = node.attrs
  const branches = { then: backwards(then), otherwise: backwards(otherwise) }
  const { results } = createNode('if', [condition!, ...captured, ...given], branches, b.origin)
  const operands = new Array<Value | undefined>(node.operands.length).fill(undefined)
  wanted.forEach((i, k) => (operands[i + 1] = results[k]))
  return operands
}
