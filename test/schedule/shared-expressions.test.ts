import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { mostParts, parts, type Expr } from '../../compiler/core/scalar/expr.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { regionArgument } from '../../compiler/core/region.ts'
import { inspectModule } from '../../compiler/inspect/index.ts'
import { softmax } from '../../compiler/onnx/shared/nn/softmax.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { innerKernels, type Kernel, type NestKernel } from '../../compiler/schedule/program/program.ts'
import { fuseRows } from '../../compiler/schedule/rows/fuse.ts'
import { f32 } from '../golden/change.ts'
import { moduleOf } from '../support/program.ts'
import { Random } from '../support/random.ts'
import { expectCompiledEqualsEvaluated, graphOf, inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)
const half = (x: Value): Value => b.binary('mul', x, b.scalar(0.5, 'f32'))

/** One step of a computation that uses what came before more than once. */
type Step = (y: Value, other: Value) => Value

const steps: Readonly<Record<string, Step>> = {
  'y + y': (y) => b.binary('add', half(y), y),
  'y + a (y² − y)': (y, a) => b.binary('add', y, b.binary('mul', a, b.binary('sub', b.binary('mul', y, y), y))),
  'y < a ? −y : y': (y, a) => b.select(b.binary('lt', y, a), b.unary('neg', y), y),
  'y / (1 + |y|)': (y) => b.binary('div', y, b.binary('add', b.unary('abs', y), b.scalar(1, 'f32'))),
}

const repeat = (step: Step, count: number, y: Value, other: Value): Value =>
  Array.from({ length: count }).reduce<Value>((value) => step(value, other), y)

async function codeBytes(graph: Graph): Promise<number> {
  const { modules } = await compileGraph(graph, { targets: ['simd'] })
  return inspectModule(modules.simd!).codeBytes
}

/** Expects the evaluator's values, and of `graphAt(steps)` as much code for the last two steps as for those before. */
async function expectLinear(graphAt: (steps: number) => Graph): Promise<void> {
  const [short, middle, long] = [await codeBytes(graphAt(3)), await codeBytes(graphAt(5)), await codeBytes(graphAt(7))]
  expect(long - middle).toBeLessThanOrEqual(middle - short + 16)
  await expectCompiledEqualsEvaluated(graphAt(7), new Random(3))
}

const leavesOf = (kernels: readonly Kernel[]): Kernel[] =>
  kernels.flatMap((k) => (k.kind === 'loop' || k.kind === 'branch' ? leavesOf(innerKernels(k)) : [k]))
const nestsOf = (graph: Graph): NestKernel[] =>
  leavesOf(schedule(runPasses(graph)).kernels).flatMap((k) =>
    k.kind === 'nest' ? [k] : k.kind === 'rows' ? k.nests : [],
  )
const largestPart = (nests: readonly NestKernel[]): number =>
  Math.max(...nests.flatMap((n) => [n.body, n.post.expr]).map((e) => parts(e).length))

const small = (name: string, shape: readonly number[] = [5, 8]): Value => inputOf(name, 'f32', shape)

