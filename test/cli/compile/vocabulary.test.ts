import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { keptIds, rowLookup } from '../../../compiler/compress/vocabulary/lookup.ts'
import { Builder } from '../../../compiler/core/builder.ts'
import { evaluate } from '../../../compiler/core/evaluate.ts'
import { evaluator } from '../../../compiler/core/executor.ts'
import type { Graph } from '../../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import { importModel, pruneVocabulary, type ModuleSpec } from '../../../compiler/index.ts'
import type { PackageReport } from '../../../compiler/package/index.ts'
import { model, node, stored } from '../../onnx/build.ts'
import { commandLine } from '../../support/command-line.ts'
import { Random } from '../../support/random.ts'
import { expectModulesEqualEvaluated, graphOf, inputOf } from '../../support/run-graph.ts'

const random = new Random(11)
const floats = (shape: number[]) =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => random.float() - 0.5),
  )

const [rows, width, tokens] = [400, 8, 6]
const table = floats([rows, width])
const initializers = [stored('table', table), stored('v', floats([width, 3])), stored('w', floats([rows, width]))]
/** Two tables that are looked up by the same ids. */
const nodes = [
  'a = Gather(table, ids)',
  'b = Gather(w, ids)',
  'c = Add(a, b)',
  node('m = ReduceMean(c)', { attributes: { axes: [1] } }),
  'k = MatMul(m, v)',
]
const network = (...last: (string | ReturnType<typeof node>)[]) =>
  model({
    inputs: [`ids i64[1,${tokens}]`],
    outputs: ['scores f32[1,3]'],
    nodes: [...nodes, ...last],
    initializers: [...initializers, stored('shape', tensorOf('i64', [2], [1n, 3n]))],
  })
const plain = network('scores = Reshape(k, shape)')
/** Whose table is its output's, too. */
const tied = network(
  't = Transpose(table)',
  'u = MatMul(m, t)',
  'p = MatMul(u, table)',
  'q = MatMul(p, v)',
  'scores = Reshape(q, shape)',
)
/** Whose ids are numbers, too. */
const counted = network(
  node('f = Cast(ids)', { attributes: { to: 1 } }),
  node('n = ReduceSum(f)', { attributes: { keepdims: 0 } }),
  'q = Add(k, n)',
  'scores = Reshape(q, shape)',
)

const { at, out, err, attar } = commandLine()

/** Ids that the data reads: every ninth, in no order. */
const known = Array.from({ length: 45 }, (_, i) => (i * 9) % rows)
const idsOf = (count: number): number[] =>
  Array.from({ length: count * tokens }, () => known[random.int(known.length)]!)
const ids = (values: readonly number[]): Tensor => tensorOf('i64', [values.length / tokens, tokens], values.map(BigInt))
const read = ids([...known, ...idsOf(60)].slice(0, 60 * tokens))
const samples = Array.from({ length: 60 }, (_, i) => ({
  ids: ids(toNumbers(read).slice(i * tokens, (i + 1) * tokens)),
}))
const scores = (graph: Graph, values: readonly number[]): number[] =>
  toNumbers(evaluate(graph, { ids: ids(values) })['scores']!)

beforeAll(() => {
  writeFileSync(at('m.onnx'), plain)
  const labels = tensorOf(
    'i32',
    [60],
    [...Array(60).keys()].map((i) => i % 3),
  )
  writeFileSync(at('data.npz'), writeNpz({ ids: read, y: labels }))
  writeFileSync(at('ids.npz'), writeNpz({ ids: read }))
  writeFileSync(at('all.npz'), writeNpz({ ids: ids([...Array(402).keys()]) }))
  // Others, which the model was never shown.
  writeFileSync(at('other.npz'), writeNpz({ ids: ids(Array.from({ length: 20 * tokens }, (_, i) => (i * 7) % rows)) }))
})

