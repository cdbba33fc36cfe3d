import { describe, expect, it } from 'vitest'
import { arg, binary } from '../../compiler/core/scalar/expr.ts'
import { rowMajorStrides, walk, type Shape } from '../../compiler/core/shape.ts'
import { accessesOf, moveInnermost, normalizeNest } from '../../compiler/schedule/program/normalize-nest.ts'
import type { Access, Buffer, NestKernel } from '../../compiler/schedule/program/program.ts'
import { Random } from '../support/random.ts'

const buffer = (name: string): Buffer => ({ name, dtype: 'f32', length: 10_000, home: { kind: 'arena' } })
const [input, other, output, index] = ['input', 'other', 'output', 'index'].map(buffer) as [
  Buffer,
  Buffer,
  Buffer,
  Buffer,
]

function nest(
  extents: Shape,
  reads: readonly Access[],
  write: readonly number[],
  rest: Partial<NestKernel> = {},
): NestKernel {
  return {
    kind: 'nest',
    extents,
    reduced: 0,
    body: binary('add', arg(0, 'f32'), arg(0, 'f32')),
    reads,
    post: { expr: arg(0, 'f32'), reads: [] },
    write: { buffer: output, offset: 0, strides: write },
    nodes: [],
    ...rest,
  }
}

const read = (strides: readonly number[], offset = 0): Access => ({ buffer: input, offset, strides })

/** What the nest does, in no order of its own: for each element written, the offsets that all accesses have. */
function effect(kernel: NestKernel): string[] {
  const steps: string[] = []
  const accesses = accessesOf(kernel)
  walk(
    kernel.extents,
    accesses.map((a) => kernel.extents.map((_, i) => a.strides[i] ?? 0)),
    (offsets) => {
      steps.push(offsets.map((o, i) => `${accesses[i]!.buffer.name}+${o + accesses[i]!.offset}`).join(' '))
    },
  )
  return steps
}

const shapeOf = (k: NestKernel): unknown => [k.extents, k.reduced, k.write.strides, k.reads.map((r) => r.strides)]

describe('normalizeNest', () => {
  it('merges what is walked as one', () => {
    const kernel = nest([2, 3, 4], [read([12, 4, 1])], [12, 4, 1])
    expect(shapeOf(normalizeNest(kernel))).toEqual([[24], 0, [1], [[1]]])
  })

  it('merges no further than every access allows', () => {
    const kernel = nest([2, 3, 4], [read([12, 4, 1]), read([0, 4, 1])], [12, 4, 1])
    expect(shapeOf(normalizeNest(kernel))).toEqual([
      [2, 12],
      0,
      [12, 1],
      [
        [12, 1],
        [0, 1],
      ],
    ])
    const indirect = {
      ...read([0, 0, 1]),
      indirect: [{ index: { buffer: index, offset: 0, strides: [3, 1, 0] }, scale: 4, limit: 9 }],
    }
    const gather = normalizeNest(nest([2, 3, 4], [indirect], [12, 4, 1]))
    expect(shapeOf(gather)).toEqual([[6, 4], 0, [4, 1], [[0, 1]]])
    expect(gather.reads[0]!.indirect![0]!.index.strides).toEqual([1, 0])
  })

  it('drops loops of one iteration', () => {
    expect(shapeOf(normalizeNest(nest([1, 5, 1], [read([7, 2, 9])], [0, 1, 3])))).toEqual([[5], 0, [1], [[2]]])
    expect(shapeOf(normalizeNest(nest([1, 1], [read([1, 1])], [1, 1])))).toEqual([[], 0, [], [[]]])
  })

  it('orders output loops by what they write', () => {
    expect(shapeOf(normalizeNest(nest([4, 3], [read([1, 9])], [1, 4])))).toEqual([[3, 4], 0, [4, 1], [[9, 1]]])
    expect(shapeOf(normalizeNest(nest([4, 3], [read([1, 9])], [-1, 4])))).toEqual([[3, 4], 0, [4, -1], [[9, 1]]])
  })

  it('orders reduced loops by what they read first, and keeps them apart from output loops', () => {
    const kernel = nest([2, 4, 3], [read([12, 1, 4])], [1, 0, 0], { reduced: 2, combine: 'add' })
    expect(shapeOf(normalizeNest(kernel))).toEqual([[2, 12], 1, [1, 0], [[12, 1]]])
    const all = nest([3, 4], [read([4, 1])], [0, 0], { reduced: 2, combine: 'add' })
    expect(shapeOf(normalizeNest(all))).toEqual([[12], 1, [0], [[1]]])
  })

  it('leaves the order of sequential loops', () => {
    const kernel = nest([4, 3], [read([1, 9])], [1, 4], { sequential: true })
    expect(effect(normalizeNest(kernel))).toEqual(effect(kernel))
  })

  it('keeps reads of the post expression, whose loops are the output loops', () => {
    const post = {
      expr: binary('add', arg(0, 'f32'), arg(1, 'f32')),
      reads: [{ buffer: other, offset: 3, strides: [1] }],
    }
    const kernel = normalizeNest(nest([5, 2, 2], [read([4, 2, 1])], [1, 0, 0], { reduced: 2, combine: 'add', post }))
    expect(kernel.extents).toEqual([5, 4])
    expect(kernel.post.reads).toEqual([{ buffer: other, offset: 3, strides: [1, 0] }])
  })

  it('does the same work with the fewest loops', () => {
    const random = new Random(11)
    for (let round = 0; round < 500; round++) {
      const rank = 1 + random.int(4)
      const extents = Array.from({ length: rank }, () => random.pick([1, 2, 3, 4]))
      const reduced = random.int(rank)
      const outputs = extents.map((d, i) => (i < rank - reduced ? d : 1))
      const write = rowMajorStrides(outputs).map((s, i) => (i < rank - reduced ? s : 0))
      const strides = (): readonly number[] =>
        random.pick([rowMajorStrides(extents), extents.map(() => random.pick([0, 1, 2, 4, -1]))])
      const kernel = nest(extents, [read(strides(), 3), read(strides())], write, { reduced, combine: 'add' })
      const after = normalizeNest(kernel)
      expect(effect(after).sort()).toEqual(effect(kernel).sort())
      expect(after.extents).not.toContain(1)
      expect(after.extents.length).toBeLessThanOrEqual(extents.length)
      expect(shapeOf(normalizeNest(after))).toEqual(shapeOf(after))
    }
  })
})

describe('moveInnermost', () => {
  it('moves an output loop behind the others', () => {
    const kernel = nest([2, 3, 4], [read([12, 4, 1])], [3, 1, 0], { reduced: 1, combine: 'add' })
    const moved = moveInnermost(kernel, 0)
    expect(shapeOf(moved)).toEqual([[3, 2, 4], 1, [1, 3, 0], [[4, 12, 1]]])
    expect(effect(moved).sort()).toEqual(effect(kernel).sort())
  })
})
