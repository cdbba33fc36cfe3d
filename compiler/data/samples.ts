import { byteSize, integerRange, isBigInt, isFloat, isInteger, type DType } from '../core/scalar/dtype.ts'
import { uniform } from '../core/random/random.ts'
import { elementCount, sameShape, type Shape } from '../core/shape.ts'
import { formatType, reader, tensorOf, typeBytes, zeros, type Tensor, type TensorType } from '../core/tensor.ts'
import type { Preprocessing } from './preprocess.ts'
import { noArray, noLabels, outOfRange, padHint, unequalRuns, wrongType, tooManySamples } from './errors.ts'

/** An input of a model. */
export interface InputType extends TensorType {
  readonly name: string
  /** The least and the greatest that elements may be: one pair for all, or one for each. */
  readonly bounds?: readonly (readonly [number, number])[]
  /** Where its elements are places in a table, which of them are inside. */
  readonly range?: readonly [low: number, high: number] | undefined
}

/** Inputs of single runs, with what is known of the results. */
export interface Dataset {
  readonly samples: readonly Readonly<Record<string, Tensor>>[]
  /** For each sample its class, or the values that the first output should have. */
  readonly labels?: readonly (readonly number[])[]
  /** The names of the classes, which are numbered in this order. */
  readonly classes?: readonly string[]
  /** How pictures, sounds or rows of ids became inputs. */
  readonly preprocess?: Preprocessing
  /** What a user should know of how the file was read, such as arrays in it that nothing uses. */
  readonly notes?: readonly string[]
}

/** What arrays, columns and members that are labels are called, unless told otherwise. */
export const defaultLabel = 'y'

/**
 * What a file has that is neither input nor label, as notes. A501 where it has no `label` although one was asked for; `kind` is
 * what there is several of.
 */
export function unusedNotes(
  kind: string,
  names: readonly string[],
  used: ReadonlySet<string>,
  label: string | undefined,
  what: string,
): string[] {
  if (label !== undefined && !used.has(label)) noLabels(what, kind, label, names)
  const unused = names.filter((name) => !used.has(name))
  if (unused.length === 0) return []
  const shown = unused.slice(0, 8).map((name) => `"${name}"`)
  const list = `${shown.join(', ')}${unused.length > shown.length ? ' …' : ''}`
  const hint = used.has(label ?? defaultLabel) ? '' : '; --label NAME names the one that is labels'
  return [`${what}: not used: ${kind} ${list}${hint}`]
}

/** All samples together. */
const maxBytes = 2 ** 31

/** A301 for more samples than fit into 2 GiB. */
export function checkSize(count: number, inputs: readonly InputType[]): void {
  const bytes = inputs.reduce((sum, input) => sum + typeBytes(input), 0)
  if (count * bytes > maxBytes) tooManySamples(count)
}

/**
 * `t` as `dtype`: floats to floats (rounded), integers and booleans to integers that hold their values, so that NumPy's
 * 64-bit defaults will do, and where `notes` are taken, integers to floats of the same values. A504 for anything else; `what`
 * names the tensor.
 */
export function convert(t: Tensor, dtype: DType, what: string, notes?: string[]): Tensor {
  if (t.dtype === dtype) return t
  const read = reader(t)
  const values = Array.from({ length: t.data.length }, (_, i) => read(i))
  if (isFloat(t.dtype) && isFloat(dtype)) return tensorOf(dtype, t.shape, values)
  if (isFloat(dtype) && notes) {
    notes.push(`${what} is ${t.dtype}, the model takes ${dtype}: its numbers are taken as they are, without a scale`)
    return tensorOf(dtype, t.shape, values.map(Number))
  }
  if (isFloat(t.dtype) || isFloat(dtype)) wrongType(what, t.dtype, dtype)
  const { min, max } = integerRange(dtype)
  const misfit = values.find((v) => v < min || v > max)
  if (misfit !== undefined) outOfRange(what, misfit, dtype)
  return tensorOf(dtype, t.shape, values)
}

/**
 * Numbers of a text as a value of `input`. `bad` is told of one that the input's type does not hold, and of another count than the
 * input has elements; with `pad`, rows of integers are cut to that count or filled up.
 */
export function valueOf(
  input: InputType,
  values: readonly number[],
  pad: number | undefined,
  bad: (message: string, hint?: string) => never,
): Tensor {
  const { dtype, shape } = input
  const count = elementCount(shape)
  const isRow = takesRows(input)
  const padded = isRow && pad !== undefined
  if (values.length !== count && !padded)
    bad(`${values.length} elements, the model takes ${formatType(input)}`, isRow ? padHint : undefined)
  if (isFloat(dtype)) return tensorOf(dtype, shape, values)
  const { min, max } = integerRange(dtype)
  const fitting = padded ? fittedRow(values, count, pad) : values
  const misfit = fitting.find((x) => !Number.isSafeInteger(x) || x < min || x > max)
  if (misfit !== undefined) bad(`${misfit}, which ${dtype} does not hold`)
  return tensorOf(dtype, shape, isBigInt(dtype) ? fitting.map(BigInt) : fitting)
}

/** Whether a value of the input is one row of integers, such as ids of words. */
export const takesRows = ({ dtype, shape }: InputType): boolean =>
  isInteger(dtype) && shape.length > 0 && shape.slice(0, -1).every((d) => d === 1)

const fittedRow = (values: readonly number[], count: number, pad: number): number[] => [
  ...values.slice(0, count),
  ...new Array<number>(Math.max(0, count - values.length)).fill(pad),
]

