import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { unboundedTrips } from '../../compiler/core/ops/control-flow/while.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { regionArgument } from '../../compiler/core/region.ts'
import { scalarTensor, tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { Random } from '../support/random.ts'
import {
  expectClose,
  expectCompiledEqualsEvaluated,
  graphOf,
  inputOf,
  randomTensor,
  runModule,
} from '../support/run-graph.ts'

const b = new Builder(undefined)
const forward = { axis: 0, reverse: false }

/** Compiles and compares with the evaluator, which gives the results. */
async function check(graph: Graph, inputs: Record<string, Tensor>): Promise<Record<string, Tensor>> {
  verify(graph)
  verify(runPasses(graph))
  const expected = evaluate(graph, inputs)
  const { modules, spec, report } = await compileGraph(graph, { targets: ['simd'] })
  expect(report.arena).toBeGreaterThanOrEqual(report.arenaLowerBound)
  const actual = runModule(modules.simd!, spec, inputs)
  for (const [name, value] of Object.entries(expected)) expectClose(actual[name]!, value)
  return expected
}

const numbers = (results: Record<string, Tensor>): number[][] => Object.values(results).map(toNumbers)

/** A loop whose carried values, of the initials' types, become what `body` makes of them. */
function counted(
  trips: number,
  initials: readonly Value[],
  body: (carried: Value[], iteration: Value) => Value[],
): Value[] {
  const iteration = regionArgument('i32', [])
  const args = initials.map((v) => regionArgument(v.type.dtype, v.type.shape))
  const next = body(args, iteration)
  const carried = initials.map((initial, i) => ({ initial, argument: args[i]!, next: next[i]! }))
  return b.while({ trips, iteration, carried, scanInputs: [], scanOutputs: [] }).carried
}

describe('while', () => {
  it('carries values, which may change places', async () => {
    const x = inputOf('x', 'f32', [5])
    const y = inputOf('y', 'f32', [5])
    const [p, q] = counted(3, [x, y], ([u, v]) => [v!, b.binary('add', u!, v!)])
    // Fibonacci: (x, y) → (y, x + y) → (x + y, x + 2y) → (x + 2y, 2x + 3y).
    const inputs = { x: tensorOf('f32', [5], [1, 2, 3, 4, 5]), y: tensorOf('f32', [5], [1, 0, 0, 0, -1]) }
    expect(numbers(await check(graphOf([x, y], [p!, q!]), inputs))).toEqual([
      [3, 2, 3, 4, 3],
      [5, 4, 6, 8, 7],
    ])
  })

  it('swaps and keeps', async () => {
    const [x, y, z] = ['x', 'y', 'z'].map((name) => inputOf(name, 'f32', [2])) as [Value, Value, Value]
    const results = counted(3, [x, y, z], ([u, v, w]) => [v!, u!, w!])
    const inputs = Object.fromEntries(['x', 'y', 'z'].map((n, i) => [n, tensorOf('f32', [2], [i, i + 10])]))
    expect(numbers(await check(graphOf([x, y, z], results), inputs))).toEqual([
      [1, 11],
      [0, 10],
      [2, 12],
    ])
  })

  it('does nothing in no iteration, and knows the number of one', async () => {
    const x = inputOf('x', 'i32', [])
    const [none] = counted(0, [x], ([u]) => [b.binary('add', u!, u!)])
    const [sum] = counted(5, [x], ([u], i) => [b.binary('add', u!, i)])
    expect(numbers(await check(graphOf([x], [none!, sum!]), { x: scalarTensor('i32', 7) }))).toEqual([[7], [17]])
  })

  it.each([
    [0, false],
    [1, true],
    [2, false],
  ])('walks tensors along axis %i, backwards: %s', async (axis, reverse) => {
    const x = inputOf('x', 'f32', [4, 4, 4])
    const s = inputOf('s', 'f32', [4, 4])
    const w = b.constant(randomTensor(new Random(3), 'f32', [4, 4]))
    const slice = regionArgument('f32', [4, 4])
    const state = regionArgument('f32', [4, 4])
    const product = b.dotGeneral(slice, w, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
    const next = b.map([product, state], (p, q) => f.add(p, f.mul(q, 0.5)))
    const loop = b.while({
      trips: 4,
      iteration: regionArgument('i32', []),
      carried: [{ initial: s, argument: state, next }],
      scanInputs: [{ value: x, argument: slice, axis, reverse }],
      scanOutputs: [
        { slice: next, axis: 2 - axis, reverse: !reverse },
        { slice: product, axis, reverse },
      ],
    })
    await expectCompiledEqualsEvaluated(graphOf([x, s], [...loop.carried, ...loop.stacked]), new Random(4))
  })

  it('computes before the loop what does not change in it, and takes constants in', () => {
    const x = inputOf('x', 'f32', [4])
    const [y] = counted(9, [x], ([u]) => [
      b.map([u!, b.unary('exp', x), b.full(2, 'f32', [4])], (p, q, r) => f.mul(f.add(p, q), r)),
    ])
    const text = printGraph(graphOf([x], [y!]))
    const [outside, inside] = text.split('{\n')
    expect(outside).toContain('exp')
    expect(inside).toContain('constant')
    const program = schedule(runPasses(graphOf([x], [y!])))
    // The new value is computed in the old one's place: there is no copy.
    expect(program.kernels.flatMap((k) => (k.kind === 'loop' ? [k.body.length] : []))).toEqual([1])
  })

  it('ends by its condition, with zeros where no slice came', async () => {
    const x = inputOf('x', 'f32', [3])
    const limit = inputOf('limit', 'f32', [])
    const state = regionArgument('f32', [3])
    const next = b.map([state], (u) => f.add(u, u))
    const sum = (v: Value): Value => b.binary('lt', b.reduce('add', v, [0]), limit)
    const loop = b.while({
      trips: 6,
      iteration: regionArgument('i32', []),
      condition: { initial: sum(x), next: sum(next) },
      carried: [{ initial: x, argument: state, next }],
      scanInputs: [],
      scanOutputs: [{ slice: next, ...forward }],
    })
    const graph = graphOf([x, limit], [loop.carried[0]!, loop.stacked[0]!, loop.count])
    const at = (value: number) => ({ x: tensorOf('f32', [3], [1, 2, 3]), limit: scalarTensor('f32', value) })
    expect(numbers(await check(graph, at(20)))).toEqual([
      [4, 8, 12],
      [2, 4, 6, 4, 8, 12, ...new Array<number>(12).fill(0)],
      [2],
    ])
    expect(numbers(await check(graph, at(0)))[2]).toEqual([0])
    expect(numbers(await check(graph, at(1e9)))[2]).toEqual([6])
  })

  it('needs no bound when only the condition ends it', async () => {
    const n = inputOf('n', 'i32', [])
    // Collatz steps of n.
    const [m, steps] = [regionArgument('i32', []), regionArgument('i32', [])]
    const next = b.map([m], (u) => f.select(f.eq(f.rem(u, 2), 0), f.div(u, 2), f.add(f.mul(u, 3), 1)))
    const loop = b.while({
      trips: unboundedTrips,
      iteration: regionArgument('i32', []),
      condition: { initial: b.map([n], (u) => f.gt(u, 1)), next: b.map([next], (u) => f.gt(u, 1)) },
      carried: [
        { initial: n, argument: m, next },
        { initial: b.scalar(0, 'i32'), argument: steps, next: b.map([steps], (u) => f.add(u, 1)) },
      ],
      scanInputs: [],
      scanOutputs: [],
    })
    const graph = graphOf([n], [loop.carried[1]!, loop.count])
    expect(numbers(await check(graph, { n: scalarTensor('i32', 27) }))).toEqual([[111], [111]])
  })

  it('nests', async () => {
    const x = inputOf('x', 'f32', [3, 4, 5])
    const row = regionArgument('f32', [4, 5])
    const inner = regionArgument('f32', [5])
    const total = regionArgument('f32', [5])
    const scale = regionArgument('f32', [5])
    const nextTotal = b.map([total, inner, scale], (t, u, s) => f.add(f.mul(t, 0.5), f.mul(u, s)))
    const start = b.map([regionArgument('f32', [5])], (u) => u)
    const innerLoop = b.while({
      trips: 4,
      iteration: regionArgument('i32', []),
      carried: [{ initial: start, argument: total, next: nextTotal }],
      scanInputs: [{ value: row, argument: inner, ...forward }],
      scanOutputs: [{ slice: nextTotal, ...forward }],
    })
    // The inner loop captures `scale` and `start`, arguments of the outer one.
    const outer = b.while({
      trips: 3,
      iteration: regionArgument('i32', []),
      carried: [
        { initial: b.full(0, 'f32', [5]), argument: start, next: innerLoop.carried[0]! },
        { initial: b.full(1, 'f32', [5]), argument: scale, next: b.map([scale], (s) => f.mul(s, 2)) },
      ],
      scanInputs: [{ value: x, argument: row, ...forward }],
      scanOutputs: [{ slice: innerLoop.stacked[0]!, axis: 1, reverse: true }],
    })
    await expectCompiledEqualsEvaluated(graphOf([x], [...outer.carried, ...outer.stacked]), new Random(5))
  })
})

describe('if', () => {
  const x = inputOf('x', 'f32', [6])
  const c = inputOf('c', 'bool', [])
  const outside = (v: Value): boolean => v === shared
  const shared = b.unary('exp', x)
  const branches = () =>
    b.if(
      c,
      [b.map([shared, x], (p, q) => f.add(p, q)), b.reduce('add', x, [0])],
      [b.binary('mul', x, x), b.reduce('max', shared, [0])],
      outside,
    )

  it('gives the results of one branch', async () => {
    const graph = graphOf([x, c], [...branches(), shared])
    const values = tensorOf('f32', [6], [0, 0, 0, 0, 0, 2])
    const [first, sum] = numbers(await check(graph, { x: values, c: scalarTensor('bool', 1) }))
    expect([first![0], sum]).toEqual([1, [2]])
    const [squares] = numbers(await check(graph, { x: values, c: scalarTensor('bool', 0) }))
    expect(squares).toEqual([0, 0, 0, 0, 0, 4])
  })

  it('computes in its branches what only they need, in shared memory', async () => {
    const wide = (k: number): Value =>
      b.reduce(
        'add',
        b.cumulate(
          b.broadcastInDim(
            b.map([x], (u) => f.add(u, k)),
            [50, 6],
            [1],
          ),
          { kind: 'add', axis: 0, exclusive: false, reverse: false },
        ),
        [0],
      )
    const arena = async (outputs: readonly Value[]): Promise<number> =>
      (await compileGraph(graphOf([x, c], outputs), { targets: ['simd'] })).report.arena
    const one = await arena(b.if(c, [wide(1)], [b.unary('neg', x)], () => false))
    const both = await arena(b.if(c, [wide(1)], [wide(2)], () => false))
    expect(both).toBe(one)
    await check(
      graphOf(
        [x, c],
        b.if(c, [wide(1)], [wide(2)], () => false),
      ),
      {
        x: tensorOf('f32', [6], [1, 2, 3, 4, 5, 6]),
        c: scalarTensor('bool', 0),
      },
    )
  })
})
