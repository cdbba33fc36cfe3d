import type { Value } from '../../../core/graph.ts'
import { sameShape } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { isTensor, kindOf } from '../../item.ts'
import { attentionScores, weightedValues } from '../../shared/nn/attention.ts'
import { softmax } from '../../shared/nn/softmax.ts'

/** What the subgraph in attribute `name` makes of `x`, of the same shape; `x` itself without one. */
function modified(c: OpContext, name: string, x: Value): Value {
  if (!c.has(name)) return x
  const [result] = c.inline(c.graph(name), [x])
  c.check(result !== undefined, `${name} has no output`)
  c.check(isTensor(result), `${name} gives ${isTensor(result) ? '' : kindOf(result)}`)
  const { shape } = result.type
  c.check(sameShape(shape, x.type.shape), `${name} gives [${shape.join(',')}] for [${x.type.shape.join(',')}]`)
  return c.b.convert(result, x.type.dtype)
}

/** prob_mod(softmax(score_mod(scale · Q Kᵀ))) V with subgraphs for the two functions; domain ai.onnx.preview. */
export const flexAttention: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const [query, key, value] = [0, 1, 2].map((i) => c.input(i)) as [Value, Value, Value]
    for (const { type } of [query, key, value]) c.check(type.shape.length === 4, 'inputs of 4 axes are wanted')
    const [, heads = 0, , size = 0] = query.type.shape
    const keyHeads = key.type.shape[1]!
    c.check(keyHeads >= 1 && heads % keyHeads === 0, `${heads} query heads do not divide among ${keyHeads} of keys`)
    const scale = c.float('scale', 1 / Math.sqrt(size))
    const scores = b.map([attentionScores(b, query, key)], (e) => f.mul(e, scale))
    const weights = softmax(b, modified(c, 'score_mod', scores), [3])
    return [weightedValues(b, modified(c, 'prob_mod', weights), value)]
  },
}
