import { afterAll, describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { convolutionOf, weightShape, type Form } from '../support/convolution.ts'
import { expectSameBytes, jobOf } from '../support/engines/jobs.ts'
import { Random } from '../support/random.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { runOver } from '../support/engines/run-over.ts'

const b = new Builder(undefined)
const random = new Random(3)
const engines = await relaxedEngines(false)
afterAll(() => engines.forEach((engine) => engine.close()))

const channels = 16
const floats = (shape: readonly number[]): number[] =>
  Array.from({ length: elementCount(shape) }, () => Math.fround(random.float() * 2 - 1))

/** Rows and columns of the input, and output channels: of one band and of several, with a last block that is full and one that is not. */
const sizes: readonly (readonly [string, number, number, number])[] = [
  ['f32_winograd_2x2', 16, 32, 24],
  ['f32_winograd_2x2', 12, 40, 21],
  ['f32_winograd_4x4', 18, 30, 24],
  ['f32_winograd_4x4', 26, 62, 17],
  ['f32_winograd_4x4', 26, 62, 9],
]

/** One convolution by Winograd, and the same without its last row: an odd number of rows has no tiles. */
function graph([, rows, columns, outputs]: (typeof sizes)[number], y: (x: Value, form: Form, w: Value) => Value) {
  const form: Form = { x: [1, rows, columns, channels], kernel: [3, 3], outputs }
  const shape = weightShape(form)
  const w = b.constant(tensorOf('f32', shape, floats(shape)))
  const x = inputOf('x', 'f32', form.x)
  const less = b.slice(x, [0, 0, 0, 0], [1, rows - 1, columns, channels])
  return graphOf([x], [y(x, form, w), y(less, form, w)])
}

/** Values at random places. */
const cases: Readonly<Record<string, readonly number[]>> = {
  'ordinary numbers': [],
  'an infinity': [Infinity],
  'infinities of both signs': [Infinity, -Infinity, Infinity, -Infinity, -Infinity],
  NaN: [NaN, NaN],
  'both, and the largest number': [Infinity, NaN, 3.4e38],
  'large numbers': Array.from({ length: 60 }, (_, i) => (i % 2 ? -2e38 : 2e38)),
}

describe.each(sizes)('%s: %i × %i pixels, %i channels', (...size) => {
  const [template, rows, columns] = size
  it.each(Object.entries(cases))('gives what direct convolution does: %s', async (_, values) => {
    const sum = (x: Value, form: Form, w: Value): Value => convolutionOf(x, form, 0, w)
    const residual = (x: Value, form: Form, w: Value): Value => {
      const y = sum(x, form, w)
      const { shape } = y.type
      const beside = b.broadcast(b.slice(x, [0, 1, 1, 0], [1, shape[1]!, shape[2]!, 1]), shape)
      return b.binary('max', b.binary('add', y, b.unary('abs', beside)), b.scalar(-1, 'f32'))
    }
    for (const y of [sum, residual]) {
      const compiled = await compileGraph(graph(size, y))
      const kernels = compiled.report.kernels.map(({ kernel }) => kernel)
      expect(kernels).toEqual(expect.arrayContaining([template, 'f32_igemm_4x8']))
      const data = floats([rows, columns, channels])
      // All in the upper left quarter: others' windows hold none.
      for (const v of values) data[(random.int(7) * columns + random.int(15)) * channels + random.int(channels)] = v
      const inputs = { x: tensorOf('f32', [1, rows, columns, channels], data) }
      const runs = [runOver(jobOf(compiled, 'simd', inputs))]
      for (const engine of engines) runs.push(await engine.run(jobOf(compiled, 'relaxed-simd', inputs)))
      for (const [tiles, direct] of runs.flat().map((each) => each.map((o) => new Float32Array(o.slice().buffer)))) {
        const wrong = direct!.findIndex((v, i) => {
          const u = tiles![i]!
          // Sums of another order need not overflow.
          if (Math.abs(u) > 1e38 && v === Math.sign(u) * Infinity) return false
          if (!Number.isFinite(v) || !Number.isFinite(u)) return !Object.is(u, v)
          return Math.abs(v) < 1e3 && Math.abs(u - v) > 1e-4
        })
        if (wrong >= 0) expect.fail(`element ${wrong} is ${tiles![wrong]}, not ${direct![wrong]}`)
        const special = values.length > 0
        expect(direct!.some((v) => !Number.isFinite(v) || Math.abs(v) > 1e30)).toBe(special)
        expect(direct!.filter((v) => Math.abs(v) < 1e3).length).toBeGreaterThan(direct!.length / 2)
      }
    }
  })
})

describe('a ragged last block of weights and biases that are known at run time only', () => {
  it.each([
    ['f32_winograd_2x2', 14, 18],
    ['f32_winograd_4x4', 18, 30],
  ])('%s: what stands beyond the last channel changes nothing', async (template, rows, columns) => {
    const form: Form = { x: [1, rows, columns, channels], kernel: [3, 3], outputs: 13 }
    const shapes = { x: form.x, w: weightShape(form), bias: [13] }
    const [x, w, bias] = Object.entries(shapes).map(([name, shape]) => inputOf(name, 'f32', shape))
    const y = b.binary('add', convolutionOf(x!, form, 0, w!), b.broadcast(bias!, [1, rows - 2, columns - 2, 13]))
    const compiled = await compileGraph(graphOf([x!, w!, bias!], [y]))
    expect(compiled.report.kernels.map(({ kernel }) => kernel)).toContain(template)
    const inputs = Object.fromEntries(
      Object.entries(shapes).map(([name, shape]) => [name, tensorOf('f32', shape, floats(shape))]),
    )
    const runs = runOver(jobOf(compiled, 'simd', inputs))
    expectSameBytes(runs, runs[0]!, 'simd')
    for (const engine of engines) {
      const relaxed = await engine.run(jobOf(compiled, 'relaxed-simd', inputs))
      expectSameBytes(relaxed, relaxed[0]!, engine.name)
    }
  })
})
