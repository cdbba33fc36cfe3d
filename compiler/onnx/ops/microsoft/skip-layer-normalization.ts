import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { layerNormalized, rmsNormalized } from '../normalization/layer-normalization.ts'

/** Input + skip + bias; the skip may lack batch axes. */
function summed(c: OpContext, bias: Value | undefined): Value {
  const operands = [c.input(0), c.input(1), ...(bias ? [bias] : [])]
  return c.b.map(operands, (...args) => args.reduce((a, b) => f.add(a, b)))
}

/** Inputs: x, skip, gamma, beta, bias. Outputs: y, mean, inverse deviation, the sum that is normalized (ContribOperators.md). */
export const skipLayerNormalization: Operator = {
  lower: (c) => {
    const sum = summed(c, c.inputs[4])
    const axes = [sum.type.shape.length - 1]
    const parameters = { scale: c.input(2), bias: c.inputs[3], axes, epsilon: c.float('epsilon', 1e-12) }
    return [...layerNormalized(c.b, sum, parameters), sum]
  },
}

/** Inputs: x, skip, gamma, bias. Outputs 1 and 2, statistics, are not given. */
export const skipSimplifiedLayerNormalization: Operator = {
  lower: (c) => {
    const sum = summed(c, c.inputs[3])
    if (c.wantsOutput(1) || c.wantsOutput(2)) c.unsupported('statistics as outputs')
    const result = rmsNormalized(c.b, sum, c.input(2), [sum.type.shape.length - 1], c.float('epsilon', 1e-12))
    return [result, result, result, sum]
  },
}
