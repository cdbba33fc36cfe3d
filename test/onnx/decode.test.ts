import onnxProto, { type onnx as types } from 'onnx-proto'
import { describe, expect, it } from 'vitest'
import { CompileError, type Code } from '../../compiler/core/diagnostics/diagnostic.ts'
import type { DType, Scalar } from '../../compiler/core/scalar/dtype.ts'
import { reader, tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { decodeModel, decodeTensor } from '../../compiler/onnx/decode.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { dataTypes, graph, model, node, stored } from './build.ts'

const { onnx } = onnxProto

/** The codes that `body` throws. */
function codesOf(body: () => unknown): Code[] {
  try {
    body()
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics.map((d) => d.code)
    throw error
  }
  return []
}

const tensorBytes = (proto: types.ITensorProto): Uint8Array => onnx.TensorProto.encode(proto).finish()
const elements = (t: Tensor): Scalar[] => Array.from({ length: t.data.length }, (_, i) => reader(t)(i))

const valid = model({
  inputs: ['x f32[4]'],
  outputs: ['y'],
  nodes: ['h = Add(x, w)', 'y = Relu(h)'],
  initializers: [stored('w', tensorOf('f32', [4], [1, 2, 3, 4]))],
})

describe('tensors', () => {
  const cases: [DType, types.ITensorProto, Scalar[]][] = [
    ['f32', { floatData: [0.5, -2] }, [0.5, -2]],
    ['f64', { doubleData: [0.1, -2] }, [0.1, -2]],
    ['i8', { int32Data: [-128, 127] }, [-128, 127]],
    ['u8', { int32Data: [0, 255] }, [0, 255]],
    ['i16', { int32Data: [-32768, 7] }, [-32768, 7]],
    ['u16', { int32Data: [65535, 7] }, [65535, 7]],
    ['i32', { int32Data: [-(2 ** 31), 7] }, [-(2 ** 31), 7]],
    ['bool', { int32Data: [0, 5] }, [0, 1]],
    ['f16', { int32Data: [0x3c00, 0xc000] }, [1, -2]],
    ['bf16', { int32Data: [0x3f80, 0xc000] }, [1, -2]],
    ['u32', { uint64Data: [2 ** 32 - 1, 7] }, [2 ** 32 - 1, 7]],
  ]
  it.each(cases)('%s is read from its typed field', (dtype, field, expected) => {
    const { tensor } = decodeTensor(tensorBytes({ name: 't', dims: [2], dataType: dataTypes[dtype], ...field }))
    expect(tensor.dtype).toBe(dtype)
    expect(elements(tensor)).toEqual(expected)
  })

  it('keeps all 64 bits of i64 and u64', () => {
    // Varints by hand: field 7 (int64_data) and 11 (uint64_data), packed, of one ten-byte value each.
    const wide = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]
    const decode = (dataType: number, tag: number, bytes: number[]): Scalar =>
      elements(decodeTensor(new Uint8Array([0x08, 1, 0x10, dataType, tag, bytes.length, ...bytes])).tensor)[0]!
    expect(decode(dataTypes.i64, 0x3a, wide)).toBe(-1n)
    expect(decode(dataTypes.u64, 0x5a, wide)).toBe(2n ** 64n - 1n)
    expect(decode(dataTypes.i64, 0x3a, [...wide.slice(0, 8), 0x7f])).toBe(2n ** 63n - 1n)
  })

  it('reads raw data at any alignment', () => {
    const bytes = tensorBytes(stored('an odd name', tensorOf('f64', [2], [1.5, -3])))
    for (let shift = 0; shift < 8; shift++) {
      const moved = new Uint8Array(bytes.length + shift)
      moved.set(bytes, shift)
      expect(elements(decodeTensor(moved.subarray(shift)).tensor)).toEqual([1.5, -3])
    }
  })

  it('says what it does not have', () => {
    const complex = tensorBytes({ dims: [1], dataType: 14, rawData: new Uint8Array(8) })
    expect(codesOf(() => decodeTensor(complex))).toEqual(['A202'])
    expect(() => decodeTensor(complex)).toThrow(/complex64/)
    expect(codesOf(() => decodeTensor(tensorBytes({ dims: [], dataType: 1, segment: {} })))).toEqual(['A202'])
  })

  it('unpacks elements of 4 and 2 bits, the first in the lowest', () => {
    const packed = (dataType: number, count: number, bytes: number[]): unknown[] => {
      const raw = tensorBytes({ dims: [count], dataType, rawData: Uint8Array.from(bytes) })
      const typed = tensorBytes({ dims: [count], dataType, int32Data: bytes })
      expect(decodeTensor(typed)).toEqual(decodeTensor(raw))
      const { dtype, data } = decodeTensor(raw).tensor
      return [dtype, ...data]
    }
    expect(packed(22, 3, [0x8f, 0x07])).toEqual(['i4', -1, -8, 7])
    expect(packed(21, 3, [0x8f, 0x07])).toEqual(['u4', 15, 8, 7])
    expect(packed(23, 3, [0x8f, 0x07])).toEqual(['f4e2m1', 15, 8, 7])
    expect(packed(26, 5, [0b11100100, 2])).toEqual(['i2', 0, 1, -2, -1, -2])
    expect(packed(25, 5, [0b11100100, 2])).toEqual(['u2', 0, 1, 2, 3, 2])
    const short = tensorBytes({ dims: [3], dataType: 22, rawData: new Uint8Array(3) })
    expect(codesOf(() => decodeTensor(short))).toEqual(['A102'])
  })

  it.each([
    ['too little raw data', { dims: [3], dataType: 1, rawData: new Uint8Array(8) }, 'A102'],
    ['too much raw data', { dims: [1], dataType: 1, rawData: new Uint8Array(8) }, 'A102'],
    ['too few elements', { dims: [3], dataType: 1, floatData: [1] }, 'A102'],
    ['a negative dimension', { dims: [-1], dataType: 1, floatData: [1] }, 'A102'],
    ['2^40 elements', { dims: [2 ** 20, 2 ** 20], dataType: 1, floatData: [1] }, 'A301'],
    ['a dimension of 2^62', { dims: [2 ** 62], dataType: 1 }, 'A301'],
    ['a thousand dimensions', { dims: new Array<number>(1000).fill(1), dataType: 1, floatData: [1] }, 'A301'],
  ] as [string, types.ITensorProto, Code][])('refuses %s', (_, proto, code) => {
    expect(codesOf(() => decodeTensor(tensorBytes(proto)))).toEqual([code])
  })
})

