import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import { takeActivation } from '../../shared/nn/activation.ts'
import { addBias, convolutionAttrs } from '../../shared/nn/convolution.ts'
import * as f from '../../../core/scalar/formula.ts'
import { matmul } from '../../shared/matmul.ts'
import { gemmOf } from '../math/gemm.ts'

/** The activation that attributes `activation` and `activation_params` name. */
function activate(c: OpContext, x: Value): Value {
  const name = c.string('activation', '')
  if (name === '') return x
  const parameters = c.floats('activation_params', [])
  if (name === 'Clip') {
    const [low = -Infinity, high = Infinity] = parameters
    return c.b.map([x], (e) => f.clamp(e, low, high))
  }
  const formula = takeActivation(c, name, parameters.slice(0, 1), parameters.slice(1))
  return c.b.map([x], formula)
}

/** Convolution of `x`, whose channels are axis 1, plus input 3 as `placed` has it; then the activation. */
export function convolvedAndActivated(c: OpContext, x: Value, placed: (addend: Value) => Value): Value {
  const w = c.input(1)
  const result = addBias(c, c.b.convolution(x, w, convolutionAttrs(c, x, w)), c.inputs[2])
  return activate(c, c.inputs[3] ? c.b.binary('add', result, placed(c.inputs[3])) : result)
}

/** Inputs: x, w, bias, a tensor to add; then the activation (onnxruntime's ContribOperators.md). */
export const fusedConv: Operator = { lower: (c) => [convolvedAndActivated(c, c.input(0), (addend) => addend)] }

/** The activation of alpha A' B' + beta C. */
export const fusedGemm: Operator = {
  lower: (c) => {
    const product = gemmOf(c)
    const name = c.string('activation', '')
    if (name === '') return [product]
    const parameter = (attribute: string): number[] => (c.has(attribute) ? [c.float(attribute)] : [])
    const formula = takeActivation(c, name, parameter('activation_alpha'), parameter('activation_beta'))
    return [c.b.map([product], formula)]
  },
}

/** alpha A' B', where ' swaps the last two axes if the attribute says so. */
export const fusedMatMul: Operator = {
  lower: (c) => {
    if (c.int('transBatchA', 0) !== 0 || c.int('transBatchB', 0) !== 0) c.unsupported('transBatchA or transBatchB')
    const operand = (i: number, attribute: string): Value => {
      const x = c.input(i)
      const rank = x.type.shape.length
      if (c.int(attribute, 0) === 0 || rank < 2) return x
      return c.b.transpose(x, [...range(0, rank - 2), rank - 1, rank - 2])
    }
    const alpha = c.float('alpha', 1)
    const product = matmul(c.b, operand(0, 'transA'), operand(1, 'transB'))
    return [alpha === 1 ? product : c.b.map([product], (x) => f.mul(x, alpha))]
  },
}
