import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { evaluateValues } from '../../compiler/core/evaluate.ts'
import type { Value } from '../../compiler/core/graph.ts'
import type { DotGeneralAttrs } from '../../compiler/core/ops/dot-general.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import { expectGradients } from '../support/differences.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)
const indices = (dtype: DType, shape: readonly number[], values: readonly number[]): Value =>
  b.constant(tensorOf(dtype, shape, values))

/** Gradient of Σ 10ⁱ yᵢ by x: tells which element of y each element of x goes to. */
function traced(x: Value, y: Value, values: readonly number[]): number[] {
  const powers = indices(
    'f32',
    y.type.shape,
    values
      .concat(Array(99).fill(0))
      .slice(
        0,
        y.type.shape.reduce((p, d) => p * d, 1),
      )
      .map((_, i) => 10 ** i),
  )
  const loss = b.reduce(
    'add',
    b.binary('mul', y, powers),
    y.type.shape.map((_, i) => i),
  )
  const [dx] = gradients(loss, [x])
  return toNumbers(evaluateValues([dx!], new Map([[x, tensorOf('f32', x.type.shape, values)]]))[0]!)
}

describe('views', () => {
  const x = inputOf('x', 'f32', [3, 4, 5])
  const v = inputOf('v', 'f32', [])
  it.each<[string, () => Value]>([
    ['reshape', () => b.reshape(x, [12, 5])],
    ['transpose', () => b.transpose(x, [2, 0, 1])],
    ['broadcast_in_dim', () => b.broadcastInDim(b.reshape(x, [3, 1, 20]), [3, 2, 20, 2], [0, 1, 2])],
    ['slice', () => b.slice(x, [0, 1, 2], [3, 2, 3])],
    ['slice by steps', () => b.slice(x, [0, 1, 0], [2, 2, 3], [2, 2, 2])],
    ['slice backwards', () => b.slice(x, [2, 1, 4], [2, 3, 2], [-2, 1, -3])],
    ['slice of one by a step that leaves the axis', () => b.slice(x, [0, 1, 2], [1, 2, 1], [-2, 2, 7])],
    ['slice of none', () => b.slice(x, [0, 1, 2], [1, 0, 1])],
    ['pad', () => b.pad(x, v, [1, 0, 2], [0, 0, 3])],
    ['concatenate', () => b.concatenate([x, b.pad(x, v, [0, 0, 0], [0, 2, 0]), x], 1)],
  ])('%s', (_, make) => {
    expectGradients(graphOf([x, v], [make()]), new Random(1))
  })
})

describe('reductions', () => {
  const axes = [[1], [0, 2], [1, 2], [2, 1], [0, 1, 2]]
  it.each(['add', 'mul', 'max', 'min'] as const)('%s', (kind) => {
    const x = inputOf('x', 'f32', [3, 4, 5])
    for (const over of axes) expectGradients(graphOf([x], [b.reduce(kind, x, over)]), new Random(1))
  })

  it('a product with zeros among its factors', () => {
    const x = inputOf('x', 'f32', [3, 3])
    expect(traced(x, b.reduce('mul', x, [1]), [2, 3, 4, 0, 3, 4, 0, 0, 4])).toEqual([12, 8, 6, 120, 0, 0, 0, 0, 0])
  })

  it('the first of equal ones has the gradient of an extreme', () => {
    const x = inputOf('x', 'f32', [2, 3])
    expect(traced(x, b.reduce('max', x, [1]), [1, 2, 2, 3, 3, 3])).toEqual([0, 1, 0, 10, 0, 0])
    expect(traced(x, b.reduce('min', x, [0]), [1, 2, 2, 3, 2, 1])).toEqual([1, 10, 0, 0, 0, 100])
    expect(traced(x, b.reduce('max', x, [0, 1]), [1, 2, 3, 3, 3, 3])).toEqual([0, 0, 1, 0, 0, 0])
  })

  it('of no elements', () => {
    const x = inputOf('x', 'f32', [2, 0])
    expect(gradients(b.reduce('add', b.reduce('add', x, [1]), [0]), [x])[0]!.type).toEqual(x.type)
  })
})

