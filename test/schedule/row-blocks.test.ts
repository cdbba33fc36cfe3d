import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { bytesOf, type Tensor } from '../../compiler/core/tensor.ts'
import { attentionScores, weightedValues } from '../../compiler/onnx/shared/nn/attention.ts'
import { softmax } from '../../compiler/onnx/shared/nn/softmax.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { schedule, scheduleApart } from '../../compiler/schedule/lower/index.ts'
import { planMemory } from '../../compiler/schedule/memory/plan.ts'
import {
  innerKernels,
  macsOf,
  type Kernel,
  type LoopKernel,
  type Program,
} from '../../compiler/schedule/program/program.ts'
import { blockRows } from '../../compiler/schedule/rows/blocks.ts'
import type { BlockLimits } from '../../compiler/schedule/rows/chain.ts'
import { fuseRows } from '../../compiler/schedule/rows/fuse.ts'

import { moduleOf } from '../support/program.ts'
import { Random } from '../support/random.ts'
import { expectClose, graphOf, inputOf, randomTensor, runModule } from '../support/run-graph.ts'
import { expectSameBits } from '../support/same-bits.ts'

const b = new Builder(undefined)
/** In blocks of four rows or more, however little that saves. */
const always: BlockLimits = {
  blockBytes: 1,
  leastRows: 4,
  mostOperands: Infinity,
  leastShorter: 0,
  leastTraffic: 1,
  leastSaved: 1,
}

const feedsOf = (graph: Graph): Record<string, Tensor> => {
  const random = new Random(5)
  return Object.fromEntries(
    graph.inputs.map(({ name, value }) => [name, randomTensor(random, value.type.dtype, value.type.shape)]),
  )
}

interface Checked {
  readonly loops: readonly LoopKernel[]
  readonly arenas: readonly [number, number]
  readonly program: Program
}

const loopsIn = (kernels: readonly Kernel[]): LoopKernel[] =>
  kernels.flatMap((k) => [...(k.kind === 'loop' ? [k] : []), ...loopsIn(innerKernels(k))])

/** Runs the graph whole and by blocks of rows, and expects the same bits, the evaluator's values. */
async function check(inputs: Value[], outputs: Value[], limits = always): Promise<Checked> {
  const graph = graphOf(inputs, outputs)
  const feeds = feedsOf(graph)
  const apart = scheduleApart(runPasses(graph))
  const program = blockRows(apart, limits)
  const [before, after, fused] = await Promise.all([apart, program, fuseRows(program)].map((p) => moduleOf(p)))
  const expected = runModule(before!.wasm, before!.spec, feeds)
  const evaluated = evaluate(graph, feeds)
  for (const { wasm, spec } of [after!, fused!]) {
    for (const [name, tensor] of Object.entries(runModule(wasm, spec, feeds))) {
      expect(bytesOf(tensor)).toEqual(bytesOf(expected[name]!))
      expectClose(tensor, evaluated[name]!)
    }
  }
  const macs = (p: Program): number => p.kernels.reduce((sum, k) => sum + macsOf(k), 0)
  expect(macs(program)).toBe(macs(apart))
  const arenas = [planMemory(apart).arenaBytes, planMemory(program).arenaBytes] as const
  return { loops: loopsIn(program.kernels), arenas, program }
}

const trips = ({ loops }: Checked): number[] => loops.map((l) => l.trips)

interface Attention {
  readonly inputs: Value[]
  readonly weights: Value
  readonly result: Value
}

/** Attention of [batch, heads, queries, size] to `keys` keys, as operators of ONNX build it; `bias` changes the scores. */
function attention(
  [batch, heads, queries, size]: readonly [number, number, number, number],
  keys: number,
  bias: (scores: Value) => Value = (scores) => scores,
  keyHeads = heads,
): Attention {
  const q = inputOf('q', 'f32', [batch, heads, queries, size])
  const [k, v] = ['k', 'v'].map((name) => inputOf(name, 'f32', [batch, keyHeads, keys, size]))
  const scaled = b.map([attentionScores(b, q, k!)], (e) => f.mul(e, 0.25))
  const weights = softmax(b, bias(scaled), [3])
  return { inputs: [q, k!, v!], weights, result: weightedValues(b, weights, v!) }
}

