import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { bytesOf, type Tensor } from '../../compiler/core/tensor.ts'
import { inverseDeviation, moments, scaleAndShift } from '../../compiler/onnx/shared/nn/normalize.ts'
import { logSoftmax, softmax } from '../../compiler/onnx/shared/nn/softmax.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import type { Kernel, Program, RowsKernel } from '../../compiler/schedule/program/program.ts'
import { fuseRows, type RowLimits } from '../../compiler/schedule/rows/fuse.ts'

import { moduleOf } from '../support/program.ts'
import { Random } from '../support/random.ts'
import { expectClose, graphOf, inputOf, randomTensor, runModule } from '../support/run-graph.ts'
import { expectSameBits } from '../support/same-bits.ts'

const b = new Builder(undefined)
/** Row by row, however little that saves. */
const always: RowLimits = { blockElements: 1, leastTraffic: 0, leastSaved: 0 }

/** Runs the graph nest by nest and row by row and expects the same bits, the evaluator's values; gives the latter's kernels. */
async function check(
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
  limits = always,
): Promise<readonly Kernel[]> {
  const apart = schedule(runPasses(graph))
  const byRows = fuseRows(apart, limits)
  const [before, after] = [await moduleOf(apart), await moduleOf(byRows)]
  const expected = runModule(before.wasm, before.spec, inputs)
  const actual = runModule(after.wasm, after.spec, inputs)
  const evaluated = evaluate(graph, inputs)
  for (const [name, tensor] of Object.entries(actual)) {
    expect(bytesOf(tensor)).toEqual(bytesOf(expected[name]!))
    expectClose(tensor, evaluated[name]!)
  }
  return byRows.kernels
}

const feedsOf = (graph: Graph): Record<string, Tensor> => {
  const random = new Random(7)
  return Object.fromEntries(
    graph.inputs.map(({ name, value }) => [name, randomTensor(random, value.type.dtype, value.type.shape)]),
  )
}

const checkGraph = (inputs: Value[], outputs: Value[], limits?: RowLimits): Promise<readonly Kernel[]> => {
  const graph = graphOf(inputs, outputs)
  return check(graph, feedsOf(graph), limits)
}

const rowsIn = (kernels: readonly Kernel[]): RowsKernel[] => kernels.filter((k) => k.kind === 'rows')
const rowExtents = ({ nests, depth }: RowsKernel): readonly number[] => nests[0]!.extents.slice(0, depth)

function layerNormalized(x: Value, scale?: Value, shift?: Value): Value {
  const { centered, variance } = moments(b, x, [x.type.shape.length - 1])
  return scaleAndShift(b, centered, inverseDeviation(b, variance, 1e-5), scale, shift)
}

/** Lengths of all buffers that the kernel's nests write. */
const lengths = ({ nests }: RowsKernel): number[] => nests.map((n) => n.write.buffer.length)