describe('products', () => {
  const none = { lhsBatch: [], rhsBatch: [] }
  it.each<[number[], number[], DotGeneralAttrs]>([
    [[4, 3], [3, 5], { ...none, lhsContract: [1], rhsContract: [0] }],
    [[3, 4], [5, 3], { ...none, lhsContract: [0], rhsContract: [1] }],
    [[3], [3], { ...none, lhsContract: [0], rhsContract: [0] }],
    [[3], [4], { ...none, lhsContract: [], rhsContract: [] }],
    [[2, 5, 3], [4, 3, 2], { lhsBatch: [0], rhsBatch: [2], lhsContract: [2], rhsContract: [1] }],
    [[2, 5, 3, 4], [4, 3, 2, 5], { lhsBatch: [1, 0], rhsBatch: [3, 2], lhsContract: [3, 2], rhsContract: [0, 1] }],
    [[2, 3, 4], [4, 6, 2, 5], { ...none, lhsContract: [2, 0], rhsContract: [0, 2] }],
  ])('%j · %j', (p, q, attrs) => {
    const x = inputOf('x', 'f32', p)
    const w = inputOf('w', 'f32', q)
    expectGradients(graphOf([x, w], [b.dotGeneral(x, w, attrs)]), new Random(1))
  })

  it('the gradient of a matrix, stored either way, needs no transpose', () => {
    const x = inputOf('x', 'f32', [7, 3])
    const all = (v: Value): Value => b.reduce('add', v, [0, 1])
    for (const flip of [false, true]) {
      const w = inputOf('w', 'f32', flip ? [5, 3] : [3, 5])
      const y = b.dotGeneral(x, w, { ...none, lhsContract: [1], rhsContract: [flip ? 1 : 0] })
      for (const gradient of gradients(all(b.binary('mul', y, y)), [x, w])) expect(gradient.node.op).toBe('dot_general')
    }
  })
})

describe('gather', () => {
  it.each<DType>(['i32', 'i64', 'u8'])('rows of a table, some often, some never, indices %s', (dtype) => {
    const x = inputOf('x', 'f32', [300, 3])
    const rows = indices(dtype, [2, 3], [0, 2, 2, 255, 1, 255])
    expectGradients(graphOf([x], [b.take(x, rows, 0)]), new Random(1), { most: 900 })
  })

  it('along another axis', () => {
    const x = inputOf('x', 'f32', [2, 5, 3])
    expectGradients(graphOf([x], [b.take(x, indices('i32', [4], [4, 0, 4, 1]), 1)]), new Random(1))
  })

  it('what was clamped goes to where it came from', () => {
    const x = inputOf('x', 'f32', [3])
    expect(traced(x, b.take(x, indices('i32', [4], [-7, 1, 3, 100]), 0), [0, 0, 0])).toEqual([1, 10, 1100])
    expect(traced(x, b.take(x, indices('u8', [2], [255, 1]), 0), [0, 0, 0])).toEqual([0, 10, 1])
  })

  it('batches, windows and vectors of indices', () => {
    const x = inputOf('x', 'f32', [2, 5, 4, 3])
    const places = indices('i32', [6, 2, 2], [0, 0, 9, 1, 1, 1, 2, -5, 3, 2, 1, 0, 2, 2, 0, 1, 1, 0, 3, 3, 2, 1, 4, 0])
    const y = b.gather(x, places, {
      offsetDims: [2, 3],
      collapsedSliceDims: [1],
      operandBatchingDims: [0],
      startIndicesBatchingDims: [2],
      startIndexMap: [1, 2],
      indexVectorDim: 1,
      sliceSizes: [1, 1, 2, 3],
    })
    expectGradients(graphOf([x], [y]), new Random(1), { most: 120 })
  })
})