describe('attention by blocks of rows', () => {
  it.each([
    { shape: [1, 1, 32, 8], keys: 32, loops: [8] },
    { shape: [1, 3, 24, 8], keys: 40, loops: [3, 6] },
    { shape: [2, 3, 32, 12], keys: 40, loops: [6, 8] },
    // A head's rows do not divide by four: the last ones are left over, in each head.
    { shape: [1, 2, 37, 5], keys: 49, loops: [2, 9] },
    { shape: [1, 1, 23, 8], keys: 75, loops: [5] },
    // One block in each head, and what is left of it.
    { shape: [1, 5, 7, 32], keys: 56, loops: [5] },
  ] as const)('$shape to $keys keys', async ({ shape, keys, loops }) => {
    const { inputs, result } = attention(shape, keys)
    const checked = await check(inputs, [result])
    expect(trips(checked)).toEqual(loops)
    const [before, after] = checked.arenas
    expect(after).toBeLessThanOrEqual(before)
  })

  it('keeps one block of scores', async () => {
    const { inputs, result } = attention([1, 4, 64, 16], 64)
    const { arenas, program } = await check(inputs, [result], { ...always, blockBytes: 2 ** 12 })
    const tensor = 4 * 64 * 16 * 4
    const scores = 4 * 64 * 64 * 4
    // Queries, packed keys, values and scores; packed values, the result and a block of eight rows with their sums in place of scores.
    expect(arenas[0]).toBe(3 * tensor + scores)
    expect(arenas[1]).toBe(4 * tensor + 8 * 64 * 4 + 8 * 4)
    expect(loopsIn(program.kernels).map((l) => l.trips)).toEqual([4, 8])
  })

  it.each([
    ['of keys', [1, 1, 1, 20]],
    ['of queries', [16, 1]],
    ['of heads', [1, 3, 1, 1]],
    ['shared by heads', [16, 20]],
  ])('with a bias %s', async (_, shape) => {
    const bias = inputOf('bias', 'f32', shape)
    const { inputs, result } = attention([1, 3, 16, 8], 20, (s) => b.binary('add', s, bias))
    expect(trips(await check([...inputs, bias], [result]))).toEqual([3, 4])
  })

  it('with a bias of each score, whose place the scores take', async () => {
    const bias = inputOf('bias', 'f32', [1, 3, 16, 20])
    const { inputs, result } = attention([1, 3, 16, 8], 20, (s) => b.binary('add', s, bias))
    expect(trips(await check([...inputs, bias], [result]))).toEqual([])
    // Others read it: the scores are memory of their own.
    expect(trips(await check([...inputs, bias], [result, b.unary('exp', bias)]))).toEqual([3, 4])
  })

  it('that is causal, and with a mask of booleans', async () => {
    const mask = inputOf('mask', 'bool', [2, 1, 16, 16])
    const [i, j] = [b.iota('i32', [16, 1], 0), b.iota('i32', [16], 0)]
    const causal = (s: Value): Value => b.map([s, i, j, mask], (e, q, k, m) => f.select(f.and(m, f.le(k, q)), e, -1e9))
    const { inputs, result } = attention([2, 2, 16, 8], 16, causal)
    expect(trips(await check([...inputs, mask], [result])).length).toBeGreaterThan(0)
  })

  it('with several heads to one of keys', async () => {
    const { inputs, result } = attention([1, 6, 12, 8], 20, undefined, 2)
    expect((await check(inputs, [result])).loops.length).toBeGreaterThan(0)
  })

  it('whose heads stand side by side in a row', async () => {
    const [heads, rows, size] = [3, 20, 8]
    const project = (name: string): Value => inputOf(name, 'f32', [1, rows, heads * size])
    const split = (x: Value): Value => b.transpose(b.reshape(x, [1, rows, heads, size]), [0, 2, 1, 3])
    const [q, k, v] = ['q', 'k', 'v'].map(project)
    const weights = softmax(b, attentionScores(b, split(b.unary('abs', q!)), split(k!)), [3])
    const y = b.reshape(b.transpose(weightedValues(b, weights, split(v!)), [0, 2, 1, 3]), [rows, heads * size])
    const checked = await check([q!, k!, v!], [b.unary('exp', y)])
    expect(trips(checked)).toEqual([heads, 5])
  })

  it('whose queries are made when keys and values are packed', async () => {
    const [heads, rows, size] = [2, 64, 16]
    const x = inputOf('x', 'f32', [rows, heads * size])
    const project = (seed: number): Value => {
      const weights = b.constant(randomTensor(new Random(seed), 'f32', [heads * size, heads * size]))
      const product = b.dotGeneral(x, weights, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
      return b.transpose(
        b.reshape(b.binary('mul', product, b.scalar(0.1, 'f32')), [1, rows, heads, size]),
        [0, 2, 1, 3],
      )
    }
    const [q, k, v] = [1, 2, 3].map(project)
    const weights = softmax(b, attentionScores(b, q!, k!), [3])
    const y = b.binary(
      'add',
      b.transpose(weightedValues(b, weights, v!), [0, 2, 1, 3]),
      b.reshape(x, [1, rows, heads, size]),
    )
    const { arenas, loops } = await check([x], [y], { ...always, blockBytes: 2 ** 11 })
    expect(loops.map((l) => l.trips)).toEqual([heads, 16])
    const tensor = rows * heads * size * 4
    // The input; packed keys, values and their packed form, then packed keys and values, queries and a block.
    expect(arenas[1]).toBe(4 * tensor + 4 * rows * 4 + 4 * 4)
  })

  it('in the body of a loop', async () => {
    const state = inputOf('s', 'f32', [1, 2, 64, 16])
    const { inputs } = attention([1, 2, 64, 16], 64)
    const [x, k, v] = inputs as [Value, Value, Value]
    const step = weightedValues(b, softmax(b, attentionScores(b, state, k), [3]), v)
    const { carried } = b.while({
      trips: 3,
      iteration: inputOf('i', 'i32', []),
      carried: [{ initial: x, argument: state, next: step }],
      scanInputs: [],
      scanOutputs: [],
    })
    expect(trips(await check(inputs, carried.slice(0, 1)))).toEqual([3, 2, 16])
  })
})

describe('perceptrons by blocks of rows', () => {
  const dense = (x: Value, outputs: number, seed: number): Value => {
    const last = x.type.shape.length - 1
    const random = new Random(seed)
    const weights = b.constant(randomTensor(random, 'f32', [x.type.shape[last]!, outputs]))
    const product = b.dotGeneral(x, weights, { lhsBatch: [], rhsBatch: [], lhsContract: [last], rhsContract: [0] })
    return b.binary(
      'add',
      b.binary('mul', product, b.scalar(0.1, 'f32')),
      b.constant(randomTensor(random, 'f32', [outputs])),
    )
  }

  it.each([[[40, 12]], [[2, 20, 12]], [[1, 27, 12]]])('%j', async (shape) => {
    const x = inputOf('x', 'f32', shape)
    const hidden = b.unary('erf', dense(x, 48, 1))
    const checked = await check([x], [dense(hidden, 12, 2)])
    expect(checked.loops).toHaveLength(1)
    expect(checked.arenas[1]).toBeLessThan(checked.arenas[0] - 48 * 4 * 16)
  })

  it('whose sum with their input stands in its place', async () => {
    const x = inputOf('x', 'f32', [32, 12])
    const start = b.unary('tanh', x)
    const y = b.binary('add', start, dense(b.unary('erf', dense(start, 48, 1)), 12, 2))
    const { arenas } = await check([x], [y])
    // The input, which becomes the output, and four rows.
    expect(arenas[1]).toBe(2 * 32 * 12 * 4 + 4 * 48 * 4)
  })
})

describe('stays whole', () => {
  it('where every block would read more than the caches hold', async () => {
    const { inputs, result } = attention([1, 4, 64, 16], 64)
    // A head's packed keys and values, a block's queries, and biases of zeros.
    const operands = 2 * 64 * 16 * 4 + 4 * 16 * 4 + (64 + 16) * 4
    expect((await check(inputs, [result], { ...always, mostOperands: operands })).loops).toHaveLength(2)
    expect((await check(inputs, [result], { ...always, mostOperands: operands - 4 })).loops).toEqual([])
  })

  it('where the scores are an output, or read by others', async () => {
    const { inputs, weights, result } = attention([1, 2, 16, 8], 16)
    expect((await check(inputs, [result, weights])).loops).toEqual([])
    expect((await check(inputs, [result, b.reduce('add', weights, [2])])).loops).toEqual([])
  })

  it('where rows meet', async () => {
    const { inputs, result } = attention([1, 2, 16, 8], 16, (s) => b.binary('sub', s, b.reduce('max', s, [1, 2], true)))
    expect((await check(inputs, [result])).loops).toEqual([])
  })

  it('where that saves nothing', () => {
    const kindsOf = ({ inputs, result }: Attention): string[] =>
      schedule(runPasses(graphOf(inputs, [result]))).kernels.map((k) => k.kind)
    expect(kindsOf(attention([1, 2, 16, 8], 16))).not.toContain('loop')
    // The scores are no more than what has to be there at once instead.
    expect(kindsOf(attention([1, 1, 64, 128], 64))).not.toContain('loop')
    expect(kindsOf(attention([1, 4, 64, 16], 64))).toContain('loop')
  })
})

it.each(Array.from({ length: 6 }, (_, i) => i * 12))('random graphs from %d on', async (start) => {
  const rewrite = (program: Program): Program => blockRows(program, { ...always, leastRows: 1 })
  await expectSameBits({ from: start, to: start + 12 }, (graph) => scheduleApart(runPasses(graph)), rewrite)
})
