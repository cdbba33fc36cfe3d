import onnxProto, { type onnx as types } from 'onnx-proto'
import type { DType } from '../../compiler/core/dtype.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { bytesOf, type Tensor } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { importModel } from '../../compiler/onnx/import.ts'

const { onnx } = onnxProto

const dataTypes: Record<DType, number> = {
  f32: 1,
  u8: 2,
  i8: 3,
  u16: 4,
  i16: 5,
  i32: 6,
  i64: 7,
  bool: 9,
  f16: 10,
  f64: 11,
  u32: 12,
  u64: 13,
  bf16: 16,
}

/** A number is an int attribute; floats are marked. */
export type AttributeValue = number | readonly number[] | string | { float: number } | { floats: readonly number[] } | { strings: readonly string[] }

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

function attribute(name: string, value: AttributeValue): types.IAttributeProto {
  const kinds = onnx.AttributeProto.AttributeType
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
  if (typeof value === 'number') return { name, type: kinds.INT, i: value }
  if (typeof value === 'string') return { name, type: kinds.STRING, s: utf8(value) }
  if ('float' in value) return { name, type: kinds.FLOAT, f: value.float }
  if ('floats' in value) return { name, type: kinds.FLOATS, floats: [...value.floats] }
  if ('strings' in value) return { name, type: kinds.STRINGS, strings: value.strings.map(utf8) }
  return { name, type: kinds.INTS, ints: [...value] }
}

/** The bytes of a model of one node. */
export function modelOf({ operator, domain = '', opset, inputs, constant = [], attributes = {}, outputs = 1 }: OneNode): Uint8Array {
  const present = inputs.flatMap((tensor, i) => (tensor ? [{ tensor, i }] : []))
  const isConstant = (i: number): boolean => constant.includes(i)
  const model: types.IModelProto = {
    irVersion: 8,
    opsetImport: [
      { domain: '', version: domain === '' ? (opset ?? 17) : 17 },
      ...(domain === '' ? [] : [{ domain, version: opset ?? 1 }]),
    ],
    graph: {
      name: 'g',
      node: [
        {
          opType: operator,
          domain,
          input: inputs.map((tensor, i) => (tensor ? `i${i}` : '')),
          output: Array.from({ length: outputs }, (_, i) => `o${i}`),
          attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
        },
      ],
      input: present
        .filter(({ i }) => !isConstant(i))
        .map(({ tensor, i }) => ({
          name: `i${i}`,
          type: {
            tensorType: { elemType: dataTypes[tensor.dtype], shape: { dim: tensor.shape.map((d) => ({ dimValue: d })) } },
          },
        })),
      initializer: present
        .filter(({ i }) => isConstant(i))
        .map(({ tensor, i }) => ({
          name: `i${i}`,
          dims: [...tensor.shape],
          dataType: dataTypes[tensor.dtype],
          rawData: bytesOf(tensor),
        })),
      output: Array.from({ length: outputs }, (_, i) => ({ name: `o${i}` })),
    },
  }
  return onnx.ModelProto.encode(onnx.ModelProto.create(model)).finish()
}

/** The inputs of `modelOf(node)` by name. */
export const feeds = ({ inputs, constant = [] }: OneNode): Record<string, Tensor> =>
  Object.fromEntries(inputs.flatMap((tensor, i) => (tensor && !constant.includes(i) ? [[`i${i}`, tensor] as const] : [])))

/** The outputs of a model of one node under the reference evaluator. */
export function runNode(node: OneNode): Tensor[] {
  const { graph } = importModel(modelOf(node))
  verify(graph)
  const results = evaluate(graph, feeds(node))
  return graph.outputs.map(({ name }) => results[name]!)
}
