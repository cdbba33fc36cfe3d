import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { allNodesOf, createNode, nodesOf, type Graph, type Value } from '../../compiler/core/graph.ts'
import { unboundedTrips } from '../../compiler/core/ops/control-flow/while.ts'
import { regionArgument } from '../../compiler/core/region.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { batch } from '../../compiler/transform/batch.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf, randomTensor, runModule } from '../support/run-graph.ts'
import { drawSamples, expectEachSample, stacked, type Tensors } from './samples.ts'

const b = new Builder(undefined)
const one = b.scalar(1, 'i32')
const int = (name: string): Value => inputOf(name, 'i32', [])
const less = (x: Value, y: Value): Value => b.binary('lt', x, y)
const ints = (...values: number[]): Tensors[] => values.map((n) => ({ n: tensorOf('i32', [], [n]) }))

/** Powers of two and their number up to `limit`, from `n` on: a loop that ends when data says so. */
function doubling(n: Value, limit: Value, trips: number, scan = false) {
  const [iteration, p, q] = [regionArgument('i32', []), regionArgument('i32', []), regionArgument('f32', [2])]
  const twice = b.binary('add', p, p)
  return b.while({
    trips,
    iteration,
    condition: { initial: less(n, limit), next: less(twice, limit) },
    carried: [
      { initial: n, argument: p, next: twice },
      { initial: b.full(0, 'f32', [2]), argument: q, next: b.binary('add', q, b.convert(p, 'f32')) },
    ],
    scanInputs: [],
    scanOutputs: scan ? [{ slice: b.broadcast(twice, [2]), axis: 1, reverse: false }] : [],
  })
}

async function expectCompiled(graph: Graph, samples: readonly Tensors[], batched: ReadonlySet<string>): Promise<void> {
  const made = batch(graph, samples.length, batched).graph
  const inputs = stacked(samples, batched)
  const { modules, spec } = await compileGraph(made, { targets: ['simd'] })
  const actual = runModule(modules.simd!, spec, inputs)
  for (const [name, value] of Object.entries(evaluate(made, inputs)))
    expect(toNumbers(actual[name]!), name).toEqual(toNumbers(value))
}

const all = new Set(['n'])