it.each([1, 31, 32, 33, 400])('the row of an id is how many before it are kept, of %i ids', async (count) => {
  const kept = Uint8Array.from({ length: count }, () => (random.float() < 0.4 ? 1 : 0))
  const b = new Builder(undefined)
  const x = inputOf('x', 'i64', [count + 4])
  const graph = graphOf([x], [rowLookup(b, x, keptIds(b, kept), 1000)])
  const given = Array.from({ length: count + 4 }, (_, i) => i - 2)
  const rowOf = (id: number): number => (kept[id] ? kept.subarray(0, id).reduce((n, flag) => n + flag, 0) : 1000)
  const inputs = { x: tensorOf('i64', [count + 4], given.map(BigInt)) }
  const expected = given.map((id) => rowOf(Math.max(0, Math.min(count - 1, id))))
  expect(toNumbers(evaluate(graph, inputs)['y0']!)).toEqual(expected)
  await expectModulesEqualEvaluated(graph, inputs, [])
})

describe('a vocabulary that data tells', () => {
  const imported = importModel(plain)
  const prune = (unknown: number | 'mean') => pruneVocabulary(imported, { samples, unknown, executor: evaluator })
  const unseen = 5

  it('gives what it gave for ids that the data reads, wherever they count from', async () => {
    const { model: after } = await prune('mean')
    expect(after.vocabulary.tables).toMatchObject([
      { table: 'table', rows: { before: rows, after: known.length + 1 } },
      { table: 'w', rows: { before: rows, after: known.length + 1 } },
    ])
    for (const values of [known.slice(3, 9), known.slice(1, 7).map((id) => id - rows), [0, 0, 9, -400, -1000, -500]])
      expect(scores(after.graph, values)).toEqual(scores(imported.graph, values))
  })

  it('takes the mean of the rows that went for others, or the row of an id', async () => {
    const mean = await prune('mean')
    const gone = [...Array(rows).keys()].filter((id) => !known.includes(id))
    const others = gone.map((id) => scores(imported.graph, Array<number>(tokens).fill(id)))
    const expected = [0, 1, 2].map((i) => others.reduce((sum, each) => sum + each[i]! / gone.length, 0))
    scores(mean.model.graph, Array<number>(tokens).fill(unseen)).forEach((x, i) =>
      expect(x).toBeCloseTo(expected[i]!, 5),
    )
    const own = await prune(17)
    const values = [9, unseen, 17, 9, unseen, 18]
    expect(scores(own.model.graph, values)).toEqual(scores(imported.graph, [9, 17, 17, 9, 17, 18]))
  })

  it('is a smaller module, which is quantized and judged behind that', async () => {
    const args = ['--vocabulary', at('ids.npz'), '--val', at('other.npz'), '--quantize', 'weights']
    expect(await attar('compile', at('m.onnx'), '-o', at('small'), ...args), err.join('\n')).toBe(0)
    expect(await attar('compile', at('m.onnx'), '-o', at('large'), '--quantize', 'weights')).toBe(0)
    const bytes = (name: string): number => readFileSync(at(name, 'model.wasm')).length
    // Bytes before, floats of what is left, and one lookup for both tables.
    const gone = 2 * width * (rows - 4 * (known.length + 1))
    expect(bytes('large') - bytes('small')).toBeGreaterThan(gone - 500)
    const text = readFileSync(at('small', 'report.json'), 'utf8')
    const { vocabulary, quantization } = (JSON.parse(text) as PackageReport).compilation
    expect(vocabulary!.accuracy).toMatchObject({ metric: 'agreement', samples: 20 })
    expect(quantization!.accuracy!.quantized).toBeGreaterThan(0.9)
    expect(out.join('\n')).toMatch(/rows of table: 400 → 46[^]*other ids take the mean/)
  })

  it('writes a map of ids, and takes new ones', async () => {
    const args = ['--vocabulary', at('ids.npz'), '--vocabulary-map', at('map.json'), '--target', 'simd']
    const quantized = ['--quantize', 'int8', '--calib', at('data.npz'), '--check-ids', '--val', at('data.npz')]
    const json = ['--metric', 'agreement', '--json']
    expect(await attar('compile', at('m.onnx'), '-o', at('new'), ...args, ...quantized, ...json), err.join('\n')).toBe(
      0,
    )
    const { spec, report } = JSON.parse(out.join('\n')) as { spec: ModuleSpec; report: PackageReport['compilation'] }
    const { ids: olds, unknown } = (
      JSON.parse(readFileSync(at('map.json'), 'utf8')) as Record<string, { ids: number[]; unknown: number }>
    )['ids']!
    expect([olds, unknown]).toEqual([known.toSorted((a, b) => a - b), known.length])
    expect(spec.inputs[0]!.range).toEqual([0, known.length])
    expect(report.quantization!.accuracy!.quantized).toBeGreaterThan(0.9)
    const { newIds } = await prune('mean')
    const { model: after } = newIds()
    const values = [9, 18, unseen, 0, 27, unseen]
    const news = values.map((id) => (olds.includes(id) ? olds.indexOf(id) : unknown))
    const { model: before } = await prune('mean')
    expect(scores(after.graph, news)).toEqual(scores(before.graph, values))
  })

  it('goes into ONNX as onnxruntime runs it', async () => {
    const args = ['--vocabulary', at('ids.npz'), '--emit-onnx', at('v.onnx'), '--target', 'simd']
    expect(await attar('compile', at('m.onnx'), '-o', at('v'), ...args), err.join('\n')).toBe(0)
    expect(await attar('verify', at('v.onnx'), at('v'), '--val', at('other.npz')), out.join('\n')).toBe(0)
  })

  it('is kept before a training', async () => {
    const config = { model: 'm.onnx', data: { train: 'data.npz' }, vocabulary: true, train: { epochs: 1 } }
    writeFileSync(at('train.json'), JSON.stringify(config))
    expect(await attar('train', at('train.json'), '-o', at('trained'), '--json'), err.join('\n')).toBe(0)
    const { vocabulary, parameters } = JSON.parse(out.join('\n')) as {
      vocabulary: { tables: unknown[] }
      parameters: { all: number }
    }
    expect(vocabulary.tables).toHaveLength(2)
    expect(parameters.all).toBe((2 * (known.length + 1) + 3) * width)
    const { graph } = importModel(readFileSync(at('trained', 'model.onnx')), { dims: { batch: 1 } })
    expect(graph.outputs[0]!.value.type.shape).toEqual([1, 3])
    const outside = tensorOf(
      'i64',
      [60, tokens],
      toNumbers(read).map((id) => BigInt(id === 9 ? 999 : id)),
    )
    writeFileSync(
      at('outside.npz'),
      writeNpz({
        ids: outside,
        y: tensorOf(
          'i32',
          [60],
          [...Array(60).keys()].map((i) => i % 3),
        ),
      }),
    )
    const args = ['train', at('m.onnx'), '--train', at('outside.npz'), '--vocabulary', at('ids.npz'), '--unknown', '0']
    expect(await attar(...args, '-o', at('none'))).toBe(2)
    expect(err.join('\n')).toContain('is 999, outside of its table')
  })

  it.each<[string, Uint8Array, string[], string]>([
    ['tied', tied, [], 'takes all of it'],
    ['counted', counted, ['--vocabulary-map', at('no.json')], 'input "ids" is not only looked up'],
    ['outside', plain, ['--unknown', '400'], 'no row 400'],
    ['nothing', plain, ['--vocabulary', at('all.npz')], 'of its tables the data reads 400 of 400'],
  ])('refuses what cannot be: %s', async (name, bytes, more, message) => {
    writeFileSync(at(`${name}.onnx`), bytes)
    const vocabulary = more.includes('--vocabulary') ? more : ['--vocabulary', at('ids.npz'), ...more]
    expect(await attar('compile', at(`${name}.onnx`), '-o', at('none'), ...vocabulary)).toBe(2)
    expect(err.join('\n')).toContain(message)
  })
})