describe('models', () => {
  it('survives truncation at every byte', () => {
    for (let length = 0; length < valid.length; length++) {
      const found = codesOf(() => importModel(valid.subarray(0, length)))
      expect(found.every((code) => /^A[123]/.test(code))).toBe(true)
    }
    expect(codesOf(() => importModel(valid))).toEqual([])
  })

  it('survives a change of any byte', () => {
    for (let at = 0; at < valid.length; at++) {
      for (const value of [0x00, 0x7f, 0xff, valid[at]! ^ 0x08]) {
        const bytes = valid.slice()
        bytes[at] = value
        expect(codesOf(() => importModel(bytes)).every((code) => /^A[123]/.test(code))).toBe(true)
      }
    }
  })

  it('refuses what is no model', () => {
    const garbage = Uint8Array.from({ length: 4096 }, (_, i) => (i * 167 + (i >> 3) * 31) & 0xff)
    expect(codesOf(() => importModel(garbage))).toEqual(['A101'])
    expect(codesOf(() => importModel(new Uint8Array()))).toEqual(['A101'])
    const pointer = new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n')
    expect(() => importModel(pointer)).toThrow(/git lfs pull/)
  })

  it('bounds what small messages may become', () => {
    // Empty nodes: two bytes each in the file, hundreds in memory.
    const count = 1_000_000
    const nodes = new Uint8Array(2 * count)
    for (let i = 0; i < nodes.length; i += 2) nodes[i] = 0x0a
    const length = [nodes.length & 0x7f, (nodes.length >> 7) & 0x7f, (nodes.length >> 14) & 0x7f, nodes.length >> 21]
    const header = [0x3a, ...length.map((b, i) => (i < 3 ? b | 0x80 : b))]
    const bytes = new Uint8Array(header.length + nodes.length)
    bytes.set(header)
    bytes.set(nodes, header.length)
    expect(codesOf(() => decodeModel(bytes))).toEqual(['A301'])
  })

  /** A message in a field of a tag, with a length of four bytes. */
  const length = (n: number): number[] => [(n & 0x7f) | 0x80, ((n >> 7) & 0x7f) | 0x80, (n >> 14) | 0x80, 0]
  const message = (tag: number, ...parts: (readonly number[] | Uint8Array)[]): Uint8Array => {
    const size = parts.reduce((sum, part) => sum + part.length, 0)
    const bytes = new Uint8Array(5 + size)
    bytes.set([tag, ...length(size)])
    let at = 5
    for (const part of parts) {
      bytes.set(part, at)
      at += part.length
    }
    return bytes
  }
  /** The attribute `a` of a model's node, whose type is `ints`. */
  const attributeOf = (list: readonly number[] | Uint8Array) => {
    const attribute = message(0x2a, [0x0a, 1, 0x61, 0xa0, 1, 7], list)
    return decodeModel(message(0x3a, message(0x0a, attribute))).graph.nodes[0]!.attributes.get('a')!
  }

  it('reads as many numbers as a file has, packed or not', () => {
    const count = 1_000_000
    const numbers = Uint8Array.from({ length: count }, (_, i) => i % 100)
    const tagged = Uint8Array.from({ length: 2 * count }, (_, i) => (i % 2 ? (i >> 1) % 100 : 0x40))
    for (const list of [tagged, message(0x42, numbers)]) {
      const found = attributeOf(list)
      expect(found.kind).toBe('ints')
      // A million elements one by one take seconds.
      if (found.kind === 'ints')
        expect(
          Buffer.compare(
            new Uint8Array(found.value.numbers().buffer),
            new Uint8Array(Float64Array.from(numbers).buffer),
          ),
        ).toBe(0)
    }
  })

  it('refuses numbers that end nowhere before anybody asks for them', () => {
    const endless = Array.from({ length: 10 }, () => 0x80)
    const lists = [message(0x42, [1, 0x80]), message(0x42, [1, ...endless, 1]), [0x40, 1, 0x40, ...endless, 1]]
    for (const list of lists)
      expect(() => attributeOf(list)).toThrow(/A101[^]*(ends within a number|more than ten bytes)/)
  })

  it('bounds nesting', () => {
    let inner = graph({ outputs: ['y'], nodes: ['y = Relu(x)'] })
    for (let depth = 0; depth < 200; depth++) {
      inner = graph({ outputs: ['y'], nodes: [node('y = If(x)', { attributes: { then_branch: { graph: inner } } })] })
    }
    expect(codesOf(() => decodeModel(onnx.ModelProto.encode({ graph: inner }).finish()))).toEqual(['A301'])
  })

  it('reads attributes that do not say their type', () => {
    const untyped: types.INodeProto = {
      opType: 'Transpose',
      input: ['x'],
      output: ['y'],
      attribute: [{ name: 'perm', ints: [1, 0] }],
    }
    const { graph } = importModel(model({ inputs: ['x f32[2,3]'], outputs: ['y'], nodes: [untyped] }))
    expect(graph.outputs[0]!.value.type.shape).toEqual([3, 2])
  })
})