describe('loops over a batch', () => {
  it('stop for each sample at its own time', async () => {
    const n = int('n')
    const { carried, stacked: scans, count } = doubling(n, b.scalar(50, 'i32'), 6, true)
    const graph = graphOf([n], [...carried, ...scans, count])
    // The third has no iteration, the second all that there may be.
    const samples = ints(3, 1, 70, 49, 7)
    expectEachSample(graph, samples, all)
    expect(toNumbers(evaluate(batch(graph, 5).graph, stacked(samples, all))['y3']!)).toEqual([5, 6, 0, 1, 3])
    await expectCompiled(graph, samples, all)
  })

  it('with a condition that all samples share stay as they are, and their count is one', () => {
    const [n, limit] = [int('n'), int('limit')]
    const [iteration, p, x] = [regionArgument('i32', []), regionArgument('i32', []), regionArgument('i32', [])]
    const { carried, count } = b.while({
      trips: 20,
      iteration,
      condition: { initial: less(one, limit), next: less(b.binary('add', p, p), limit) },
      carried: [
        { initial: one, argument: p, next: b.binary('add', p, p) },
        { initial: one, argument: x, next: b.binary('add', b.binary('mul', x, n), p) },
      ],
      scanInputs: [],
      scanOutputs: [],
    })
    const graph = graphOf([n, limit], [...carried, count])
    const samples = ints(1, 2, 3).map((sample) => ({ ...sample, limit: tensorOf('i32', [], [40]) }))
    expectEachSample(graph, samples, all)
    const { value } = batch(graph, 3, all)
    expect([...carried, count].map((v) => value(v).batched)).toEqual([false, true, false])
    expectEachSample(
      graph,
      [4, 40, 1].map((l) => ({ ...samples[0], limit: tensorOf('i32', [], [l]) })),
      new Set(['limit']),
    )
  })

  it('carry for each sample what does not depend on it at first', () => {
    // What differs between samples reaches the last carried value after as many iterations as there are values.
    const n = int('n')
    const parameters = [0, 1, 2, 3].map(() => regionArgument('i32', []))
    const { carried } = b.while({
      trips: 6,
      iteration: regionArgument('i32', []),
      carried: parameters.map((p, i) => ({
        initial: one,
        argument: p,
        next: i === 0 ? n : b.binary('add', p, parameters[i - 1]!),
      })),
      scanInputs: [],
      scanOutputs: [],
    })
    expectEachSample(graphOf([n], carried), ints(2, -5, 9), all)
  })

  it('walk what samples share and what they do not', () => {
    const random = new Random(5)
    const [x, y] = [inputOf('x', 'f32', [3, 4]), inputOf('y', 'f32', [2, 4])]
    const [u, v, s] = [regionArgument('f32', [3]), regionArgument('f32', [2]), regionArgument('f32', [])]
    const next = b.binary('add', s, b.reduce('add', u, [0]))
    const { carried, stacked: scans } = b.while({
      trips: 4,
      iteration: regionArgument('i32', []),
      carried: [{ initial: b.scalar(0, 'f32'), argument: s, next }],
      scanInputs: [
        { value: x, argument: u, axis: 1, reverse: true },
        { value: y, argument: v, axis: 1, reverse: false },
      ],
      scanOutputs: [
        { slice: b.binary('mul', v, next), axis: 0, reverse: true },
        { slice: v, axis: 1, reverse: false },
      ],
    })
    const graph = graphOf([x, y], [...carried, ...scans])
    for (const names of [['x'], ['y'], ['x', 'y']]) {
      const batched = new Set(names)
      const draw = drawSamples(graph, 3, batched, ({ dtype, shape }) => randomTensor(random, dtype, shape))
      expectEachSample(graph, draw, batched)
    }
  })

  it('within loops stop where the outer one has', async () => {
    const n = int('n')
    const [i, p] = [regionArgument('i32', []), regionArgument('i32', [])]
    // From 40 on the inner loop would never end; the outer one ends before that.
    const inner = doublingUnlike(p)
    const { carried, count } = b.while({
      trips: 10,
      iteration: i,
      condition: { initial: less(n, b.scalar(40, 'i32')), next: less(inner, b.scalar(40, 'i32')) },
      carried: [{ initial: n, argument: p, next: inner }],
      scanInputs: [],
      scanOutputs: [],
    })
    const graph = graphOf([n], [...carried, count])
    const samples = ints(1, 90, 25, 39)
    expectEachSample(graph, samples, all)
    await expectCompiled(graph, samples, all)
  })

  it('nested deeply take time that grows with the nest, not with its power', () => {
    const n = int('n')
    // What differs between samples takes an iteration for each value that is carried, anew in each loop.
    const nest = (depth: number, last: Value): Value => {
      const parameters = [0, 1, 2, 3, 4, 5].map(() => regionArgument('i32', []))
      const end = parameters[5]!
      const inner = depth === 0 ? end : nest(depth - 1, end)
      const nexts = [n, ...parameters.slice(0, 4), b.binary('add', parameters[4]!, inner)]
      return b.while({
        trips: 1,
        iteration: regionArgument('i32', []),
        carried: parameters.map((p, i) => ({ initial: i < 5 ? one : last, argument: p, next: nexts[i]! })),
        scanInputs: [],
        scanOutputs: [],
      }).carried[5]!
    }
    const graph = graphOf([n], [nest(16, one)])
    expectEachSample(graph, ints(2, 5), all)
  })
})

