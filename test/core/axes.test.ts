import { describe, expect, it } from 'vitest'
import { arg, binary, unary } from '../../compiler/core/scalar/expr.ts'
import { facetsOf, ops, type AttrsOf, type OpName } from '../../compiler/core/ops/index.ts'
import type { Index, Kept, Place } from '../../compiler/core/ops/facets.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { positionsOf, valueAt } from '../../compiler/core/analysis/relation.ts'
import { walk, type Shape } from '../../compiler/core/shape.ts'
import { pick, reader, sameType, tensorOf, toNumbers, writer, zeros, type Tensor } from '../../compiler/core/tensor.ts'
import { Random } from '../support/random.ts'
import { randomTensor } from '../support/run-graph.ts'

const random = new Random(7)
const f32 = (...shape: number[]): Tensor => randomTensor(random, 'f32', shape)

interface Case {
  readonly op: OpName
  readonly operands: readonly Tensor[]
  readonly attrs: unknown
}

const of = <O extends OpName>(op: O, operands: readonly Tensor[], attrs: AttrsOf<O>): Case => ({ op, operands, attrs })
const one = trivialWindow
const nchw = { batch: 0, feature: 1, spatial: [2, 3] }
const conv = { lhs: nchw, rhs: { output: 0, input: 1, spatial: [2, 3] }, out: nchw }
const take = {
  collapsedSliceDims: [1],
  operandBatchingDims: [],
  startIndicesBatchingDims: [],
  startIndexMap: [1],
  indexVectorDim: 1,
}
const sum = binary('add', binary('mul', arg(0, 'f32'), arg(1, 'f32')), unary('abs', arg(1, 'f32')))

