import { readFileSync, writeFileSync } from 'node:fs'
import onnxProto from 'onnx-proto'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  readNpyStrings,
  readNpzOfStrings,
  writeNpy,
  writeNpyStrings,
  writeNpz,
  type StringArray,
} from '../../compiler/data/index.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { model, node } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const { onnx } = onnxProto
const { at, out, err, attar, json } = commandLine()
const domain = 'ai.onnx.ml'
const opsetImport = [{ version: 17 }, { domain, version: 2 }]

const words = model(
  {
    inputs: ['t string[1,3]'],
    outputs: ['kind', 'place'],
    nodes: [
      node('kind = LabelEncoder(t)', {
        domain,
        attributes: {
          keys_strings: { strings: ['win', 'größe', 'a,b'] },
          values_strings: { strings: ['spam', 'ham', '日本'] },
          default_string: '?',
        },
      }),
      node('place = LabelEncoder(t)', {
        domain,
        attributes: { keys_strings: { strings: ['win'] }, values_int64s: [7], default_int64: 0 },
      }),
    ],
  },
  { opsetImport },
)

const map = (elemType = 1): Uint8Array => {
  const attributes = { string_vocabulary: { strings: ['age', 'size'] } }
  const nodes = [node('y = DictVectorizer(x)', { domain, attributes })]
  const proto = onnx.ModelProto.decode(model({ outputs: ['y'], nodes }, { opsetImport }))
  const valueType = { tensorType: { elemType } }
  proto.graph!.input = [{ name: 'x', type: { mapType: { keyType: 8, valueType } } }]
  return onnx.ModelProto.encode(proto).finish()
}

const given: StringArray = { shape: [1, 3], strings: ['größe', 'other', 'a,b'] }
const module = (): string => at('words/model.wasm')

beforeAll(async () => {
  writeFileSync(at('words.onnx'), words)
  expect(await attar('compile', at('words.onnx'), '-o', at('words'))).toBe(0)
  writeFileSync(at('t.npy'), writeNpyStrings(given))
})

describe('attar run with strings', () => {
  const labels = ['kind string[1,3] ham, ?, 日本', 'place i64[1,3] 0, 0, 0']

  it('takes them from files and from the command line, and prints labels', async () => {
    writeFileSync(at('in.npz'), writeNpz({ t: given }))
    for (const args of [
      ['--input', `t=${at('t.npy')}`],
      ['--inputs', at('in.npz')],
      ['--input', 't=["größe", "other", "a,b"]'],
    ]) {
      out.length = 0
      expect(await attar('run', module(), ...args)).toBe(0)
      expect(out).toEqual(labels)
    }
    out.length = 0
    expect(await attar('run', module(), '--input', 't=win,,größe', '--json')).toBe(0)
    expect(json()['outputs']).toEqual({
      kind: { dtype: 'string', shape: [1, 3], data: ['spam', '?', 'ham'] },
      place: { dtype: 'i64', shape: [1, 3], data: [7, 0, 0] },
    })
  })

  it('runs once for each row of a longer file, and writes labels', async () => {
    const many = { shape: [2, 1, 3], strings: [...given.strings, 'win', 'win', 'x'] }
    writeFileSync(at('many.npy'), writeNpyStrings(many))
    expect(await attar('run', module(), '--input', `t=${at('many.npy')}`, '-o', at('y.npz'))).toBe(0)
    expect(readNpzOfStrings(readFileSync(at('y.npz')))).toEqual({
      kind: { shape: [2, 1, 3], strings: ['ham', '?', '日本', 'spam', 'spam', '?'] },
      place: tensorOf('i64', [2, 1, 3], [0n, 0n, 0n, 7n, 7n, 0n]),
    })
  })

  it('takes maps as JSON', async () => {
    writeFileSync(at('map.onnx'), map())
    expect(await attar('compile', at('map.onnx'), '-o', at('map'))).toBe(0)
    out.length = 0
    expect(await attar('run', at('map/model.wasm'), '--input', 'x={"size": 2.5, "color": 1}')).toBe(0)
    expect(out).toEqual(['y f32[1,2] 0.000000, 2.500000'])
    expect(err.join('\n')).toMatch(/not used: "color", which the module does not know/)
    expect(await attar('run', at('map/model.wasm'), '--input', 'x={"size": "big"}')).toBe(2)
    expect(err.join('\n')).toContain('"big" for "size", not a number')
    writeFileSync(at('whole.onnx'), map(7))
    expect(await attar('compile', at('whole.onnx'), '-o', at('whole'))).toBe(0)
    for (const value of ['1.5', '1e400']) {
      err.length = 0
      expect(await attar('run', at('whole'), '--input', `x={"size": ${value}}`)).toBe(2)
      expect(err.join('\n')).toMatch(/A501[^]*for "size", not a whole number/)
    }
  })

  it('refuses what is no list of them', async () => {
    writeFileSync(at('numbers.npy'), writeNpy(tensorOf('f32', [1, 3], [1, 2, 3])))
    writeFileSync(at('other.npz'), writeNpz({ t: given, z: given }))
    for (const [args, message] of [
      [['--input', 't=a,b'], 'takes 3 strings, got 2'],
      [['--input', 't=[1,2,3]'], 'is not a list of strings'],
      [['--input', 't=["a"'], 'is not JSON'],
      [['--input', `t=${at('numbers.npy')}`], 'does not hold strings'],
      [['--inputs', at('other.npz')], '"z" in'],
    ] as const) {
      err.length = 0
      expect(await attar('run', module(), ...args)).toBe(2)
      expect(err.join('\n')).toContain(message)
    }
  })
})

describe('.npy files of strings', () => {
  it('are NumPy’s', () => {
    // numpy.save of np.array(['ab', '', 'é']).
    const header = `{'descr': '<U2', 'fortran_order': False, 'shape': (3,), }`.padEnd(117) + '\n'
    const data = new Uint8Array(new Uint32Array([97, 98, 0, 0, 233, 0]).buffer)
    const bytes = Uint8Array.from([
      ...[0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 118, 0],
      ...new TextEncoder().encode(header),
      ...data,
    ])
    const expected = { shape: [3], strings: ['ab', '', 'é'] }
    expect(readNpyStrings(bytes)).toEqual(expected)
    expect(writeNpyStrings(expected)).toEqual(bytes)
  })

  it('are refused where they end early or have no bound', () => {
    const bytes = writeNpyStrings({ shape: [2], strings: ['ab', 'c'] })
    expect(() => readNpyStrings(bytes.subarray(0, -1))).toThrow('A502')
    const bomb = new TextDecoder('latin1').decode(bytes).replace("'<U2'", "'<U0'")
    expect(() => readNpyStrings(Uint8Array.from(bomb, (c) => c.charCodeAt(0)))).toThrow('A502')
    const large = bytes.slice()
    large.fill(0xff, -4)
    expect(() => readNpyStrings(large)).toThrow('no character')
    expect(readNpyStrings(writeNpy(tensorOf('f32', [1], [1])))).toBeUndefined()
  })
})
