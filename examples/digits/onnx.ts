import proto from 'onnx-proto'
import { BLOCKS, EPSILON } from './network.ts'
import type { Weight } from './network.ts'
import { CLASSES, SIDE } from './data.ts'

const { onnx } = proto
const FLOAT = onnx.TensorProto.DataType.FLOAT

const ints = (name: string, values: number[]) => ({ name, type: onnx.AttributeProto.AttributeType.INTS, ints: values })
const int = (name: string, i: number) => ({ name, type: onnx.AttributeProto.AttributeType.INT, i })
const float = (name: string, f: number) => ({ name, type: onnx.AttributeProto.AttributeType.FLOAT, f })

function initializer(name: string, { shape, data }: Weight): proto.onnx.ITensorProto {
  return { name, dims: shape, dataType: FLOAT, rawData: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) }
}

/** A float32 input or output; a string among the dimensions is symbolic. */
export function valueInfo(name: string, dims: (number | string)[]): proto.onnx.IValueInfoProto {
  const dim = dims.map((d) => (typeof d === 'string' ? { dimParam: d } : { dimValue: d }))
  return { name, type: { tensorType: { elemType: FLOAT, shape: { dim } } } }
}

/**
 * The network of network.ts as an ONNX model (opset 17): `image` f32[batch, 1, 28, 28] of 0 … 255 →
 * `probabilities` f32[batch, 10]. Batch normalisation stays a node of its own; the value before the softmax is `logits`.
 */
export function digitsModel(weights: Record<string, Weight>): proto.onnx.IModelProto {
  const node: proto.onnx.INodeProto[] = []
  let last = 'image'
  const add = (
    opType: string,
    name: string,
    inputs: string[],
    attribute: proto.onnx.IAttributeProto[],
    output = name,
  ) => {
    node.push({ opType, name, input: [last, ...inputs], output: [output], attribute })
    last = output
  }
  add('Mul', 'scale', ['one_over_255'], [])
  for (let block = 1; block <= BLOCKS; block++) {
    const statistics = ['weight', 'bias', 'running_mean', 'running_var'].map((part) => `bn${block}.${part}`)
    add('Conv', `conv${block}`, [`conv${block}.weight`], [ints('kernel_shape', [3, 3]), ints('pads', [1, 1, 1, 1])])
    add('BatchNormalization', `bn${block}`, statistics, [float('epsilon', EPSILON)])
    add('Relu', `relu${block}`, [], [])
    if (block < BLOCKS) add('MaxPool', `pool${block}`, [], [ints('kernel_shape', [2, 2]), ints('strides', [2, 2])])
  }
  add('Flatten', 'flatten', [], [])
  add('Gemm', 'fc', ['fc.weight', 'fc.bias'], [int('transB', 1)], 'logits')
  add('Softmax', 'softmax', [], [int('axis', 1)], 'probabilities')
  return {
    irVersion: 8,
    opsetImport: [{ domain: '', version: 17 }],
    producerName: 'attar examples/digits',
    metadataProps: [{ key: 'labels', value: Array.from({ length: CLASSES }, (_, digit) => digit).join(',') }],
    graph: {
      name: 'digits',
      node,
      initializer: [
        initializer('one_over_255', { shape: [], data: Float32Array.of(1 / 255) }),
        ...Object.entries(weights).map(([name, weight]) => initializer(name, weight)),
      ],
      input: [valueInfo('image', ['batch', 1, SIDE, SIDE])],
      output: [valueInfo('probabilities', ['batch', CLASSES])],
    },
  }
}

/** The bytes of an .onnx file. */
export function encode(model: proto.onnx.IModelProto): Uint8Array {
  return onnx.ModelProto.encode(model).finish()
}