const cases: readonly Case[] = [
  of('map', [f32(2, 3, 4), f32(3, 1)], { expr: sum }),
  of('map', [f32(1, 4), f32(3, 1)], { expr: sum }),
  of('reduce', [f32(2, 3, 4)], { kind: 'add', axes: [1] }),
  of('argreduce', [f32(3, 4, 2)], { kind: 'max', axis: 1, last: false }),
  of('cumulate', [f32(3, 4, 2)], { kind: 'add', axis: 1, exclusive: false, reverse: false }),
  of('reduce_window', [f32(2, 5, 3)], { kind: 'add', window: [one, { ...one, size: 2, stride: 2, low: 1 }, one] }),
  of('reduce_window', [f32(4, 5)], {
    kind: 'max',
    window: [
      { ...one, high: 1 },
      { ...one, dilation: 2 },
    ],
  }),
  of('reshape', [f32(2, 3, 4)], { shape: [2, 12] }),
  of('reshape', [f32(6, 4, 1)], { shape: [2, 3, 1, 4] }),
  of('reshape', [f32(4, 2)], { shape: [2, 4] }),
  of('transpose', [f32(2, 3, 4)], { perm: [2, 0, 1] }),
  of('broadcast_in_dim', [f32(2, 1, 4)], { shape: [2, 3, 5, 4], dims: [0, 1, 3] }),
  of('slice', [f32(4, 5, 3)], { start: [0, 1, 2], shape: [4, 2, 3], strides: [1, 2, -1] }),
  of('pad', [f32(2, 3), tensorOf('f32', [], [9])], { low: [1, 0], high: [0, 2] }),
  of('concatenate', [f32(2, 3), f32(2, 1), f32(2, 2)], { axis: 1 }),
  of('gather', [f32(3, 4, 2), tensorOf('i32', [3], [2, 0, 2])], { ...take, offsetDims: [0, 2], sliceSizes: [3, 1, 2] }),
  of('gather', [f32(3, 4, 2), tensorOf('i32', [3], [2, 0, 2])], { ...take, offsetDims: [0, 2], sliceSizes: [2, 1, 2] }),
  of('dot_general', [f32(2, 3, 4), f32(4, 5)], { lhsBatch: [], rhsBatch: [], lhsContract: [2], rhsContract: [0] }),
  of('dot_general', [f32(3, 2, 4, 2), f32(2, 4, 5, 3)], {
    lhsBatch: [1],
    rhsBatch: [0],
    lhsContract: [2, 0],
    rhsContract: [1, 3],
  }),
  of('convolution', [f32(2, 4, 5, 3), f32(6, 4, 3, 1)], {
    ...conv,
    window: [{ ...one, size: 3, low: 1 }, one],
    groups: 1,
  }),
  of('convolution', [f32(2, 4, 4, 3), f32(6, 2, 1, 1)], { ...conv, window: [one, { ...one, stride: 2 }], groups: 2 }),
  of('convolution', [f32(6, 4, 3, 2), f32(4, 4, 2, 2)], {
    ...conv,
    window: [
      { ...one, size: 2 },
      { ...one, size: 2 },
    ],
    groups: 1,
    batchGroups: 2,
  }),
  of('convolution', [f32(3, 4, 2, 4), f32(1, 4, 2, 3)], {
    lhs: { spatial: [0, 1], batch: 2, feature: 3 },
    rhs: { spatial: [0, 2], input: 1, output: 3 },
    out: { feature: 0, batch: 1, spatial: [2, 3] },
    window: [one, { ...one, size: 2, high: 1 }],
    groups: 1,
  }),
  of('sort', [f32(3, 4, 2)], { axis: 1, descending: false }),
  of('scatter', [f32(4, 3), tensorOf('i32', [2, 1], [1, 3]), f32(2, 3)], {
    ...{ kind: 'add', updateWindowDims: [1], insertedWindowDims: [0], inputBatchingDims: [] },
    ...{ scatterIndicesBatchingDims: [], scatterDimsToOperandDims: [0], indexVectorDim: 1 },
  }),
  of('scatter', [f32(3, 4), tensorOf('i32', [3, 2, 1], [1, 3, 0, 2, 2, 1]), f32(3, 2)], {
    ...{ kind: 'add', updateWindowDims: [], insertedWindowDims: [1], inputBatchingDims: [0] },
    ...{ scatterIndicesBatchingDims: [0], scatterDimsToOperandDims: [1], indexVectorDim: 2 },
  }),
  of('gather', [f32(3, 4), tensorOf('i32', [3, 2, 1], [1, 3, 0, 2, 2, 1])], {
    ...{ offsetDims: [], collapsedSliceDims: [1], operandBatchingDims: [0], startIndicesBatchingDims: [0] },
    ...{ startIndexMap: [1], indexVectorDim: 2, sliceSizes: [1, 1] },
  }),
  of('reshape', [f32(1, 4, 3, 2)], { shape: [1, 24] }),
  of('reshape', [f32(24)], { shape: [4, 1, 6] }),
  of('reshape', [f32(6, 4)], { shape: [4, 6] }),
  of('reshape', [f32(2, 3, 5)], { shape: [3, 2, 5] }),
  of('slice', [f32(7, 6)], { start: [1, 5], shape: [4, 3], strides: [1, -2] }),
  of('convolution', [f32(1, 4, 5, 3), f32(8, 1, 3, 2)], {
    ...conv,
    window: [
      { ...one, size: 3, low: 1, high: 1, dilation: 2, stride: 2 },
      { ...one, size: 2, baseDilation: 2 },
    ],
    groups: 4,
  }),
  of('convolution', [f32(1, 6, 2, 2), f32(4, 3, 1, 1)], { ...conv, window: [one, one], groups: 2 }),
  of('constant', [], { value: f32(2, 3) }),
  of('iota', [], { type: { dtype: 'i32', shape: [3, 4] }, axis: 0 }),
]

/** `t` with other values at index `i` of `axis`. */
function changed(t: Tensor, axis: number, i: number): Tensor {
  const result = zeros(t.dtype, t.shape)
  const [read, write] = [reader(t), writer(result)]
  let at = 0
  walk(t.shape, [], (_, index) => {
    write(at, index[axis] === i ? Number(read(at)) + 1 + random.float() : read(at))
    at++
  })
  return result
}