describe.each(Object.entries(steps))('code of %s grows by what a step adds', (_, step) => {
  const x = small('x')
  const a = small('a')

  it('in vectors', () => expectLinear((n) => graphOf([x, a], [repeat(step, n, x, a)])))

  it('in scalars', () =>
    expectLinear((n) => {
      // Elements of other types than 32 bits have no vectors.
      const doubles = inputOf('d', 'f64', [5, 8])
      return graphOf([doubles, a], [b.convert(repeat(step, n, b.convert(doubles, 'f32'), a), 'f64')])
    }))

  it('in the body of a reduction and behind it', () =>
    expectLinear((n) => {
      const sum = b.reduce('add', repeat(step, n, x, a), [1])
      return graphOf([x, a], [repeat(step, n, sum, b.scalar(0.5, 'f32'))])
    }))

  it('behind a matrix product', () =>
    expectLinear((n) => {
      const w = f32(
        [8, 8],
        Array.from({ length: 64 }, (_, i) => ((i * 7) % 13) / 50 - 0.1),
      )
      const product = b.dotGeneral(x, w, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
      return graphOf([x, a], [repeat(step, n, product, a)])
    }))

  it('in the body of a loop', () =>
    expectLinear((n) => {
      const y = regionArgument('f32', [5, 8])
      const { carried } = b.while({
        trips: 2,
        iteration: regionArgument('i32', []),
        carried: [{ initial: x, argument: y, next: repeat(step, n, y, a) }],
        scanInputs: [],
        scanOutputs: [],
      })
      return graphOf([x, a], carried)
    }))

  it('in kernels that go over rows', async () => {
    const bytes = async (n: number): Promise<number> => {
      const graph = graphOf([x, a], [softmax(b, repeat(step, n, x, a), [1])])
      const program = fuseRows(schedule(runPasses(graph)), { blockElements: 1, leastTraffic: 0, leastSaved: 0 })
      expect(program.kernels.map((k) => k.kind)).toContain('rows')
      return inspectModule((await moduleOf(program)).wasm).codeBytes
    }
    const [short, middle, long] = [await bytes(3), await bytes(5), await bytes(7)]
    expect(long - middle).toBeLessThanOrEqual(middle - short + 16)
  })
})

describe('fused expressions', () => {
  const x = small('x')
  const a = small('a')
  const reversed = (y: Value): Value => b.slice(y, [4, 7], [5, 8], [-1, -1])

  it.each(Object.entries(steps))('have a bounded size: %s a thousand times', async (_, step) => {
    const graph = graphOf([x, a], [repeat(step, 1000, x, a)])
    const nests = nestsOf(graph)
    expect(largestPart(nests)).toBeLessThanOrEqual(mostParts)
    // Each as large as may be, or nearly so.
    expect(largestPart(nests)).toBeGreaterThan(mostParts / 2)
    expect(nests.length).toBeLessThan(100)
    expect(await codeBytes(graph)).toBeLessThan(12_000)
  })

  it('have a bounded size where views stand between maps', () => {
    const graph = graphOf([x, a], [repeat((y) => reversed(b.binary('add', y, b.scalar(0.1, 'f32'))), 300, x, a)])
    const sizes = nestsOf(graph)
    expect(largestPart(sizes)).toBeLessThanOrEqual(mostParts)
    expect(sizes.length).toBeLessThan(20)
  })

  it('may be larger where one node wants it', async () => {
    const tower = (e: Expr): Expr =>
      Array.from({ length: 300 }).reduce<Expr>((y, _, i) => f.add(f.mul(y, 0.5), i / 1000), e)
    await expectCompiledEqualsEvaluated(
      graphOf(
        [x],
        [
          b.unary(
            'neg',
            b.map([b.unary('abs', x)], (e) => tower(e!)),
          ),
        ],
      ),
      new Random(1),
    )
  })

  it('read once what several operands read at one place', () => {
    const apart = b.binary('mul', reversed(b.unary('neg', x)), reversed(b.unary('exp', x)))
    const [nest, ...others] = nestsOf(graphOf([x], [apart]))
    expect(others).toEqual([])
    expect(nest!.reads).toHaveLength(1)
    const elsewhere = b.binary('mul', reversed(b.unary('neg', x)), b.unary('exp', x))
    expect(nestsOf(graphOf([x], [elsewhere]))[0]!.reads).toHaveLength(2)
  })

  it.each(['f32', 'f64', 'i32', 'u8'] as const)(
    'load an operand of %s that they name twice once',
    async (dtype: DType) => {
      const squares = async (times: number): Promise<number> => {
        const y = inputOf('y', dtype, [64])
        const parts = (e: Expr): Expr => Array.from({ length: times }).reduce<Expr>((sum) => f.add(sum, f.mul(e, e)), e)
        return codeBytes(graphOf([y], [b.map([y], (e) => parts(e!))]))
      }
      // The square is one local: a step more is an addition of what is there.
      expect((await squares(9)) - (await squares(8))).toBeLessThanOrEqual(16)
    },
  )
})
