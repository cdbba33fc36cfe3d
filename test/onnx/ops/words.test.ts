import onnxProto from 'onnx-proto'
import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../compiler/core/evaluate.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { openReference } from '../../../compiler/verify/index.ts'
import { model, node, type AttributeValue } from '../build.ts'

const { onnx } = onnxProto

const pool = ['ham', 'spam', 'win', 'free', 'win', 'free', 'ham', 'lost']
const gramsOf = (rest: Readonly<Record<string, AttributeValue>>): Uint8Array =>
  model({
    inputs: ['t string[2,6]'],
    outputs: ['y'],
    nodes: [
      node('y = TfIdfVectorizer(t)', {
        attributes: {
          ...{ min_gram_length: 1, max_gram_length: 2, max_skip_count: 1, mode: 'TF' },
          // Four single words, then two pairs.
          ...{ ngram_counts: [0, 4], ngram_indexes: [0, 1, 2, 3, 5, 4] },
          pool_strings: { strings: pool },
          ...rest,
        },
      }),
    ],
  })

const words = ['win', 'free', 'money', 'win', 'a', 'free', 'ham', 'ham', 'lost', 'spam', 'ham', 'lost']

describe('TfIdfVectorizer of words', () => {
  it.each([
    ['how often they are there', {}],
    ['whether they are there, by weight', { mode: 'IDF', weights: { floats: [1, 2, 3, 4, 5, 6] } }],
    ['pairs alone', { min_gram_length: 2, max_skip_count: 0 }],
  ] as const)('counts as onnxruntime does: %s', async (_, attributes) => {
    const bytes = gramsOf(attributes)
    const { graph, names } = importModel(bytes)
    const { labels } = names.inputs['t']!
    expect(labels).toEqual(['ham', 'spam', 'win', 'free', 'lost'])
    const t = tensorOf(
      'i32',
      [2, 6],
      words.map((word) => labels!.indexOf(word)),
    )
    // onnxruntime is given words that the list lacks as one that its pool lacks, too.
    const lists = { inputs: new Map([['t', labels!]]), outputs: new Map<string, string[]>() }
    const reference = await openReference(bytes, () => expect.unreachable(), lists)
    const expected = await reference.run({ t })
    await reference.close()
    expect(evaluate(graph, { t })['y']).toEqual(expected['y'])
    expect(toNumbers(expected['y']!).some((v) => v > 0)).toBe(true)
  })
})

describe('DictVectorizer', () => {
  /** Two vectors of one map, whose values are of `elemType`. */
  const vectors = (keys: Readonly<Record<string, AttributeValue>>[], elemType: number): Uint8Array => {
    const outputs = keys.map((_, i) => `y${i}`)
    const nodes = keys.map((attributes, i) => node(`y${i} = DictVectorizer(x)`, { domain: 'ai.onnx.ml', attributes }))
    const proto = onnx.ModelProto.decode(
      model({ outputs, nodes }, { opsetImport: [{ version: 17 }, { domain: 'ai.onnx.ml', version: 1 }] }),
    )
    proto.graph!.input = [{ name: 'x', type: { mapType: { keyType: 8, valueType: { tensorType: { elemType } } } } }]
    return onnx.ModelProto.encode(proto).finish()
  }
  const results = (bytes: Uint8Array, x: Tensor) => {
    const { graph, names } = importModel(bytes)
    return { keys: names.inputs['x']!.classes, ...evaluate(graph, { x }) }
  }

  it('takes the values of a map by the keys that the model names', () => {
    const bytes = vectors(
      [{ string_vocabulary: { strings: ['b', 'a'] } }, { string_vocabulary: { strings: ['c', 'b'] } }],
      1,
    )
    expect(results(bytes, tensorOf('f32', [3], [1, 2, 3]))).toEqual({
      keys: ['b', 'a', 'c'],
      y0: tensorOf('f32', [1, 2], [1, 2]),
      y1: tensorOf('f32', [1, 2], [3, 1]),
    })
    const integers = vectors([{ int64_vocabulary: [7, 5] }], 7)
    expect(results(integers, tensorOf('i64', [2], [4n, 9n]))).toEqual({
      keys: [7, 5],
      y0: tensorOf('i64', [1, 2], [4n, 9n]),
    })
  })

  it('takes no other maps', () => {
    expect(() => importModel(vectors([{ string_vocabulary: { strings: ['b'] } }], 8))).toThrow('A202')
    expect(() => importModel(vectors([{}], 1))).toThrow('A202')
    const one = vectors([{ string_vocabulary: { strings: ['b'] } }], 1)
    expect(() => importModel(one, { shapes: { x: [2] } })).toThrow('a map of 1 keys, not [2]')
  })
})