/** `t` with zeros at the positions of `axis` that are not kept. */
function masked(t: Tensor, axis: number, kept: readonly number[] | undefined): Tensor {
  if (!kept) return t
  const result = zeros(t.dtype, t.shape)
  const [read, write] = [reader(t), writer(result)]
  let at = 0
  walk(t.shape, [], (_, index) => {
    write(at, kept.includes(index[axis]!) ? read(at) : 0)
    at++
  })
  return result
}

/** The values of the index that a position of an axis meets: several under a window. */
const valuesAt = (place: Place, { extent }: Index, position: number): number[] =>
  Array.from({ length: extent }, (_, v) => v).filter((v) =>
    Array.from({ length: place.size ?? 1 }, (_, k) => k * (place.dilation ?? 1)).some(
      (k) => place.offset + place.stride * v + k === Math.floor(position / place.inner) % place.length,
    ),
  )

/** Whether the relation lets position `i` of the operand's axis reach an element of result `r`. */
function mayReach(indices: readonly Index[], [operand, axis, i]: readonly [number, number, number], r: number) {
  const pairs = indices.flatMap((index) => {
    const from = index.places.find((p) => p.of === 'operand' && p.at === operand)
    const to = index.places.find((p) => p.of === 'result' && p.at === r)
    const all = Array.from({ length: index.extent }, (_, v) => v)
    return from && to ? [{ to, index, values: from.axis === axis ? valuesAt(from, index, i) : all }] : []
  })
  return (position: readonly number[]): boolean =>
    pairs.every(({ to, index, values }) => values.includes(valueAt(to, index.extent, position[to.axis]!)))
}

const axesOf = (operands: readonly Tensor[]): (readonly [number, number])[] =>
  operands.flatMap((t, operand) => t.shape.map((_, axis) => [operand, axis] as const))

/** Ops of which a changed operand need not change all that depends on it. */
const isExact = ({ op, attrs }: Case, operand: number): boolean =>
  !['argreduce', 'sort', 'scatter'].includes(op) &&
  !(op === 'gather' && operand === 1) &&
  (attrs as { kind?: string }).kind !== 'max'

/** All positions but those at which values of the index are that go. */
function keptOf(c: Case, results: readonly Tensor[], { extent, places }: Index, values: readonly number[]): Kept {
  const side = (of: Place['of'], tensors: readonly Tensor[]) =>
    tensors.map((t, at) =>
      t.shape.map((length, axis) => {
        const place = places.find((p) => p.of === of && p.at === at && p.axis === axis)
        if (!place) return undefined
        const gone = positionsOf(place, extent, length, (v) => !values.includes(v))
        return gone.length === 0 ? undefined : Array.from({ length }, (_, i) => i).filter((i) => !gone.includes(i))
      }),
    )
  return { operands: side('operand', c.operands), results: side('result', results) }
}

const each = cases.map((c, i) => [i, c.op, c] as const)