/** 2^k · p beyond 30: without end for p = 0, and for 2^k · p = 64, which is left out. */
function doublingUnlike(p: Value): Value {
  const q = regionArgument('i32', [])
  const next = b.binary('add', q, q)
  const goesOn = (v: Value): Value => b.binary('or', less(v, b.scalar(30, 'i32')), less(b.scalar(39, 'i32'), p))
  return b.while({
    trips: unboundedTrips,
    iteration: regionArgument('i32', []),
    condition: { initial: goesOn(p), next: goesOn(next) },
    carried: [{ initial: p, argument: q, next }],
    scanInputs: [],
    scanOutputs: [],
  }).carried[0]!
}

describe('branches over a batch', () => {
  const branches = (condition: Value, x: Value, n: Value): readonly Value[] => {
    const sum = b.reduce('add', x, [0])
    const then = [b.binary('add', x, b.convert(n, 'f32')), b.full(1, 'f32', [2])]
    const otherwise = [b.binary('mul', x, sum), b.slice(x, [0], [2])]
    const outside = new Set([x, n, condition, sum])
    return b.if(condition, then, otherwise, (v) => outside.has(v))
  }

  it.each([['n'], ['x'], ['c'], ['n', 'c'], ['x', 'c'], ['x', 'n', 'c']])('%s %s %s', async (...names) => {
    const random = new Random(3)
    const [c, x, n] = [inputOf('c', 'bool', []), inputOf('x', 'f32', [3]), int('n')]
    const results = branches(c, x, n)
    const graph = graphOf([c, x, n], results)
    const batched = new Set(names.filter(Boolean))
    for (const flag of [0, 1]) {
      let k = flag
      const samples = drawSamples(graph, 3, batched, ({ dtype, shape }) =>
        dtype === 'bool' ? tensorOf('bool', [], [k++ % 2]) : randomTensor(random, dtype, shape),
      )
      expectEachSample(graph, samples, batched)
    }
    const made = batch(graph, 3, batched)
    expect(nodesOf(made.graph).some((node) => node.op === 'if')).toBe(!batched.has('c'))
  })

  it('do not begin loops that no sample, or not this one, reaches', async () => {
    const n = int('n')
    const enough = less(n, b.scalar(100, 'i32'))
    // Endless where n is not positive.
    const [iteration, p] = [regionArgument('i32', []), regionArgument('i32', [])]
    const next = b.binary('add', p, n)
    const loop = (initial: Value, until: Value): Value =>
      b.while({
        trips: unboundedTrips,
        iteration,
        condition: { initial: less(initial, until), next: less(next, until) },
        carried: [{ initial, argument: p, next }],
        scanInputs: [],
        scanOutputs: [],
      }).carried[0]!
    const positive = b.binary('gt', n, b.scalar(0, 'i32'))
    const [y] = b.if(positive, [loop(n, b.scalar(20, 'i32'))], [n], (v) => v === n)
    const [z] = b.if(enough, [y!], [n], (v) => v === n || v === y)
    const graph = graphOf([n], [z!])
    const samples = ints(3, 0, -4, 19)
    expectEachSample(graph, samples, all)
    await expectCompiled(graph, samples, all)

    // The same loop in a branch that samples share, in one that they do not.
    const m = int('m')
    const [inner] = b.if(less(m, one), [loop(n, b.scalar(20, 'i32'))], [m], (v) => v === n || v === m)
    const [either] = b.if(positive, [inner!], [n], (v) => v === n || v === m)
    const nested = graphOf([n, m], [either!])
    const some = ints(3, 0, -4).map((sample) => ({ ...sample, m: tensorOf('i32', [], [0]) }))
    expectEachSample(nested, some, all)
    await expectCompiled(nested, some, all)

    // A condition that samples share, in a branch that none of them takes.
    const [k, steps] = [regionArgument('i32', []), regionArgument('i32', [])]
    const after = b.binary('add', steps, m)
    const endless = b.while({
      trips: unboundedTrips,
      iteration: k,
      condition: { initial: less(m, one), next: less(after, one) },
      carried: [{ initial: m, argument: steps, next: after }],
      scanInputs: [],
      scanOutputs: [],
    }).carried[0]!
    const [w] = b.if(positive, [b.binary('add', endless, n)], [n], (v) => v === n || v === m)
    const shared = graphOf([n, m], [w!])
    const none = ints(0, -1).map((sample) => ({ ...sample, m: tensorOf('i32', [], [0]) }))
    expectEachSample(shared, none, all)
    await expectCompiled(shared, none, all)
  })
})

