import { afterAll, describe, expect, it } from 'vitest'
import { compile } from '../../compiler/index.ts'
import { tensorOf, zeros, type Tensor } from '../../compiler/core/tensor.ts'
import { modulePlaces } from '../../compiler/verify/module-engine.ts'
import { localInstance, openReference } from '../../compiler/verify/index.ts'
import { expectClose } from '../support/run-graph.ts'
import { node, stored } from './build.ts'
import { modelOf, RunTimeLengths } from './run-time-lengths.ts'

const lengths = new RunTimeLengths()
afterAll(() => lengths.close())
const { floats } = lengths

const i32 = (...values: number[]): Tensor => tensorOf('i32', [values.length], values)
const i64 = (...values: number[]): Tensor => tensorOf('i64', [values.length], values)
const scalar = (value: number): Tensor => tensorOf('i32', [], [value])
const from = (first: number, last: number): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i)

interface Cached {
  readonly batch?: number
  /** New positions. */
  readonly added: number
  /** Positions of the past. */
  readonly held: number
  readonly inputs?: readonly string[]
  /** What else the operator takes, from input 7 on. */
  readonly rest?: string
  readonly past?: string
  readonly constants?: readonly ReturnType<typeof stored>[]
  readonly before?: readonly (string | ReturnType<typeof node>)[]
  readonly outputs?: readonly string[]
  readonly attributes?: Readonly<Record<string, number>>
}

const angles = [stored('cosines', floats(32, 8)), stored('sines', floats(32, 8))]

/** Attention of four heads to two of keys, each of 16 features, whose total length is an input. */
const cached = ({
  batch = 1,
  added,
  held,
  inputs = [],
  constants = [],
  rest = 'cosines, sines',
  past = 'pk, pv',
  before = [],
  ...c
}: Cached) => {
  const outputs = c.outputs ?? ['y', 'keys', 'values']
  return {
    inputs: [
      `q f32[${batch},${added},64]`,
      ...['k', 'v'].map((name) => `${name} f32[${batch},${added},32]`),
      ...['pk', 'pv'].map((name) => `${name} f32[${batch},2,${held},16]`),
      ...[`ends i32[${batch}]`, 'total i32[]', ...inputs],
    ],
    outputs,
    nodes: [
      ...before,
      node(`${outputs.join()} = GroupQueryAttention(q, k, v, ${past}, ends, total, ${rest})`, {
        domain: 'com.microsoft',
        attributes: { num_heads: 4, kv_num_heads: 2, do_rotary: 1, ...c.attributes },
      }),
    ],
    initializers: [...constants, ...(rest.includes('cosines') ? angles : [])],
  }
}

/** Random inputs; `ends` are how many positions each sequence has. */
const set = ({ batch = 1, added, held }: Cached, total: number, ends: readonly number[] = [total]) => ({
  q: floats(batch, added, 64),
  k: floats(batch, added, 32),
  v: floats(batch, added, 32),
  pk: floats(batch, 2, held, 16),
  pv: floats(batch, 2, held, 16),
  ends: i32(...ends.map((end) => end - 1)),
  total: scalar(total),
})

