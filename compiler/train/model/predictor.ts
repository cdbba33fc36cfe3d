import { Builder } from '../../core/builder.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { Graph, Port, Value } from '../../core/graph.ts'
import { elementCount } from '../../core/shape.ts'

/** The function at the end of a model that turns scores into its output; undefined where there is none. */
export type Activation = 'softmax' | 'sigmoid' | undefined

/** What a model says of a sample. */
export interface Prediction {
  readonly output: Port
  /** What a loss takes: scores before a softmax or sigmoid at the end, else the output. */
  readonly scores: Value
  readonly activation: Activation
}

/** Of several outputs the first of floats counts. A705 where there is none. */
export function predictionOf(graph: Graph): Prediction {
  const output = graph.outputs.find(({ value, extents }) => value.type.dtype === 'f32' && !extents)
  if (!output) fail('A705', 'the model has no output of f32 of a fixed size, from which a loss could be computed')
  return { output, ...beforeActivation(output.value) }
}

const activations: Readonly<Record<string, Activation>> = {
  Softmax: 'softmax',
  LogSoftmax: 'softmax',
  Sigmoid: 'sigmoid',
}

/** What a softmax or sigmoid at the end of the model takes; the value itself where there is none. */
function beforeActivation(output: Value): Pick<Prediction, 'scores' | 'activation'> {
  const last = behindRounding(output)
  const { origin } = last.node
  const activation = origin && activations[origin.operator]
  if (!activation) return { scores: output, activation: undefined }
  const taken = new Set<Value>()
  const seen = new Set<Value>()
  const stack = [last]
  while (stack.length > 0) {
    const value = stack.pop()!
    if (seen.has(value) || value.node.op === 'constant') continue
    seen.add(value)
    if (value.node.origin?.node === origin.node) stack.push(...value.node.operands)
    else taken.add(value)
  }
  const [scores, ...others] = taken
  if (!scores || others.length > 0) return { scores: output, activation: undefined }
  const same = elementCount(scores.type.shape) === elementCount(output.type.shape)
  if (!same) return { scores: output, activation: undefined }
  return { scores: new Builder(origin).reshape(scores, output.type.shape), activation }
}

const rounding = new Set(['QuantizeLinear', 'DequantizeLinear'])

/** What reshapes and the steps of a quantized output take. */
function behindRounding(value: Value): Value {
  let at = value
  while (at.node.op === 'reshape' || rounding.has(at.node.origin?.operator ?? '')) {
    const [before] = at.node.operands
    if (!before) return value
    at = before
  }
  return at
}
