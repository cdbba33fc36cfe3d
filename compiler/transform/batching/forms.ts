/**
 * Two forms of a batched value. With a leading axis it is [size, …shape]; that is what rules take and give. Where its own first
 * axis has length 1, the samples may take the place of that: [size, …shape.slice(1)], as in a model that was exported with such a batch.
 * Rules compute in the second form where their op leaves the first axis as it is. Between two that do, reshapes cancel.
 */
import type { Builder } from '../../core/builder.ts'
import type { Value } from '../../core/graph.ts'
import type { Shape } from '../../core/shape.ts'
import type { Context, Operand } from './rule.ts'

export const batched = (value: Value): Operand => ({ value, batched: true })

/** The shape for one sample. */
export const sampleShape = ({ value, batched }: Operand): Shape =>
  batched ? value.type.shape.slice(1) : value.type.shape

/** Axes before a value's own ones: 1 with a leading axis, 0 where the samples stand in its first axis. */
export type Shift = 0 | 1

/** `list`, an entry for each axis, with `first` for that of the samples. */
export const withFirst = <T>(list: readonly T[], first: T, shift: Shift): T[] => [first, ...list.slice(1 - shift)]

export const shifted = (axes: readonly number[], by: number): number[] => axes.map((axis) => axis + by)

/** `x` under another shape; a reshape of a reshape is one. */
export const view = (b: Builder, x: Value, shape: Shape): Value =>
  b.reshape(x.node.op === 'reshape' ? x.node.operands[0]! : x, shape)

const ones = (count: number): number[] => new Array<number>(count).fill(1)

/** `x`, [size] or [size, …shape], with axes of length 1 between so that it has `rank` axes. */
export function spread(b: Builder, x: Value, rank: number): Value {
  const [size, ...shape] = x.type.shape as [number, ...number[]]
  return view(b, x, [size, ...ones(rank - 1 - shape.length), ...shape])
}

/** The operand with a leading axis, repeated for each sample if it is not batched. */
export const repeated = (c: Context, operand: Operand): Value => inForm(c, operand, 1)

/** The operand in one of the forms, repeated for each sample if it is not batched. */
export function inForm({ b, size }: Context, { value, batched }: Operand, shift: Shift): Value {
  const { shape } = value.type
  if (!batched) {
    const target = withFirst(shape, size, shift)
    return b.broadcastInDim(
      value,
      target,
      shape.map((_, i) => i + shift),
    )
  }
  return shift === 1 ? value : view(b, value, [size, ...shape.slice(2)])
}

/** A result in one of the forms as one with a leading axis. */
export function fromForm(b: Builder, value: Value, shift: Shift): Operand {
  const [size, ...shape] = value.type.shape as [number, ...number[]]
  return batched(shift === 1 ? value : view(b, value, [size, 1, ...shape]))
}

/**
 * Results of an op on one batched operand that `build` makes of one of its forms: the second where its own first axis has length 1
 * and is the first axis of each result (`keepsFirst`).
 */
export function along(
  c: Context,
  operand: Operand,
  keepsFirst: boolean,
  build: (x: Value, shift: Shift) => readonly Value[],
): Operand[] {
  const shift = keepsFirst && sampleShape(operand)[0] === 1 ? 0 : 1
  return build(inForm(c, operand, shift), shift).map((result) => fromForm(c.b, result, shift))
}

/** `x` with its axes in another order: a view where that moves only axes of length 1. */
function permuted(b: Builder, x: Value, perm: readonly number[]): Value {
  const { shape } = x.type
  const moved = perm.filter((axis) => shape[axis] !== 1)
  if (moved.some((axis, i) => i > 0 && axis < moved[i - 1]!)) return b.transpose(x, perm)
  return view(
    b,
    x,
    perm.map((axis) => shape[axis]!),
  )
}

/** `x` with axis `axis` before all others. */
export const toFront = (b: Builder, x: Value, axis: number): Value =>
  permuted(b, x, [axis, ...x.type.shape.map((_, i) => i).filter((i) => i !== axis)])

/** `x`, [size, …shape], with the samples in axis `axis` of the shape: blocks of its elements, one for each sample. */
export function mergedInto(b: Builder, x: Value, axis: number): Value {
  const [size, ...shape] = x.type.shape as [number, ...number[]]
  const others = shape.map((_, i) => i + 1)
  return view(b, permuted(b, x, others.toSpliced(axis, 0, 0)), shape.with(axis, size * shape[axis]!))
}

/** `x`, with blocks for `size` samples in axis `axis`, as [size, …shape]. */
export function splitFrom(b: Builder, x: Value, axis: number, size: number): Value {
  const { shape } = x.type
  const parts = shape.toSpliced(axis, 1, size, shape[axis]! / size)
  return toFront(b, view(b, x, parts), axis)
}
