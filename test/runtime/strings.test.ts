import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { compile } from '../../compiler/index.ts'
import type { StringModel } from '../../runtime/strings.ts'
import { model, node, type AttributeValue } from '../onnx/build.ts'
import { scriptOf } from '../support/script-of.ts'

type Values = Parameters<StringModel['run']>[0]

const opset = { opsetImport: [{ version: 20 }, { domain: 'ai.onnx.ml', version: 4 }] }
const one = (inputs: string[], outputs: string[], text: string, attributes: Record<string, AttributeValue> = {}) =>
  model({ inputs, outputs, nodes: [node(text, { attributes })] }, opset)

/** Outputs of a model of one node, and their shapes. */
async function run(bytes: Uint8Array, inputs: Record<string, unknown>) {
  const { model: own } = await scriptOf<StringModel>(bytes)
  return { results: own.run(inputs as Values), shapes: own.shapes }
}

const toString = { to: 8 }

describe('strings that scripts compute with', () => {
  it('are joined, with broadcasting', async () => {
    const bytes = one(['x string[2,1]', 'y string[3]'], ['z string'], 'z = StringConcat(x, y)')
    const { results, shapes } = await run(bytes, { x: ['a', 'é'], y: ['1', '', '3'] })
    expect(results).toEqual({ z: ['a1', 'a', 'a3', 'é1', 'é', 'é3'] })
    expect(shapes).toEqual({ z: [2, 3] })
  })

  it('are split as Python splits, filled up with empty ones, and counted', async () => {
    const split = async (x: string[], attributes: Record<string, AttributeValue> = {}) => {
      const bytes = one([`x string[${x.length}]`], ['y string', 'n i64'], 'y, n = StringSplit(x)', attributes)
      const { results, shapes } = await run(bytes, { x })
      return [results['y'], shapes['y'], [...(results['n'] as BigInt64Array)].map(Number)]
    }
    expect(await split([' a  b ', '', 'c'])).toEqual([
      ['a', 'b', '', '', 'c', ''],
      [3, 2],
      [2, 0, 1],
    ])
    expect(await split([' a  b c '], { maxsplit: 1 })).toEqual([['a', 'b c '], [1, 2], [2]])
    const comma = { delimiter: ',' }
    expect(await split(['a,,b', ''], comma)).toEqual([
      ['a', '', 'b', '', '', ''],
      [2, 3],
      [3, 1],
    ])
    expect(await split(['a,b,c'], { ...comma, maxsplit: 1 })).toEqual([['a', 'b,c'], [1, 2], [2]])
  })

  it('are compared', async () => {
    const bytes = one(['x string[3]', 'y string[1]'], ['z bool'], 'z = Equal(x, y)')
    expect((await run(bytes, { x: ['a', 'A', 'a'], y: ['a'] })).results).toEqual({ z: new Uint8Array([1, 0, 1]) })
  })

  it('are matched as a whole', async () => {
    const match = async (pattern: string, x: string[]) => {
      const bytes = one([`x string[${x.length}]`], ['y bool'], 'y = RegexFullMatch(x)', {
        pattern: pattern,
      })
      return [...((await run(bytes, { x })).results['y'] as Uint8Array)]
    }
    expect(
      await match('www\\.[\\w.-]+\\.\\bcom\\b'.replaceAll('\\b', ''), ['www.a-b.com', 'xwww.a.com', 'www.com']),
    ).toEqual([1, 0, 0])
    // JavaScript's own dot and space differ here.
    expect(await match('.\\s', ['\r ', '\n ', 'a\u00a0', '\u2028\t'])).toEqual([1, 0, 0, 1])
    expect(await match('(?P<year>\\d{4})-(0[1-9]|1[0-2])', ['2024-12', '2024-13'])).toEqual([1, 0])
    await expect(match('(?i)a', ['A'])).rejects.toThrow('A203')
    await expect(match('\\pL', ['A'])).rejects.toThrow('A203')
  })

  it('are normalized', async () => {
    const normalize = async (x: string[], attributes: Record<string, AttributeValue>) =>
      run(one([`x string[1,${x.length}]`], ['y string'], 'y = StringNormalizer(x)', attributes), { x })
    const lower = { case_change_action: 'LOWER', stopwords: { strings: ['Mon'] } }
    expect(await normalize(['MON', 'Tue', 'mon'], lower)).toMatchObject({
      results: { y: ['tue'] },
      shapes: { y: [1, 1] },
    })
    const exact = await normalize(['MON', 'Mon'], { ...lower, is_case_sensitive: 1 })
    expect(exact).toMatchObject({ results: { y: ['mon'] } })
    expect(await normalize(['mon', 'Mon'], lower)).toMatchObject({ results: { y: [''] }, shapes: { y: [1, 1] } })
    await expect(normalize(['i'], { ...lower, locale: 'tr_TR' })).rejects.toThrow('A203')
  })

  it('are numbers, and numbers they', async () => {
    const read = async (dtype: number, x: string[]) => {
      const bytes = one([`x string[${x.length}]`], ['y'], 'y = Cast(x)', { to: dtype })
      return (await run(bytes, { x })).results['y']
    }
    expect(await read(1, ['0.1', '-INF', 'nan', '1e3', ''])).toEqual(new Float32Array([0.1, -Infinity, NaN, 1000, NaN]))
    expect(await read(7, ['9007199254740993', '-2.7', '+3'])).toEqual(new BigInt64Array([9007199254740993n, -2n, 3n]))
    const write = async (type: string, x: unknown) =>
      (await run(one([`x ${type}`], ['y string'], 'y = Cast(x)', toString), { x })).results['y']
    expect(await write('f32[6]', [0.1, -Infinity, NaN, 3, 16777216, 1e-7])).toEqual([
      '0.1',
      '-INF',
      'NaN',
      '3',
      '16777216',
      '1e-7',
    ])
    expect(await write('i64[1]', [2n ** 53n + 1n])).toEqual(['9007199254740993'])
    expect(await write('f64[1]', [0.1])).toEqual(['0.1'])
  })

  it('go through steps of both kinds: computed, looked up, computed with what was found', async () => {
    const bytes = model(
      {
        inputs: ['x string[2]'],
        outputs: ['y f32', 'z string'],
        nodes: [
          node('low = StringNormalizer(x)', { attributes: { case_change_action: 'LOWER' } }),
          node('y = LabelEncoder(low)', {
            domain: 'ai.onnx.ml',
            attributes: {
              keys_strings: { strings: ['no', 'yes'] },
              values_floats: { floats: [-1, 1] },
              default_float: { float: 0 },
            },
          }),
          node('t = Cast(y)', { attributes: toString }),
          'z = StringConcat(low, t)',
        ],
      },
      opset,
    )
    const { model: own, types, script } = await scriptOf<StringModel>(bytes)
    for (const x of [
      ['YES', 'No'],
      ['maybe', 'yes'],
    ]) {
      const y = x.map((text) => ({ yes: 1, no: -1 })[text.toLowerCase()] ?? 0)
      const z = x.map((text, i) => `${text.toLowerCase()}${y[i]}`)
      expect(own.run({ x })).toEqual({ y: new Float32Array(y), z })
      expect(own.outputs).toEqual({ y: new Float32Array(y), z })
      expect(own.shapes).toEqual({ y: [2], z: [2] })
      expect(inspect([own.outputs, own.shapes])).not.toContain('Getter')
    }
    const kept = own.run({ x: ['yes', 'no'] }, { copy: true })
    own.run({ x: ['no', 'no'] })
    expect(kept).toEqual({ y: new Float32Array([1, -1]), z: ['yes1', 'no-1'] })
    expect(() => own.run({ x: ['yes'] })).toThrow(
      new TypeError('attar: input "x" (string[2]) takes an array of 2 strings'),
    )
    expect(() => own.run({ x: [1, 2] } as Values)).toThrow('takes an array of 2 strings')
    expect(types).toContain('/** string[2] */\n  readonly "x": readonly string[]')
    expect(types.slice(0, types.indexOf('export declare const spec'))).not.toContain('strings.')
    expect(script).toContain('strings(attar(')
  })

  it('are made anew of what each run gives', async () => {
    const bytes = model(
      {
        inputs: ['x i64[1]'],
        outputs: ['z string'],
        nodes: [
          node('t = LabelEncoder(x)', {
            domain: 'ai.onnx.ml',
            attributes: { keys_int64s: [0, 1], values_strings: { strings: ['no', 'yes'] }, default_string: '?' },
          }),
          'z = StringConcat(t, t)',
        ],
      },
      opset,
    )
    const { model: own } = await scriptOf<StringModel>(bytes)
    for (const [x, z] of [
      [1n, 'yesyes'],
      [0n, 'nono'],
    ] as const) {
      own.inputs['x']![0] = x as never
      expect(own.run()).toEqual({ z: [z] })
    }
  })

  it('pass through as they are', async () => {
    const bytes = model({ inputs: ['x string[2]'], outputs: ['y string'], nodes: ['y = Identity(x)'] }, opset)
    expect((await run(bytes, { x: ['', 'ü'] })).results).toEqual({ y: ['', 'ü'] })
  })

  it('are refused where a length would depend on them, or a run would take two', async () => {
    const encode = node('y = LabelEncoder(s)', {
      domain: 'ai.onnx.ml',
      attributes: { keys_strings: { strings: ['a'] }, values_floats: { floats: [1] } },
    })
    const counted = model({ inputs: ['x string[1]'], outputs: ['y'], nodes: ['s = StringSplit(x)', encode] }, opset)
    await expect(compile(counted)).rejects.toThrow('how many strings there are depends on them')
    const cast = node('s = Cast(x)', { attributes: toString })
    await expect(
      compile(model({ inputs: ['x f32[1]'], outputs: ['y'], nodes: [cast, encode] }, opset)),
    ).rejects.toThrow('two runs')
  })

  it('cost models without them nothing', async () => {
    const { script } = await scriptOf(model({ inputs: ['x f32[2]'], outputs: ['y'], nodes: ['y = Neg(x)'] }))
    expect(script).not.toContain('toUpperCase')
  })
})
