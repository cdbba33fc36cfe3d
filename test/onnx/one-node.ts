import { evaluate } from '../../compiler/core/evaluate.ts'
import { formatType, type Tensor } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { model, node, stored, type AttributeValue } from './build.ts'

/** A model of one node. */
export interface OneNode {
  readonly operator: string
  readonly domain?: string
  /** Opset of the node's domain; 17 (1 for other domains) unless given. */
  readonly opset?: number
  /** undefined is an omitted input. */
  readonly inputs: readonly (Tensor | undefined)[]
  /** Which inputs are initializers; the others are graph inputs i0, i1, … */
  readonly constant?: readonly number[]
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  /** Outputs o0, o1, …; 1 unless given. */
  readonly outputs?: number
}

/** The bytes of a model of one node. */
export function modelOf({
  operator,
  domain,
  opset,
  inputs,
  constant = [],
  attributes = {},
  outputs = 1,
}: OneNode): Uint8Array {
  const results = Array.from({ length: outputs }, (_, i) => `o${i}`)
  const operands = inputs.map((tensor, i) => (tensor ? `i${i}` : ''))
  const text = `${results.join()} = ${operator}(${operands.join()})`
  return model(
    {
      inputs: inputs.flatMap((t, i) => (t && !constant.includes(i) ? [`i${i} ${formatType(t)}`] : [])),
      outputs: results,
      nodes: [node(text, { ...(domain !== undefined && { domain }), attributes })],
      initializers: inputs.flatMap((t, i) => (t && constant.includes(i) ? [stored(`i${i}`, t)] : [])),
    },
    {
      opsetImport: [
        { domain: '', version: domain === undefined ? (opset ?? 17) : 17 },
        ...(domain === undefined ? [] : [{ domain, version: opset ?? 1 }]),
      ],
    },
  )
}

/** The inputs of `modelOf(node)` by name. */
export const feeds = ({ inputs, constant = [] }: OneNode): Record<string, Tensor> =>
  Object.fromEntries(inputs.flatMap((t, i) => (t && !constant.includes(i) ? [[`i${i}`, t] as const] : [])))

/** The shapes of the inputs by name. In a model itself a 0 would stand for a dimension that is not known. */
export const shapesOf = (node: OneNode): Record<string, readonly number[]> =>
  Object.fromEntries(Object.entries(feeds(node)).map(([name, t]) => [name, t.shape]))

/** The outputs of a model of one node under the reference evaluator. */
export function runNode(node: OneNode): Tensor[] {
  const { graph } = importModel(modelOf(node), { shapes: shapesOf(node) })
  verify(graph)
  const results = evaluate(graph, feeds(node))
  return graph.outputs.map(({ name }) => results[name]!)
}
