import type { Builder } from 'flatbuffers'
import { missingPackage } from '../../core/diagnostics/errors.ts'
import { compacted } from './compacted.ts'
import type { Layer, Network, NetworkPort, NetworkTensor, StoredIntegers } from './network.ts'
import { builtinOperators, operandAttributes, tensorTypes, writeOptions, zeroPad } from './tflite-schema.ts'

interface Written {
  readonly type: number
  readonly shape: readonly number[]
  readonly bytes?: Uint8Array
  readonly stored?: StoredIntegers
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array | Int8Array | Uint8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength)

/**
 * The network as a TensorFlow Lite model (schema version 3) with one signature that names inputs and outputs. A503 where
 * the package that writes such files is missing.
 */
export async function writeTflite(whole: Network): Promise<Uint8Array> {
  const network = compacted(whole)
  const { Builder } = await import('flatbuffers').catch(() => missingPackage('flatbuffers'))
  const b = new Builder(2 ** 20)
  const tensors = network.tensors.map(({ shape, data, stored }): Written => {
    const constant = stored ? stored.data : data
    const type = tensorTypes[stored?.dtype ?? 'f32']
    return { type, shape, ...(constant && { bytes: bytesOf(constant) }), ...(stored && { stored }) }
  })
  const constant = (values: readonly number[], type: 'f32' | 'i32', shape: readonly number[]): number => {
    const bytes = bytesOf(type === 'f32' ? Float32Array.from(values) : Int32Array.from(values))
    return tensors.push({ type: tensorTypes[type], shape, bytes }) - 1
  }
  /** What fills a pad is stored as the result is. */
  const filler = (value: number, { stored }: NetworkTensor): number => {
    if (!stored) return constant([value], 'f32', [])
    const [low, high] = stored.dtype === 'u8' ? [0, 255] : [-128, 127]
    const nearest = Math.min(high!, Math.max(low!, Math.round(value / stored.scales[0]!) + stored.zero))
    return tensors.push({ type: tensorTypes[stored.dtype], shape: [], bytes: Uint8Array.of(nearest), stored }) - 1
  }
  const codes: number[] = []
  const operators = network.layers.map((layer) => {
    const code = codeOf(layer)
    if (!codes.includes(code)) codes.push(code)
    const vectors = operandAttributes(layer.op, layer.attributes, network.tensors[layer.output]!)
    const operands = vectors.map((values) =>
      constant(values, 'i32', layer.op === 'pad' ? [values.length / 2, 2] : [values.length]),
    )
    if (code === builtinOperators.pad) operands.push(filler(layer.attributes.value!, network.tensors[layer.output]!))
    return writeOperator(b, layer, network.tensors, codes.indexOf(code), operands)
  })
  // Buffer 0 is the empty one that tensors without data name.
  const buffers = [writeTable(b, 1, () => {})]
  const tensorTables = tensors.map((tensor, i) => {
    if (tensor.bytes) buffers.push(writeBuffer(b, tensor.bytes))
    return writeTensor(b, tensor, tensor.bytes ? buffers.length - 1 : 0, `t${i}`)
  })
  const graph = [tensorTables, indices(network.inputs), indices(network.outputs), operators] as const
  const subgraph = writeSubgraph(b, graph)
  const operatorCodes = offsets(
    b,
    codes.map((code) => writeOperatorCode(b, code)),
  )
  const subgraphs = offsets(b, [subgraph])
  const bufferVector = offsets(b, buffers)
  const signatures = offsets(b, [writeSignature(b, network)])
  const model = writeTable(b, 8, () => {
    b.addFieldInt32(0, 3, 0) // version of the schema
    b.addFieldOffset(1, operatorCodes, 0)
    b.addFieldOffset(2, subgraphs, 0)
    b.addFieldOffset(4, bufferVector, 0)
    b.addFieldOffset(7, signatures, 0)
  })
  b.finish(model, 'TFL3')
  return b.asUint8Array()
}

const codeOf = ({ op, attributes }: Layer): number =>
  op === 'pad' && attributes.value === 0 ? zeroPad : builtinOperators[op]