describe('a cache whose total length is known at run time', () => {
  it('is the past’s buffer: a word, from the first one to the last that has room', async () => {
    const form = { added: 1, held: 9 }
    await lengths.runs(
      cached(form),
      {},
      from(1, 9).map((total) => set(form, total)),
    )
    expect(await lengths.refusal(cached(form), {}, set(form, 10))).toContain('is 10; it was compiled for 1 to 9')
  })

  it('is no shorter than what is new', async () => {
    const form = { added: 3, held: 8 }
    const bounded = lengths.refusal(cached(form), { total: [[1, 2]] }, set(form, 3))
    await expect(bounded).rejects.toThrow('total_sequence_length is 1 to 2, not 3')
  })

  it('is that of a prompt, and of more words behind it', async () => {
    const form = { added: 3, held: 8 }
    await lengths.runs(
      cached(form),
      {},
      from(3, 8).map((total) => set(form, total)),
    )
  })

  it('is that of several sequences, each with an end of its own', async () => {
    const words = { batch: 2, added: 1, held: 6, attributes: { local_window_size: 3, smooth_softmax: 1 } }
    const sets = from(2, 6).flatMap((total) => [set(words, total, [total, total - 1]), set(words, total, [2, total])])
    await lengths.runs(cached(words), {}, sets)
    const prompt = { batch: 2, added: 4, held: 6 }
    await lengths.runs(cached(prompt), {}, [set(prompt, 4, [4, 2]), set(prompt, 4, [1, 4])])
  })

  it('has rotations at given positions', async () => {
    const form = { batch: 2, added: 1, held: 5, attributes: { rotary_interleaved: 1 } }
    const own = { ...form, inputs: ['at i64[2,1]'], rest: 'cosines, sines, at' }
    const at = tensorOf('i64', [2, 1], [7n, 3n])
    await lengths.runs(
      cached(own),
      {},
      from(2, 5).map((total) => ({ ...set(form, total, [total, 2]), at })),
    )
    const prompt = { added: 3, held: 7, inputs: ['at i64[1,3]'], rest: 'cosines, sines, at' }
    const later = tensorOf('i64', [1, 3], [4n, 5n, 6n])
    await lengths.runs(
      cached(prompt),
      {},
      from(3, 7).map((total) => ({ ...set(prompt, total), at: later })),
    )
  })

  it('grows as far as its bound', async () => {
    const form = { added: 2, held: 6 }
    await lengths.runs(
      cached(form),
      { total: [[2, 7]] },
      from(2, 7).map((total) => set(form, total)),
    )
    // No longer than with what is new, whatever the bound.
    await lengths.runs(
      cached(form),
      { total: [[2, 100]] },
      from(2, 8).map((total) => set(form, total)),
    )
  })

  it('shows scores as long as it is', async () => {
    const form = { added: 2, held: 6, outputs: ['y', 'keys', 'values', 'scores'] }
    for (const qk_output of [1, 2]) {
      const own = { ...form, attributes: { qk_output } }
      await lengths.runs(
        cached(own),
        {},
        from(2, 6).map((total) => set(form, total)),
      )
    }
  })

  it('has an addend of that length, and a past of another', async () => {
    const form = {
      ...{ added: 2, held: 6, inputs: ['bias f32[1,1,2,8]', 'size i64[1]'] },
      ...{ past: 'ok, ov', rest: ',,, some', attributes: { do_rotary: 0 } },
      constants: ['zero', 'one', 'two', 'three'].map((name, i) => stored(name, i64(i))),
      before: [
        node('cast = Cast(total)', { attributes: { to: 7 } }),
        'end = Reshape(cast, one)',
        'some = Slice(bias, zero, end, three)',
        'ok = Slice(pk, zero, size, two)',
        'ov = Slice(pv, zero, size, two)',
      ],
    }
    const sets = from(0, 6).map((size) => ({
      ...{ ...set(form, size + 2), bias: floats(1, 1, 2, 8), size: i64(size) },
    }))
    await lengths.runs(cached(form), { total: [[2, 8]], size: [[0, 6]] }, sets.slice(1))
    const elsewhere = cached({ ...form, rest: ',,, bias' })
    expect(await lengths.refusal(elsewhere, { total: [[2, 8]] }, sets[5]!)).toContain(
      'total_sequence_length without the keys of attention_bias',
    )
  })

  it('is kept between runs, of a prompt and of words, as if each run gave the next its cache', async () => {
    const form = { added: 1, held: 8, outputs: ['y', 'keys', 'values'] }
    const any = cached(form)
    const text = { ...any, inputs: any.inputs.map((port) => port.replace(/^(q|k|v) f32.1,1,/, '$1 f32[1,n,')) }
    const state = { pk: 'keys', pv: 'values' }
    const own = await compile(modelOf(cached(form)), { state })
    // What is no longer than the past however long it is, is a constant as long as the past.
    const signatures = [{ dims: { n: 1 } }, { dims: { n: 4 } }]
    const both = await compile(modelOf(text), { state, signatures, bind: { total: scalar(8) } })
    const reference = await openReference(modelOf(text), () => new Uint8Array(0))
    const empty = zeros('f32', [1, 2, 8, 16])
    let cache: Record<string, Tensor> = { pk: empty, pv: empty }
    const places = modulePlaces()
    const runners = places.runners(both.modules, both.spec)
    for (const runner of runners) await runner.begin!(cache)
    let total = 0
    const words: [Record<string, Tensor>, Record<string, Tensor>][] = []
    for (const added of [4, 1, 1, 1]) {
      total += added
      const given: Record<string, Tensor> = { ...set({ added, held: 8 }, total), ...cache }
      const expected = await reference.run(given)
      const bound = Object.fromEntries(['q', 'k', 'v', 'ends'].map((name) => [name, given[name]!]))
      for (const runner of runners) expectClose((await runner.run(bound))['y']!, expected['y']!, 1e-5)
      if (added === 1) words.push([given, expected])
      cache = { pk: expected['keys']!, pv: expected['values']! }
    }
    const stream = localInstance()
    await stream.load(own.modules.simd!, own.spec)
    await stream.begin({ pk: words[0]![0]['pk']!, pv: words[0]![0]['pv']! })
    for (const [given, expected] of words) expectClose((await stream.run(given))['y']!, expected['y']!, 1e-5)
    places.close()
    await reference.close()
  })
})
