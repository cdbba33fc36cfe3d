import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { quantize } from '../../compiler/compress/index.ts'
import { Random } from '../support/random.ts'
import { expectClose, graphOf, inputOf, randomTensor, runModule } from '../support/run-graph.ts'

const b = new Builder(undefined)
const [rows, columns] = [203, 20]
const random = new Random(9)
const table = randomTensor(random, 'f32', [rows, columns])
const turnedOf = ({ shape: [first = 0, second = 0], data }: Tensor): Tensor =>
  tensorOf(
    'f32',
    [second, first],
    Array.from({ length: first * second }, (_, i) => data[(i % first) * second + Math.floor(i / first)] as number),
  )
const turned = turnedOf(table)
const ids = inputOf('ids', 'i64', [2, 2])
const idValues = tensorOf('i64', [2, 2], [0n, 202n, 7n, 1000n])

/** The report of a model, whose results are those of the reference. */
async function reportOf(inputs: Record<string, Tensor>, ports: readonly Value[], outputs: readonly Value[]) {
  const graph = graphOf(ports, outputs)
  const { modules, spec, report } = await compileGraph(graph, { targets: ['simd'] })
  const found = runModule(modules.simd!, spec, inputs)
  for (const [name, value] of Object.entries(evaluate(graph, inputs))) expectClose(found[name]!, value, 1e-4)
  return report
}

const multiplied = (x: Value, weights: Value, axis: number): Value =>
  b.dotGeneral(x, weights, { lhsBatch: [], rhsBatch: [], lhsContract: [x.type.shape.length - 1], rhsContract: [axis] })

/** Blocks of eight channels with the floats that their sums start from, and what aligns them and small constants. */
const once = (channels: number, terms: number): number => Math.ceil(channels / 8) * 8 * (terms + 1) * 4 + 128

describe('A table that is multiplied by as well', () => {
  const known = b.constant(table)
  const looked = b.take(known, ids, 0)
  const forms = {
    'as it is': multiplied(looked, known, 1),
    'stored again, transposed': multiplied(looked, b.constant(turned), 0),
    'stored again as it is': multiplied(
      looked,
      b.constant(tensorOf('f32', table.shape, [...table.data].map(Number))),
      1,
    ),
    'with scores that are scaled': b.binary('mul', multiplied(looked, known, 1), b.scalar(0.25, 'f32')),
  }
  it.each(Object.entries(forms))('stands once in the module, %s', async (_, result) => {
    expect((await reportOf({ ids: idValues }, [ids], [result])).weights).toBeLessThan(once(rows, columns))
  })

  it('stands once where its rows are the terms', async () => {
    const x = inputOf('x', 'f32', [3, rows])
    const inputs = { ids: idValues, x: randomTensor(random, 'f32', [3, rows]) }
    expect((await reportOf(inputs, [ids, x], [looked, multiplied(x, known, 0)])).weights).toBeLessThan(
      once(columns, rows),
    )
  })

  it('stays apart from another of its shape', async () => {
    const other = tensorOf('f32', table.shape, [...table.data.slice(0, -1)].map(Number).concat(1))
    const result = multiplied(looked, b.constant(other), 1)
    expect((await reportOf({ ids: idValues }, [ids], [result])).weights).toBeGreaterThan(2 * rows * columns * 4)
  })
})

describe('A table of integers that is multiplied by as well', () => {
  /** Weights of few products for a result have 8 bits; a lookup that shares them has as many. */
  const kinds = [
    { bits: 8, terms: 20, stored: 8 },
    { bits: 4, terms: 41, stored: 4 },
    { bits: 3, terms: 44, stored: 4 },
    { bits: 3, terms: 30, stored: 8 },
  ] as const
  type Kind = (typeof kinds)[number]
  /** Integers of whole steps of four, their scales for product and lookup, and what aligns them. */
  const bytesOnce = ({ terms, stored }: Kind): number =>
    (208 * Math.ceil(terms / 4) * 4 * stored) / 8 + 3 * 208 * 4 + 128
  const quantizedReport = async (x: Value, values: Tensor, { bits, terms, stored }: Kind, axis: number) => {
    const own = randomTensor(random, 'f32', [rows, terms])
    const known = b.constant(own)
    const looked = b.take(known, x, 0)
    const source = graphOf([x], [multiplied(looked, axis === 0 ? b.constant(turnedOf(own)) : known, axis), looked])
    const { graph, report } = await quantize(source, {
      ...{ mode: 'weights', bits, calibration: [], executor: compiledExecutor },
    })
    expect(report.layers.map((layer) => layer.bits)).toEqual(Array(2).fill(stored === 8 ? 8 : bits))
    return (
      await reportOf(
        { ids: values },
        [x],
        graph.outputs.map(({ value }) => value),
      )
    ).weights
  }
  const forms = [
    ['for many rows', [2, 2], [0n, 202n, 7n, 1000n]],
    ['for one row', [1], [1n]],
    ['for two rows', [1, 2], [201n, 6n]],
  ] as const
  it.each(kinds.flatMap((kind) => forms.map(([name, ...form]) => ({ ...kind, name, form }))))(
    'stands once in the module, of $bits bits asked for and $stored stored, $name',
    async ({ form: [shape, values], ...kind }) => {
      const x = inputOf('ids', 'i64', shape)
      const given = tensorOf('i64', shape, values)
      expect(await quantizedReport(x, given, kind, 1)).toBeLessThan(bytesOnce(kind))
      expect(await quantizedReport(x, given, kind, 0)).toBeLessThan(bytesOnce(kind))
    },
  )

  it.each([
    [4, 5],
    [8, 9],
    [32, 33],
  ])('has %i bits for lookup and product in a budget of %d bits a weight', async (bits, budget) => {
    const own = randomTensor(random, 'f32', [rows, 64])
    const x = inputOf('ids', 'i64', [1, 2])
    const looked = b.take(b.constant(own), x, 0)
    const calibration = [0n, 9n, 70n].map((id) => ({ ids: tensorOf('i64', [1, 2], [id, 202n - id]) }))
    const measure = async (graph: Graph): Promise<number> =>
      (await compileGraph(graph, { targets: ['simd'] })).report.weights
    const scales = 2 * 208 * 4 + 128
    const { report } = await quantize(graphOf([x], [multiplied(looked, b.constant(own), 1)]), {
      ...{ mode: 'weights', bits: 4, calibration, executor: compiledExecutor },
      maxSize: { bytes: (208 * 64 * budget) / 8 + scales, measure },
    })
    expect(report.layers.map((layer) => layer.bits)).toEqual([bits, bits])
  })
})

describe('A matrix that is multiplied by both ways round', () => {
  const x = inputOf('x', 'f32', [3, 43])
  const inputs = { x: randomTensor(random, 'f32', [3, 43]) }
  const w = randomTensor(random, 'f32', [43, 30])
  const back = tensorOf(
    'f32',
    [30, 43],
    Array.from({ length: 43 * 30 }, (_, i) => w.data[(i % 43) * 30 + Math.floor(i / 43)] as number),
  )
  it.each([
    ['in both forms', b.constant(back), 0],
    ['in one form', undefined, 1],
  ] as const)('stands once in the module where the model has it %s', async (_, decoder, axis) => {
    const encoder = b.constant(w)
    const hidden = b.unary('tanh', multiplied(x, encoder, 0))
    const result = multiplied(hidden, decoder ?? encoder, axis)
    const { weights, prepared } = await reportOf(inputs, [x], [result])
    expect(weights).toBeLessThan(once(30, 43) + 48 * 4)
    expect(prepared).toBe(48 * 30 * 4)
  })
})