/** Rows [runs, …, m] as [runs, …, n], where the input takes rows of n integers. Others are left alone. */
function paddedRows(t: Tensor, input: InputType, pad: number | undefined): Tensor {
  const [own, count] = [t.shape.at(-1)!, input.shape.at(-1)!]
  const isRows = isInteger(t.dtype) && t.shape.length > 1 && t.shape.slice(1, -1).every((d) => d === 1)
  if (pad === undefined || !takesRows(input) || !isRows || own === count) return t
  const runs = t.shape[0]!
  const result = zeros(t.dtype, [runs, ...input.shape.slice(1)])
  const fill = isBigInt(t.dtype) ? BigInt(pad) : pad
  const kept = Math.min(own, count)
  const { min, max } = integerRange(t.dtype)
  if (fill < min || fill > max) outOfRange('pad', fill, t.dtype)
  result.data.fill(fill as never)
  for (let run = 0; run < runs; run++)
    result.data.set(t.data.subarray(run * own, run * own + kept) as never, run * count)
  return result
}

/** How many runs `t` feeds an input of `shape`: by an extra first dimension, or by more rows than the input's own. */
function runsIn(t: Tensor, shape: Shape): number | undefined {
  if (sameShape(t.shape, shape)) return 1
  if (sameShape(t.shape.slice(1), shape)) return t.shape[0]!
  const [rows, batch] = [t.shape[0] ?? 0, shape[0] ?? 0]
  return batch > 0 && rows % batch === 0 && sameShape(t.shape.slice(1), shape.slice(1)) ? rows / batch : undefined
}

/**
 * The array that each input is read from. The only input of a model may go by another name if one array alone fits it. A504
 * where one is missing.
 */
function arraysFor(
  arrays: Readonly<Record<string, Tensor>>,
  inputs: readonly InputType[],
  pad: number | undefined,
): { name: string; array: Tensor }[] {
  return inputs.map((input) => {
    const { name, shape } = input
    if (Object.hasOwn(arrays, name)) return { name, array: paddedRows(arrays[name]!, input, pad) }
    const fitting = Object.entries(arrays)
      .map(([other, t]) => [other, paddedRows(t, input, pad)] as const)
      .filter(([, t]) => runsIn(t, shape) !== undefined)
    const [only] = fitting
    if (inputs.length > 1 || fitting.length !== 1 || !only) noArray(name, Object.keys(arrays))
    return { name: only[0], array: only[1] }
  })
}

/**
 * Arrays of a data set, cut into the inputs of single runs, and the names of those arrays. An array has the input's own shape, for one run, or holds the
 * runs one after another: n × shape, or rows in multiples of the input's first dimension. Arrays that are no inputs
 * (labels) are left alone. The only input of a model may go by another name if one array alone fits it. What is converted is
 * added to `notes`. With `pad`, rows of integers are cut to the input's length or filled up. A504 where an input is missing or an array doesn't fit.
 */
export function splitSamples(
  arrays: Readonly<Record<string, Tensor>>,
  inputs: readonly InputType[],
  notes: string[] = [],
  pad?: number,
): { samples: Record<string, Tensor>[]; used: string[] } {
  const found = arraysFor(arrays, inputs, pad)
  const columns = inputs.map((input, i) => {
    const { name, dtype, shape } = input
    const t = found[i]!.array
    const runs = runsIn(t, shape)
    if (runs === undefined)
      wrongType(`array "${name}"`, formatType(t), formatType(input), takesRows(input) ? padHint : undefined)
    return { name, shape, runs, data: convert(t, dtype, `array "${found[i]!.name}"`, notes).data, dtype }
  })
  const [first] = columns
  const other = columns.find((c) => c.runs !== first!.runs)
  if (other) unequalRuns(first!, other)
  const samples = Array.from({ length: first?.runs ?? 1 }, (_, run) => {
    const cut = columns.map(({ name, dtype, shape, data }) => {
      const size = elementCount(shape)
      return [name, { dtype, shape, data: data.subarray(run * size, (run + 1) * size) }] as const
    })
    return Object.fromEntries(cut)
  })
  return { samples, used: found.map(({ name }) => name) }
}

/**
 * Seeded inputs of one run for a model about which nothing is known: floats uniform in [-1, 1), integers of up to 16 bits
 * over their whole range, since they are quantized or samples, wider ones and booleans 0 or 1, since they are often indices.
 */
export function randomInputs(inputs: readonly InputType[], seed: number): Record<string, Tensor> {
  const next = uniform(seed)
  const draw = (dtype: DType, bound: readonly [number, number] | undefined): number => {
    if (isFloat(dtype)) return 2 * next() - 1
    const { min, max } = bound
      ? { min: bound[0], max: bound[1] }
      : dtype === 'bool' || byteSize(dtype) > 2
        ? { min: 0, max: 1 }
        : integerRange(dtype)
    return Math.floor(Number(min) + (Number(max) - Number(min) + 1) * next())
  }
  const entries = inputs.map(({ name, dtype, shape, bounds = [] }) => {
    const values = Array.from({ length: elementCount(shape) }, (_, i) => draw(dtype, bounds[i] ?? bounds[0]))
    return [name, tensorOf(dtype, shape, isBigInt(dtype) ? values.map(BigInt) : values)] as const
  })
  return Object.fromEntries(entries)
}

/** Inputs of `count` runs, of seeds that follow one another. A301 for more than 2 GiB of them. */
export function randomSamples(inputs: readonly InputType[], count: number, seed: number): Record<string, Tensor>[] {
  checkSize(count, inputs)
  return Array.from({ length: count }, (_, i) => randomInputs(inputs, seed + i))
}
