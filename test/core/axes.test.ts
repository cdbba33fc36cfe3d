import { describe, expect, it } from 'vitest'
import { arg, binary, unary } from '../../compiler/core/expr.ts'
import { facetsOf, type AttrsOf, type OpName } from '../../compiler/core/ops/index.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { rowMajorStrides, walk, type Shape } from '../../compiler/core/shape.ts'
import { reader, tensorOf, toNumbers, writer, zeros, type Tensor } from '../../compiler/core/tensor.ts'
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
  of('convolution', [f32(3, 4, 2, 4), f32(1, 4, 2, 3)], {
    lhs: { spatial: [0, 1], batch: 2, feature: 3 },
    rhs: { spatial: [0, 2], input: 1, output: 3 },
    out: { feature: 0, batch: 1, spatial: [2, 3] },
    window: [one, { ...one, size: 2, high: 1 }],
    groups: 1,
  }),
  of('sort', [f32(3, 4, 2)], { axis: 1, descending: false }),
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

/** `t` with its indices along `axis` in the order `perm`. */
function permuted(t: Tensor, axis: number, perm: readonly number[]): Tensor {
  const result = zeros(t.dtype, t.shape)
  const [read, write] = [reader(t), writer(result)]
  const strides = rowMajorStrides(t.shape)
  let at = 0
  walk(t.shape, [strides], ([offset], index) =>
    write(at++, read(offset! + (perm[index[axis]!]! - index[axis]!) * strides[axis]!)),
  )
  return result
}

/** Indices of `axis` at which the tensors differ. */
function differing(a: Tensor, b: Tensor, axis: number): number[] {
  const found = new Set<number>()
  const [x, y] = [toNumbers(a), toNumbers(b)]
  let at = 0
  walk(a.shape as Shape, [], (_, index) => {
    if (!Object.is(x[at], y[at])) found.add(index[axis]!)
    at++
  })
  return [...found]
}

describe('axes', () => {
  it.each(cases.map((c, i) => [i, c.op, c] as const))(
    '%i: %s: an axis of the result follows the operand',
    (_, op, c) => {
      const { evaluate, axes } = facetsOf(op)
      const before = evaluate(c.operands, c.attrs)
      axes(c.operands, c.attrs).forEach((uses, operand) =>
        uses.forEach((use, axis) => {
          if (use.to !== 'result') return
          for (let i = 0; i < c.operands[operand]!.shape[axis]!; i++) {
            const operands = c.operands.map((t, k) => (k === operand ? changed(t, axis, i) : t))
            const after = evaluate(operands, c.attrs)
            after.forEach((t, r) => {
              const where = differing(before[r]!, t, use.axis)
              expect(where.filter((at) => at !== i + use.offset)).toEqual([])
            })
          }
        }),
      )
    },
  )

  it.each(cases.map((c, i) => [i, c.op, c] as const))(
    '%i: %s: contracted axes may be permuted together',
    (_, op, c) => {
      const { evaluate, axes } = facetsOf(op)
      const uses = axes(c.operands, c.attrs)
      const groups = new Set(uses.flat().flatMap((use) => (use.to === 'contracted' ? [use.group] : [])))
      for (const group of groups) {
        const axisOf = uses.map((list) => list.findIndex((use) => use.to === 'contracted' && use.group === group))
        const length = c.operands[0]!.shape[axisOf[0]!]!
        const perm = Array.from({ length }, (_, i) => (i + 1) % length)
        const operands = c.operands.map((t, k) => permuted(t, axisOf[k]!, perm))
        const [before, after] = [
          toNumbers(evaluate(c.operands, c.attrs)[0]!),
          toNumbers(evaluate(operands, c.attrs)[0]!),
        ]
        after.forEach((value, i) => expect(value).toBeCloseTo(before[i]!, 5))
        const alone = c.operands.map((t, k) => (k === 0 ? operands[0]! : t))
        expect(toNumbers(evaluate(alone, c.attrs)[0]!)).not.toEqual(before)
      }
    },
  )

  it('products contract, nothing else does', () => {
    const contracting = cases.filter((c) =>
      facetsOf(c.op)
        .axes(c.operands, c.attrs)
        .flat()
        .some((use) => use.to === 'contracted'),
    )
    expect(contracting.map((c) => c.op)).toEqual(['dot_general', 'dot_general', 'convolution', 'convolution'])
  })

  it('marks the axes that stay, with where they go', () => {
    const of = (i: number) =>
      facetsOf(cases[i]!.op)
        .axes(cases[i]!.operands, cases[i]!.attrs)
        .map((uses) => uses.map((u) => (u.to === 'result' ? `${u.axis}+${u.offset}` : u.to)).join(' '))
    expect(cases.map((c, i) => [c.op, ...of(i)].join(' | '))).toMatchInlineSnapshot(`
      [
        "map | 0+0 1+0 2+0 | 1+0 mixed",
        "map | mixed 1+0 | 0+0 mixed",
        "reduce | 0+0 mixed 1+0",
        "argreduce | 0+0 mixed 1+0",
        "cumulate | 0+0 mixed 2+0",
        "reduce_window | 0+0 mixed 2+0",
        "reduce_window | mixed 1+0",
        "reshape | 0+0 mixed mixed",
        "reshape | mixed 3+0 mixed",
        "reshape | mixed mixed",
        "transpose | 1+0 2+0 0+0",
        "broadcast_in_dim | 0+0 mixed 3+0",
        "slice | 0+0 mixed mixed",
        "pad | 0+1 1+0 | ",
        "concatenate | 0+0 1+0 | 0+0 1+3 | 0+0 1+4",
        "gather | 0+0 mixed 2+0 | mixed",
        "gather | mixed mixed 2+0 | mixed",
        "dot_general | 0+0 1+0 contracted | contracted 2+0",
        "dot_general | contracted 0+0 contracted 1+0 | 0+0 contracted 2+0 contracted",
        "convolution | 0+0 contracted mixed 3+0 | 1+0 contracted mixed mixed",
        "convolution | 0+0 mixed 2+0 mixed | 1+0 mixed mixed mixed",
        "convolution | 2+0 mixed 1+0 contracted | mixed contracted mixed 0+0",
        "sort | 0+0 mixed 2+0",
      ]
    `)
  })
})