const indices = (ports: readonly NetworkPort[]): number[] => ports.map(({ tensor }) => tensor)

function writeTable(b: Builder, fields: number, write: () => void): number {
  b.startObject(fields)
  write()
  return b.endObject()
}

function numbers(b: Builder, values: readonly number[]): number {
  b.startVector(4, values.length, 4)
  values.toReversed().forEach((value) => b.addInt32(value))
  return b.endVector()
}

function offsets(b: Builder, values: readonly number[]): number {
  b.startVector(4, values.length, 4)
  values.toReversed().forEach((value) => b.addOffset(value))
  return b.endVector()
}

function writeBuffer(b: Builder, bytes: Uint8Array): number {
  // Weights stand at multiples of 16 bytes; `prep` counts from the vector's end.
  b.prep(16, bytes.length)
  const data = b.createByteVector(bytes)
  return writeTable(b, 1, () => b.addFieldOffset(0, data, 0))
}

function writeTensor(b: Builder, { type, shape, stored }: Written, buffer: number, name: string): number {
  const [dimensions, label] = [numbers(b, shape), b.createString(name)]
  const quantization = stored ? writeQuantization(b, stored) : 0
  return writeTable(b, 5, () => {
    b.addFieldOffset(0, dimensions, 0)
    b.addFieldInt8(1, type, 0)
    b.addFieldInt32(2, buffer, 0)
    b.addFieldOffset(3, label, 0)
    b.addFieldOffset(4, quantization, 0)
  })
}

function writeQuantization(b: Builder, { scales, zero, axis }: StoredIntegers): number {
  b.startVector(4, scales.length, 4)
  scales.toReversed().forEach((scale) => b.addFloat32(scale))
  const scaleVector = b.endVector()
  b.startVector(8, scales.length, 8)
  scales.forEach(() => b.addInt64(BigInt(zero)))
  const zeroVector = b.endVector()
  return writeTable(b, 7, () => {
    b.addFieldOffset(2, scaleVector, 0)
    b.addFieldOffset(3, zeroVector, 0)
    b.addFieldInt32(6, axis, 0)
  })
}

function writeOperator(
  b: Builder,
  layer: Layer,
  tensors: readonly NetworkTensor[],
  code: number,
  attributes: readonly number[],
): number {
  const [type, options] = writeOptions(b, layer, tensors)
  const inputs = numbers(b, [...layer.inputs, ...attributes])
  const outputs = numbers(b, [layer.output])
  return writeTable(b, 5, () => {
    b.addFieldInt32(0, code, 0)
    b.addFieldOffset(1, inputs, 0)
    b.addFieldOffset(2, outputs, 0)
    b.addFieldInt8(3, type, 0)
    b.addFieldOffset(4, options, 0)
  })
}

function writeSubgraph(
  b: Builder,
  [tensors, inputs, outputs, operators]: readonly [
    tensors: readonly number[],
    inputs: readonly number[],
    outputs: readonly number[],
    operators: readonly number[],
  ],
): number {
  const vectors = [offsets(b, tensors), numbers(b, inputs), numbers(b, outputs), offsets(b, operators)]
  return writeTable(b, 4, () => vectors.forEach((vector, i) => b.addFieldOffset(i, vector, 0)))
}

/** The code stands twice: readers before operator 127 knew only the byte. */
const writeOperatorCode = (b: Builder, code: number): number =>
  writeTable(b, 4, () => {
    b.addFieldInt8(0, code, 0)
    b.addFieldInt32(2, 1, 0) // version of the operator
    b.addFieldInt32(3, code, 0)
  })

function writeSignature(b: Builder, { inputs, outputs }: Network): number {
  const maps = [inputs, outputs].map((ports) =>
    offsets(
      b,
      ports.map(({ name, tensor }) => {
        const label = b.createString(name)
        return writeTable(b, 2, () => {
          b.addFieldOffset(0, label, 0)
          b.addFieldInt32(1, tensor, 0)
        })
      }),
    ),
  )
  const key = b.createString('serving_default')
  return writeTable(b, 5, () => {
    maps.forEach((map, i) => b.addFieldOffset(i, map, 0))
    b.addFieldOffset(2, key, 0)
  })
}