describe('row by row', () => {
  it.each([[[5, 7]], [[3, 4, 33]], [[2, 64]], [[9, 130]], [[2, 3, 5, 12]]])('softmax of %j', async (shape) => {
    const x = inputOf('x', 'f32', shape)
    const rows = rowsIn(await checkGraph([x], [softmax(b, b.unary('abs', x), [shape.length - 1])]))
    expect(rows).toHaveLength(1)
    expect(rowExtents(rows[0]!).reduce((p, d) => p * d)).toBe(shape.slice(0, -1).reduce((p, d) => p * d))
  })

  it.each([
    ['one row', [1, 40]],
    ['rows of one element', [40, 1]],
    ['one element', [1, 1]],
    ['no rows', [0, 5]],
  ])('%s', async (_, shape) => {
    const x = inputOf('x', 'f32', shape)
    await checkGraph([x], [softmax(b, x, [1]), logSoftmax(b, x, [1])])
  })

  it('softmax over axes that are not the last', async () => {
    const x = inputOf('x', 'f32', [3, 10, 9])
    await checkGraph([x], [softmax(b, x, [1]), softmax(b, x, [0])])
  })

  it.each([1, 2, 3, 5])('layer normalization in blocks of %d rows', async (together) => {
    const [x, scale, shift] = [inputOf('x', 'f32', [30, 11]), inputOf('g', 'f32', [11]), inputOf('h', 'f32', [11])]
    const limits = { ...always, blockElements: together * 11 }
    const rows = rowsIn(await checkGraph([x, scale, shift], [layerNormalized(x, scale, shift)], limits))
    expect(rows.map(rowExtents)).toEqual([[30 / together]])
    // Mean and deviation are a block's, the rest stands in the output.
    expect(rows.map(lengths)).toEqual([[together, 330, together, 330]])
  })

  it('leaves one block to the nests', async () => {
    const x = inputOf('x', 'f32', [30, 11])
    expect(rowsIn(await checkGraph([x], [softmax(b, x, [1])], { ...always, blockElements: 330 }))).toEqual([])
  })

  it('L2 and RMS normalization with operands of every broadcast', async () => {
    const x = inputOf('x', 'f32', [2, 6, 10])
    const [row, column, plane] = [inputOf('r', 'f32', [10]), inputOf('c', 'f32', [6, 1]), inputOf('p', 'f32', [6, 10])]
    const biased = b.binary('add', b.binary('mul', b.binary('add', x, plane), row), column)
    const squares = b.reduce('add', b.map([biased], f.square), [2], true)
    const l2 = b.binary('div', biased, b.unary('sqrt', squares))
    const rms = b.map([biased, squares, column], (e, q, c) => f.div(f.mul(e, c), f.sqrt(f.add(f.div(q, 10), 1e-5))))
    await checkGraph([x, row, column, plane], [l2, rms])
  })

  it('keeps whole what others read later', async () => {
    const x = inputOf('x', 'f32', [8, 12])
    const { mean, centered, variance } = moments(b, x, [1])
    const y = b.binary('mul', centered, inverseDeviation(b, variance, 1e-5))
    const later = b.reduce('add', centered, [0])
    await checkGraph([x], [y, later, mean])
    await checkGraph([x], [y, centered, variance])
  })

  it('overtakes kernels that have nothing to do with the rows', async () => {
    const [x, z, w] = [inputOf('x', 'f32', [6, 16]), inputOf('z', 'f32', [6, 16]), inputOf('w', 'f32', [16, 16])]
    const { centered, variance } = moments(b, x, [1])
    const product = b.dotGeneral(z, w, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
    const scaled = b.binary('mul', centered, inverseDeviation(b, variance, 1e-5))
    await checkGraph([x, z, w], [b.binary('add', scaled, b.unary('tanh', product)), product])
  })

  it('joins nests whose loops are merged differently', async () => {
    const x = inputOf('x', 'f32', [4, 6, 40])
    const mask = inputOf('m', 'f32', [4, 1, 40])
    const first = softmax(b, b.binary('add', x, mask), [2])
    const rows = rowsIn(await checkGraph([x, mask], [softmax(b, b.binary('add', first, mask), [2])]))
    expect(rows.map(rowExtents)).toEqual([[4, 6]])
  })

  it('does not join what reads other rows', async () => {
    const x = inputOf('x', 'f32', [7, 9])
    const centered = b.binary('sub', x, b.mean(x, [1], true))
    const shifted = b.binary('add', b.slice(centered, [0, 0], [6, 9]), b.slice(centered, [1, 0], [6, 9]))
    const columns = b.binary('sub', centered, b.mean(centered, [0], true))
    const transposed = b.binary(
      'mul',
      b.transpose(b.slice(centered, [0, 0], [7, 7]), [1, 0]),
      b.slice(centered, [0, 0], [7, 7]),
    )
    for (const y of [shifted, columns, transposed]) await checkGraph([x], [y])
    await checkGraph([x], [shifted, columns, transposed])
  })

  it('in the body of a loop', async () => {
    const x = inputOf('x', 'f32', [5, 9])
    const [iteration, state] = [inputOf('i', 'i32', []), inputOf('s', 'f32', [5, 9])]
    const next = softmax(b, b.binary('add', state, b.unary('abs', state)), [1])
    const { carried } = b.while({
      trips: 3,
      iteration,
      carried: [{ initial: x, argument: state, next }],
      scanInputs: [],
      scanOutputs: [],
    })
    const kernels = await checkGraph([x], carried.slice(0, 1))
    const loops = kernels.flatMap((k) => (k.kind === 'loop' ? k.body : []))
    expect(rowsIn(loops)).toHaveLength(1)
  })

  it('only where that saves traffic or memory', () => {
    const kindsOf = (shape: readonly number[]): string[] => {
      const x = inputOf('x', 'f32', shape)
      return schedule(runPasses(graphOf([x], [softmax(b, x, [1])]))).kernels.map((k) => k.kind)
    }
    expect(kindsOf([64, 64])).toEqual(['nest', 'nest', 'nest', 'nest'])
    expect(kindsOf([1024, 256])).toEqual(['rows'])
  })

  it.each(Array.from({ length: 6 }, (_, i) => i * 12))('random graphs from %d on', async (start) => {
    const lower = (graph: Graph): Program => schedule(runPasses(graph))
    await expectSameBits({ from: start, to: start + 12 }, lower, (program) => fuseRows(program, always))
  })
})
