import { afterAll, describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { bytesOf, tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import type { Sparsity } from '../../compiler/core/artefact/artefact.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { convolutionOf, weightShape, type Form } from '../support/convolution.ts'
import { expectSameBytes, jobOf } from '../support/engines/jobs.ts'
import { poisoned } from '../support/poisoned.ts'
import { Random } from '../support/random.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { runOver } from '../support/engines/run-over.ts'

const b = new Builder(undefined)
const random = new Random(5)
const engines = await relaxedEngines(false)
afterAll(() => engines.forEach((engine) => engine.close()))

/** Small integers: no sum of their products is rounded, in any order. */
const whole = (shape: readonly number[], most: number): Tensor =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: elementCount(shape) }, () => random.int(2 * most + 1) - most),
  )

/** Weights of which `share` are zero, the same for `together` neighbours along the outputs' axis, the first. */
function thin(shape: readonly number[], share: number, together: number): Tensor {
  const [outputs, ...rest] = shape
  const inner = elementCount(rest)
  const kept = Array.from({ length: Math.ceil(outputs! / together) * inner }, () => random.float() >= share)
  const values = Array.from({ length: outputs! * inner }, (_, i) => {
    const at = Math.floor(Math.floor(i / inner) / together) * inner + (i % inner)
    return kept[at] ? (1 + random.int(3)) * (random.int(2) ? 1 : -1) : 0
  })
  return tensorOf('f32', shape, values)
}

const contraction = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [1] }

type Site = readonly [x: readonly number[], product: (x: Value, together: number) => Value]

const layer = (M: number, K: number, N: number, share = 0.75): Site => [
  [M, K],
  (x, together) => b.dotGeneral(x, b.constant(thin([N, K], share, together)), contraction),
]

const convolution = (form: Form, share = 0.75): Site => [
  form.x,
  (x, together) => convolutionOf(x, form, 0, b.constant(thin(weightShape(form), share, together))),
]

const sites: Readonly<Record<string, Site>> = {
  'one row': layer(1, 300, 93),
  'two rows': layer(2, 200, 96),
  'a few rows': layer(5, 200, 90),
  'rows, tiles and a rest': layer(35, 66, 70),
  'gaps beyond a delta': layer(9, 1300, 90, 0.99),
  'gaps beyond a delta in one row': layer(1, 1300, 181, 0.99),
  'pixels across the ends of rows': convolution({ x: [1, 5, 7, 65], kernel: [1, 1], outputs: 46 }),
  'pixels by two': convolution({ x: [1, 9, 11, 64], kernel: [1, 1], outputs: 44, stride: 2 }),
  images: convolution({ x: [3, 3, 6, 80], kernel: [1, 1], outputs: 84 }),
  '3 × 3': convolution({ x: [1, 6, 9, 19], kernel: [3, 3], outputs: 26, pad: 1 }),
  'dilated 3 × 2 by two': convolution({ x: [1, 11, 9, 30], kernel: [3, 2], outputs: 48, stride: 2, dilation: 2 }),
  'one axis': convolution({ x: [1, 40, 24], kernel: [5], outputs: 30, pad: 2 }),
}

/** What stands behind a product: nothing; a bias and a clamp; a second operand beside it and a border around the result. */
const endings: Readonly<Record<string, (y: Value) => Value>> = {
  nothing: (y) => y,
  'bias and clamp': (y) =>
    b.map([y, b.constant(whole([y.type.shape.at(-1)!], 9))], (e, c) => f.min(f.max(f.add(e!, c!), 0), 6)),
  residual: (y) => b.binary('max', b.binary('add', y, b.constant(whole(y.type.shape, 9))), b.scalar(-3, 'f32')),
  'a border': (y) => {
    const { shape } = y.type
    if (shape.length !== 4) return y
    const form: Form = { x: shape, kernel: [3, 3], outputs: shape[3]!, groups: shape[3]!, pad: 1 }
    return convolutionOf(b.unary('abs', y), form, 0, b.constant(whole(weightShape(form), 2)))
  },
}

const compileWith = (graph: ReturnType<typeof graphOf>, sparse: Sparsity) => compileGraph(graph, { sparse })

const isSparse = (kernel: string): boolean => kernel.startsWith('f32_spm')

describe('sparse products give what the evaluator does', () => {
  const cases = Object.entries(sites).flatMap(([name, site], i) =>
    [4, 1].map((together, j) => ({ name, site, together, way: Object.keys(endings)[(i + j) % 4]! })),
  )
  it.each(cases)('$name, blocks of $together, $way', async ({ site: [shape, product], together, way }) => {
    const x = inputOf('x', 'f32', shape)
    const graph = graphOf([x], [endings[way]!(product(x, together))])
    const inputs = { x: whole(shape, 4) }
    const expected = Object.values(evaluate(graph, inputs))
    const compiled = await compileWith(graph, 'size')
    const sparse = compiled.report.kernels.map(({ kernel }) => kernel).filter(isSparse)
    expect(sparse).toEqual([expect.stringMatching(new RegExp(`_\\d+x${together}$`))])
    const job = (target: 'simd' | 'relaxed-simd') => jobOf(compiled, target, inputs)
    expectSameBytes(runOver(job('simd')), expected.map(bytesOf), 'simd')
    for (const engine of engines)
      expectSameBytes(await engine.run(job('relaxed-simd')), expected.map(bytesOf), engine.name)
    const { run } = await poisoned(schedule(runPasses(graph), [], { sparsity: 'size' }))
    expect(Object.values(run(inputs)).map(({ data }) => data)).toEqual(expected.map(({ data }) => data))
  })

  it('without any weight', async () => {
    const x = inputOf('x', 'f32', [64, 64])
    const y = b.dotGeneral(x, b.constant(thin([64, 64], 1, 1)), contraction)
    const compiled = await compileWith(graphOf([x], [y]), 'size')
    expect(compiled.report.kernels.map(({ kernel }) => kernel)).toEqual(['f32_spmm_8x4'])
    const [[sums]] = runOver(jobOf(compiled, 'simd', { x: whole([64, 64], 4) })) as [[Uint8Array]]
    expect(sums.every((byte) => byte === 0)).toBe(true)
  })
})

describe('zeros that are left out are zeros times infinities and NaN', () => {
  const some = ['two rows', 'rows, tiles and a rest', 'pixels across the ends of rows', '3 × 3', 'gaps beyond a delta']
  it.each(some.flatMap((name) => [4, 1].map((together) => ({ name, together }))))(
    '$name, blocks of $together',
    async ({ name, together }) => {
      const [shape, product] = sites[name]!
      const x = inputOf('x', 'f32', shape)
      const graph = graphOf([x], [product(x, together)])
      const input = whole(shape, 4)
      // All in the first half of the rows or pixels, so that others stay finite.
      const places = elementCount(shape) >> 1
      for (const v of [Infinity, NaN, -Infinity, Infinity]) input.data[random.int(places)] = v
      const [actual, expected] = await Promise.all(
        (['size', 'off'] as const).map(async (sparse) => {
          const runs = runOver(jobOf(await compileWith(graph, sparse), 'simd', { x: input }))
          return new Float32Array(runs[1]![0]!.slice().buffer)
        }),
      )
      expect(expected!.some(Number.isNaN)).toBe(true)
      expect(expected!.some(Number.isFinite)).toBe(true)
      // −0 may be 0, as sums of terms that are zero tell them apart.
      expect(actual!.map((v) => v + 0)).toEqual(expected!.map((v) => v + 0))
    },
  )
})