describe('what cannot be batched', () => {
  const codeOf = (body: () => unknown): unknown => {
    try {
      body()
    } catch (error) {
      return error instanceof CompileError ? error.diagnostics[0]!.code : error
    }
    return undefined
  }

  it('is said', () => {
    const n = int('n')
    const x = inputOf('x', 'f32', [3])
    const graph = graphOf([n, x], [b.binary('add', x, b.convert(n, 'f32'))])
    expect(codeOf(() => batch(graph, 0))).toBe('A501')
    expect(codeOf(() => batch(graph, 1.5))).toBe('A501')
    expect(codeOf(() => batch(graph, 2, new Set(['y'])))).toBe('A501')
    expect(() => batch(graph, 2).value(int('n'))).toThrow(TypeError)
    const extents = [{ axis: 0, count: 'count' }]
    const limited: Graph = {
      ...graph,
      outputs: [
        { name: 'y', value: x, extents },
        { name: 'count', value: n },
      ],
    }
    expect(codeOf(() => batch(limited, 2))).toBe('A850')
    expect(batch(limited, 2, new Set(['x'])).graph.outputs[0]!.extents).toEqual([{ axis: 1, count: 'count' }])
    const tables = (['f32', 'i32', 'i32', 'u8', 'i32'] as const).map((dtype, i) =>
      inputOf(`t${i}`, dtype, i === 2 ? [1, 2] : [1]),
    )
    const [thresholds, features, next, missing, roots] = tables as [Value, Value, Value, Value, Value]
    const rows = inputOf('rows', 'f32', [2, 1])
    const trees = b.decisionTrees(rows, { thresholds, features, next, missing, roots })
    expect(codeOf(() => batch(graphOf([rows, ...tables], [trees]), 2, new Set(['t0'])))).toBe('A850')
  })

  it('values that no sample changes stay themselves', () => {
    const [n, x] = [int('n'), inputOf('x', 'f32', [3])]
    const twice = b.binary('add', x, x)
    const graph = graphOf([n, x], [b.binary('add', twice, b.convert(n, 'f32')), twice])
    const { value, graph: made } = batch(graph, 4, all)
    expect(value(twice)).toEqual({ value: twice, batched: false })
    expect(made.outputs.map((port) => port.value.type.shape)).toEqual([[4, 3], [3]])
    expect(allNodesOf(made)).toContain(twice.node)
  })

  it('values can be replaced in the batch, those that are only seen differently too', () => {
    const x = inputOf('x', 'f32', [1, 4])
    const twice = b.binary('add', x, x)
    // A dropout's place: a reshape that keeps the shape.
    const [place] = createNode('reshape', [twice], { shape: [1, 4] }, undefined).results as [Value]
    const flat = b.reshape(place, [4])
    const graph = graphOf([x], [twice, place, flat, b.binary('sub', twice, place), b.reshape(flat, [2, 2])])
    const made = batch(graph, 2)
    const { value } = made.value(place)
    expect(value.type.shape).toEqual([2, 1, 4])
    const other = made.replacing(new Map([[place, b.binary('add', made.value(twice).value, b.scalar(1, 'f32'))]]))
    verify(other)
    const results = evaluate(other, { x: tensorOf('f32', [2, 1, 4], [1, 2, 3, 4, 5, 6, 7, 8]) })
    const doubled = [2, 4, 6, 8, 10, 12, 14, 16]
    const more = doubled.map((v) => v + 1)
    expect(Object.values(results).map(toNumbers)).toEqual([doubled, more, more, doubled.map(() => -1), more])
  })
})
