/**
 * Batched values in one form or the other. What reads a value reads the one that its rule gave, if only through a reshape: replacing
 * that replaces it everywhere.
 */
import type { Builder } from '../../core/builder.ts'
import type { Value } from '../../core/graph.ts'
import type { Shape } from '../../core/shape.ts'
import type { BatchedForm, Context, Operand } from './rule.ts'

export const leading = (value: Value): Operand => ({ value, form: 'leading' })
export const shared = (value: Value): Operand => ({ value, form: 'shared' })

export const isBatched = ({ form }: Operand): boolean => form !== 'shared'

/** The shape for one sample. */
export function sampleShape({ value, form }: Operand): Shape {
  const { shape } = value.type
  if (form === 'shared') return shape
  return form === 'leading' ? shape.slice(1) : shape.with(0, 1)
}

/** The shape in a form of a value that has `shape` for one sample. */
export const shapeIn = (form: BatchedForm, shape: Shape, size: number): number[] =>
  form === 'leading' ? [size, ...shape] : shape.with(0, size)

/** Axes before a value's own ones. */
export const axesBefore = (form: BatchedForm): 0 | 1 => (form === 'leading' ? 1 : 0)

/** `list`, an entry for each axis, with `first` for that of the samples. */
export const withFirst = <T>(list: readonly T[], first: T, form: BatchedForm): T[] => [
  first,
  ...list.slice(1 - axesBefore(form)),
]

export const shifted = (axes: readonly number[], by: number): number[] => axes.map((axis) => axis + by)

/** The operand in one of the forms, repeated for each sample if it is shared. */
export function inForm({ b, size }: Context, operand: Operand, form: BatchedForm): Value {
  const { value } = operand
  const target = shapeIn(form, sampleShape(operand), size)
  if (isBatched(operand)) return b.reshape(value, target)
  return b.broadcastInDim(
    value,
    target,
    value.type.shape.map((_, i) => i + axesBefore(form)),
  )
}

/** The operand with a leading axis, repeated for each sample if it is shared. */
export const withLeading = (c: Context, operand: Operand): Value => inForm(c, operand, 'leading')

export const bestForm = (shape: Shape): BatchedForm => (shape[0] === 1 ? 'first' : 'leading')

/** The operand in the form that saves reshapes, repeated for each sample if it is shared. */
export function inBestForm(c: Context, operand: Operand): Operand {
  const form = bestForm(sampleShape(operand))
  return { value: inForm(c, operand, form), form }
}

/** A result that has `shape` for one sample, of elements in the order of samples: in the form that saves reshapes. */
export function fromElements({ b, size }: Context, value: Value, shape: Shape): Operand {
  const form = bestForm(shape)
  return { value: b.reshape(value, shapeIn(form, shape, size)), form }
}

/** `x`, [size] or [size, …shape], with axes of length 1 between so that it has `rank` axes. */
export function spread(b: Builder, x: Value, rank: number): Value {
  const [size, ...shape] = x.type.shape as [number, ...number[]]
  return b.reshape(x, [size, ...new Array<number>(rank - 1 - shape.length).fill(1), ...shape])
}

/**
 * Results of an op on one batched operand that `build` makes of one of its forms: `first` where its own first axis has length 1 and is
 * the first axis of each result (`keepsFirst`). `before` is the number of axes before its own.
 */
export function along(
  c: Context,
  operand: Operand,
  keepsFirst: boolean,
  build: (x: Value, form: BatchedForm, before: 0 | 1) => readonly Value[],
): Operand[] {
  const form = keepsFirst && sampleShape(operand)[0] === 1 ? 'first' : 'leading'
  return build(inForm(c, operand, form), form, axesBefore(form)).map((value) => ({ value, form }))
}

/** `x` with its axes in another order: a reshape where that moves only axes of length 1. */
function permuted(b: Builder, x: Value, perm: readonly number[]): Value {
  const { shape } = x.type
  const moved = perm.filter((axis) => shape[axis] !== 1)
  if (moved.some((axis, i) => i > 0 && axis < moved[i - 1]!)) return b.transpose(x, perm)
  return b.reshape(
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
  return b.reshape(permuted(b, x, others.toSpliced(axis, 0, 0)), shape.with(axis, size * shape[axis]!))
}

/** `x`, with blocks for `size` samples in axis `axis`, as [size, …shape]. */
export function splitFrom(b: Builder, x: Value, axis: number, size: number): Value {
  const { shape } = x.type
  return toFront(b, b.reshape(x, shape.toSpliced(axis, 1, size, shape[axis]! / size)), axis)
}