describe('scatter', () => {
  const attrs = {
    updateWindowDims: [1],
    insertedWindowDims: [0],
    inputBatchingDims: [],
    scatterIndicesBatchingDims: [],
    scatterDimsToOperandDims: [0],
    indexVectorDim: 1,
  }
  const x = inputOf('x', 'f32', [4, 3])
  const u = inputOf('u', 'f32', [6, 3])
  // Some places twice, some beside the operand.
  const places = indices('i32', [6, 1], [2, -1, 0, 2, 4, 2])

  it.each(['set', 'add', 'max', 'min'] as const)('%s', (kind) => {
    expectGradients(graphOf([x, u], [b.scatter(x, places, u, { ...attrs, kind })]), new Random(1))
  })

  it('of equal extremes the operand has it, then the first update', () => {
    const y = (kind: 'max' | 'min') => b.scatter(x, places, u, { ...attrs, kind })
    const [dx, du] = gradients(b.reduce('add', y('max'), [0, 1]), [x, u])
    const known = new Map([
      [x, tensorOf('f32', [4, 3], [1, 1, 1, 0, 0, 0, 0, 0, 5, 0, 0, 0])],
      [u, tensorOf('f32', [6, 3], Array<number>(18).fill(1))],
    ])
    const [ofX, ofU] = evaluateValues([dx!, du!], known).map(toNumbers)
    expect(ofX).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1])
    expect(ofU).toEqual([1, 1, 0, ...Array<number>(15).fill(0)])
  })

  it('of no updates, and into no elements', () => {
    const none = inputOf('none', 'f32', [0, 3])
    const unused = b.scatter(x, indices('i32', [0, 1], []), none, { ...attrs, kind: 'set' })
    const nowhere = b.scatter(none, places, u, { ...attrs, kind: 'set' })
    expectGradients(graphOf([x, none, u], [unused, nowhere]), new Random(1))
  })

  it('refuses products, and long windows along an axis that they move along', () => {
    const product = b.scatter(x, places, u, { ...attrs, kind: 'mul' })
    expect(() => gradients(b.reduce('add', product, [0, 1]), [x])).toThrow(/A801/)
    const v = inputOf('v', 'f32', [1, 2, 3])
    const long = b.scatter(x, indices('i32', [1, 1], [1]), v, {
      ...{ ...attrs, kind: 'add', updateWindowDims: [1, 2], insertedWindowDims: [] },
    })
    expect(() => gradients(b.reduce('add', long, [0, 1]), [v])).toThrow(/A801/)
  })
})

describe('orders', () => {
  const x = inputOf('x', 'f32', [3, 6, 2])
  it.each([false, true])('sort, descending %s', (descending) => {
    for (const axis of [0, 1, 2]) {
      expectGradients(graphOf([x], [b.sort(x, axis, descending)[0]]), new Random(1))
    }
  })

  it.each(['add', 'mul', 'max', 'min'] as const)('cumulate %s', (kind) => {
    for (const exclusive of [false, true]) {
      for (const reverse of [false, true]) {
        const y = b.slice(b.cumulate(x, { kind, axis: 1, exclusive, reverse }), [0, reverse ? 0 : 1, 0], [3, 5, 2])
        const whole = kind === 'add' || kind === 'mul' ? [b.cumulate(x, { kind, axis: 1, exclusive, reverse })] : []
        expectGradients(graphOf([x], [y, ...whole]), new Random(1))
      }
    }
  })

  it('running products over zeros, running extremes with ties', () => {
    const v = inputOf('v', 'f32', [4])
    const along = { axis: 0, exclusive: false, reverse: false }
    expect(traced(v, b.cumulate(v, { ...along, kind: 'mul' }), [2, 0, 3, 0])).toEqual([1, 2 * 10 + 6 * 100, 0, 0])
    expect(traced(v, b.cumulate(v, { ...along, kind: 'max' }), [1, 1, 2, 2])).toEqual([11, 0, 1100, 0])
    expect(traced(v, b.cumulate(v, { ...along, kind: 'min', reverse: true }), [1, 2, 2, 3])).toEqual([1, 0, 110, 1000])
  })
})