describe('external data', () => {
  const entries = (location: string, rest: Record<string, string> = {}): types.IStringStringEntryProto[] =>
    Object.entries({ location, ...rest }).map(([key, value]) => ({ key, value }))
  const external = (location: string, rest?: Record<string, string>): Uint8Array =>
    model({
      inputs: ['x f32[2]'],
      outputs: ['y'],
      nodes: ['y = Add(x, w)'],
      initializers: [{ name: 'w', dims: [2], dataType: 1, dataLocation: 1, externalData: entries(location, rest) }],
    })
  const files: Record<string, Uint8Array> = { 'data/w.bin': new Uint8Array(new Float32Array([9, 1, 2]).buffer) }
  const readExternal = (name: string): Uint8Array => {
    const file = files[name]
    if (!file) throw new Error('no such file')
    return file
  }

  it('is read through the function that is given', () => {
    const { graph } = importModel(external('data/w.bin', { offset: '4', length: '8' }), { readExternal })
    const [, constant] = graph.outputs[0]!.value.node.operands
    expect(constant!.node.op === 'constant' && elements(constant!.node.attrs.value)).toEqual([1, 2])
  })

  it.each([
    '/etc/passwd',
    '../w.bin',
    'data/../../w.bin',
    'C:w.bin',
    'C:\\w.bin',
    'data\\w.bin',
    'https://example.org/w.bin',
    'file:w.bin',
    '//host/w.bin',
    'w.bin\0',
    '',
  ])('refuses "%s" without looking', (location) => {
    const never = (): Uint8Array => expect.unreachable()
    expect(codesOf(() => importModel(external(location), { readExternal: never }))).toEqual(['A103'])
  })

  it.each([
    ['a file that is not there', 'other.bin', {}],
    ['an end beyond the file', 'data/w.bin', { offset: '8' }],
    ['another length than the tensor', 'data/w.bin', { length: '12' }],
    ['an offset that is no number', 'data/w.bin', { offset: '-4' }],
  ])('refuses %s', (_, location, rest) => {
    expect(codesOf(() => importModel(external(location, rest), { readExternal }))).toEqual(['A103'])
  })

  it('cannot be had without a function', () => {
    expect(codesOf(() => importModel(external('data/w.bin')))).toEqual(['A103'])
  })
})