describe('index relations', () => {
  it.each(each)('%i: %s: an operand reaches what its indices say, and no more', (_, _op, c) => {
    const { evaluate, indices } = facetsOf(c.op)
    const relation = indices(c.operands, c.attrs)
    const before = evaluate(c.operands, c.attrs)
    for (const [operand, axis] of axesOf(c.operands)) {
      const length = c.operands[operand]!.shape[axis]!
      const own = relation.filter((i) =>
        i.places.some((p) => p.of === 'operand' && p.at === operand && p.axis === axis),
      )
      // Where a reshape has factors in common with its operand for some of an axis only, it tells less than it could.
      const covered = c.op !== 'reshape' || own.reduce((product, { extent }) => product * extent, 1) === length
      const told = own.length > 0 && covered
      for (let i = 0; i < length; i++) {
        const after = evaluate(
          c.operands.map((t, k) => (k === operand ? changed(t, axis, i) : t)),
          c.attrs,
        )
        after.forEach((t, r) => {
          const reaches = mayReach(relation, [operand, axis, i], r)
          const [x, y] = [toNumbers(before[r]!), toNumbers(t)]
          let at = 0
          walk(t.shape as Shape, [], (__, position) => {
            const differs = !Object.is(x[at], y[at++])
            if (differs) expect(reaches(position), `${operand}.${axis}[${i}] reaches [${position.join()}]`).toBe(true)
            else if (told && isExact(c, operand))
              expect(reaches(position), `${operand}.${axis}[${i}] does not reach [${position.join()}]`).toBe(false)
          })
        })
      }
    }
  })

  it.each(each)('%i: %s: what is kept of the operands gives what is kept of the results', (_, _op, c) => {
    const { evaluate, indices, keep, type } = facetsOf(c.op)
    const before = evaluate(c.operands, c.attrs)
    for (const index of indices(c.operands, c.attrs)) {
      for (let trial = 0; trial < 4; trial++) {
        const values = Array.from({ length: index.extent }, (__, v) => v).filter(() => random.float() < 0.6)
        if (values.length === 0) continue
        const kept = keptOf(c, before, index, values)
        const attrs = keep(c.operands, c.attrs, kept)
        const plain = index.places.every((p) => (p.size ?? 1) === 1 && p.stride === 1 && p.length >= index.extent)
        if ((plain && c.op !== 'scatter') || values.length === index.extent)
          expect(attrs, JSON.stringify(index)).toBeDefined()
        if (attrs === undefined) continue
        const operands = c.operands.map((t, k) => pick(t, kept.operands[k]!))
        const contracted = index.places.find((p) => p.of === 'operand')
        const whole = index.places.some((p) => p.of === 'result')
          ? before
          : evaluate(
              c.operands.map((t, k) =>
                k === contracted!.at ? masked(t, contracted!.axis, kept.operands[k]![contracted!.axis]) : t,
              ),
              c.attrs,
            )
        const expected = whole.map((t, r) => pick(t, kept.results[r]!))
        const actual = evaluate(operands, attrs)
        type(operands, attrs).forEach((t, r) => expect(sameType(t, expected[r]!)).toBe(true))
        expect(actual.map(toNumbers)).toEqual(expected.map(toNumbers))
      }
    }
  })

  it('are tried for every op that has one', () => {
    // Tables of decision_trees must fit one another: a changed one would be none.
    const without = ['input', 'while', 'if', 'decision_trees']
    expect(Object.keys(ops).filter((op) => !without.includes(op) && !cases.some((c) => c.op === op))).toEqual([])
  })

  it('decision_trees: rows and trees stand for themselves', () => {
    const { evaluate, indices, keep } = facetsOf('decision_trees')
    const ints = (values: number[], shape = [values.length]) => tensorOf('i32', shape, values)
    // Two stumps: feature 0 against 1, feature 1 against 2.
    const tables = [
      tensorOf('f32', [2], [1, 2]),
      ints([0, 1]),
      ints([-1, -2, -3, -4], [2, 2]),
      tensorOf('u8', [2], [0, 0]),
    ]
    const x = tensorOf('f32', [3, 2], [0, 0, 5, 5, 0, 5])
    const operands = [x, ...tables, ints([0, 1])]
    expect(toNumbers(evaluate(operands, {})[0]!)).toEqual([0, 2, 1, 3, 0, 3])
    const kept = (row: readonly number[] | undefined, tree: readonly number[] | undefined): Kept => ({
      operands: [[row, undefined], [], [], [], [], [tree]],
      results: [[row, tree]],
    })
    expect(
      indices(operands, {}).map(({ extent, places }) => [extent, ...places.map((p) => [p.of, p.at, p.axis])]),
    ).toEqual([
      [3, ['operand', 0, 0], ['result', 0, 0]],
      [2, ['operand', 5, 0], ['result', 0, 1]],
    ])
    expect(keep(operands, {}, kept([0, 2], undefined))).toBeDefined()
    const rows = tensorOf('f32', [2, 2], [0, 0, 0, 5])
    expect(toNumbers(evaluate([rows, ...tables, ints([1])], {})[0]!)).toEqual([2, 3])
  })

  it('slices and pads keep what they like of what lies outside', () => {
    const x = f32(9)
    const cut = { start: [3], shape: [4], strides: [1] }
    const kept = { operands: [[[0, 3, 5, 6, 8]]], results: [[[0, 2, 3]]] }
    expect(facetsOf('slice').keep([x], cut, kept)).toEqual({ start: [1], shape: [3], strides: [1] })
    const odd = { start: [1], shape: [4], strides: [2] }
    expect(facetsOf('slice').keep([x], odd, { operands: [[[1, 3, 7]]], results: [[[0, 1, 3]]] })).toBeDefined()
    const gap = { operands: [[[1, 2, 3, 7]]], results: [[[0, 1, 3]]] }
    expect(facetsOf('slice').keep([x], odd, gap)).toBeUndefined()
    const padded = { operands: [[undefined], []], results: [[[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12]]] }
    expect(facetsOf('pad').keep([x, f32()], { low: [2], high: [2] }, padded)).toEqual({ low: [1], high: [1] })
  })

  it('axes that mix their positions, and lengths that depend on data, are never shortened', () => {
    const first = [undefined, [0, 1]]
    const whole = { operands: [first], results: [first] }
    for (const op of ['cumulate', 'sort', 'argreduce'] as const)
      expect(facetsOf(op).keep([f32(3, 4)], { axis: 1 }, whole), op).toBeUndefined()
    expect(facetsOf('iota').keep([], { type: f32(3, 4), axis: 1 }, whole)).toBeUndefined()
    expect(facetsOf('input').keep([], {}, { operands: [], results: [first] })).toBeUndefined()
  })

  it('tells where each index stands', () => {
    const text = ({ of, at, axis, length, inner, offset, stride, size }: Place): string =>
      `${of === 'operand' ? 'x' : 'y'}${at}.${axis}` +
      (inner === 1 ? '' : `/${inner}`) +
      `%${length}` +
      (offset === 0 ? '' : `+${offset}`) +
      (stride === 1 ? '' : `*${stride}`) +
      (size === undefined ? '' : ` under ${size}`)
    const of = ({ op, operands, attrs }: Case): string =>
      [
        op,
        ...facetsOf(op)
          .indices(operands, attrs)
          .map((i) => i.places.map(text).join(' = ')),
      ].join(' | ')
    expect(cases.map(of)).toMatchInlineSnapshot(`
      [
        "map | x0.0%2 = y0.0%2 | x0.1%3 = x1.0%3 = y0.1%3 | x0.2%4 = y0.2%4",
        "map | x1.0%3 = y0.0%3 | x0.1%4 = y0.1%4",
        "reduce | x0.0%2 = y0.0%2 | x0.1%3 | x0.2%4 = y0.1%4",
        "argreduce | x0.0%3 = y0.0%3 | x0.2%2 = y0.1%2",
        "cumulate | x0.0%3 = y0.0%3 | x0.2%2 = y0.2%2",
        "reduce_window | x0.0%2 = y0.0%2 | x0.1%5+-1*2 under 2 = y0.1%3 | x0.2%3 = y0.2%3",
        "reduce_window | x0.0%4 = y0.0%5 | x0.1%5 = y0.1%5",
        "reshape | x0.0%2 = y0.0%2 | x0.1%3 = y0.1/4%3 | x0.2%4 = y0.1%4",
        "reshape | x0.0/3%2 = y0.0%2 | x0.0%3 = y0.1%3 | x0.1%4 = y0.3%4",
        "reshape | x0.0/2%2 = y0.0%2 | x0.0%2 = y0.1/2%2 | x0.1%2 = y0.1%2",
        "transpose | x0.2%4 = y0.0%4 | x0.0%2 = y0.1%2 | x0.1%3 = y0.2%3",
        "broadcast_in_dim | x0.0%2 = y0.0%2 | y0.1%3 | y0.2%5 | x0.2%4 = y0.3%4",
        "slice | x0.0%4 = y0.0%4 | x0.1%5+1*2 = y0.1%2 | x0.2%3+2*-1 = y0.2%3",
        "pad | x0.0%2 = y0.0%3+1 | x0.1%3 = y0.1%5",
        "concatenate | x0.0%2 = x1.0%2 = x2.0%2 = y0.0%2 | x0.1%3 = y0.1%6 | x1.1%1 = y0.1%6+3 | x2.1%2 = y0.1%6+4",
        "gather | x0.0%3 = y0.0%3 | x0.2%2 = y0.2%2 | x1.0%3 = y0.1%3",
        "gather | x0.2%2 = y0.2%2 | x1.0%3 = y0.1%3",
        "dot_general | x0.0%2 = y0.0%2 | x0.1%3 = y0.1%3 | x1.1%5 = y0.2%5 | x0.2%4 = x1.0%4",
        "dot_general | x0.1%2 = x1.0%2 = y0.0%2 | x0.3%2 = y0.1%2 | x1.2%5 = y0.2%5 | x0.2%4 = x1.1%4 | x0.0%3 = x1.3%3",
        "convolution | x0.0%2 = y0.0%2 | x0.1/4%1 = x1.0/6%1 = y0.1/6%1 | x1.0%6 = y0.1%6 | x0.1%4 = x1.1%4 | x0.2%5+-1 under 3 = y0.2%4 | x0.3%3 = y0.3%3",
        "convolution | x0.0%2 = y0.0%2 | x0.1/2%2 = x1.0/3%2 = y0.1/3%2 | x1.0%3 = y0.1%3 | x0.1%2 = x1.1%2 | x0.2%4 = y0.2%4 | x0.3%3*2 = y0.3%2",
        "convolution | x0.0%3 = y0.0%3 | x0.0/3%2 = x1.0/2%2 = y0.1/2%2 | x1.0%2 = y0.1%2 | x0.1%4 = x1.1%4 | x0.2%3 under 2 = y0.2%2 | x0.3%2 under 2 = y0.3%1",
        "convolution | x0.2%2 = y0.1%2 | x0.3/4%1 = x1.3/3%1 = y0.0/3%1 | x1.3%3 = y0.0%3 | x0.3%4 = x1.1%4 | x0.0%3 = y0.2%3 | x0.1%4 under 2 = y0.3%4",
        "sort | x0.0%3 = y0.0%3 = y1.0%3 | x0.2%2 = y0.2%2 = y1.2%2",
        "scatter | x0.0%4 = y0.0%4 | x0.1%3 = y0.1%3 = x2.1%3",
        "scatter | x0.0%3 = y0.0%3 = x1.0%3 = x2.0%3 | x0.1%4 = y0.1%4",
        "gather | x0.0%3 = x1.0%3 = y0.0%3 | x1.1%2 = y0.1%2",
        "reshape | x0.1%4 = y0.1/6%4 | x0.2%3 = y0.1/2%3 | x0.3%2 = y0.1%2",
        "reshape | x0.0/6%4 = y0.0%4 | x0.0%6 = y0.2%6",
        "reshape | x0.1%2 = y0.1%2",
        "reshape | x0.2%5 = y0.2%5",
        "slice | x0.0%7+1 = y0.0%4 | x0.1%6+5*-2 = y0.1%3",
        "convolution | x0.0%1 = y0.0%1 | x0.1%4 = x1.0/2%4 = y0.1/2%4 | x1.0%2 = y0.1%2 | x0.1%1 = x1.1%1 | x0.2%5+-1*2 under 3 = y0.2%2",
        "convolution | x0.0%1 = y0.0%1 | x0.1/3%2 = x1.0/2%2 = y0.1/2%2 | x1.0%2 = y0.1%2 | x0.1%3 = x1.1%3 | x0.2%2 = y0.2%2 | x0.3%2 = y0.3%2",
        "constant | y0.0%2 | y0.1%3",
        "iota | y0.1%4",
      ]
    `)
  })
})
