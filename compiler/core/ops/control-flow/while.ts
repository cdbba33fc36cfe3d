import { check } from '../../diagnostics/check.ts'
import type { Graph } from '../../graph.ts'
import { rowMajorStrides, walk, type Shape } from '../../shape.ts'
import { formatType, sameType, zeros, type Tensor, type TensorType } from '../../tensor.ts'
import { checkAxis, keepsAll, type Facets } from '../facets.ts'

/** How a tensor is cut into one slice for each iteration: along `axis`, which the slices lack. */
export interface ScanAxis {
  readonly axis: number
  /** The first iteration has the last slice. */
  readonly reverse: boolean
}

export interface WhileAttrs {
  /**
   * Inputs: the iteration's number i32[], carried values, slices of the scan inputs, invariants. Outputs: with
   * `conditional` whether another iteration follows, bool[]; the next carried values; slices of the scan outputs.
   */
  readonly body: Graph
  /** Iterations, or with `conditional` their greatest number. */
  readonly trips: number
  /** Operand 0 tells whether there is a first iteration, the body whether there is a next. */
  readonly conditional: boolean
  /** Number of carried values. */
  readonly carried: number
  readonly scanInputs: readonly ScanAxis[]
  readonly scanOutputs: readonly ScanAxis[]
}

/** `trips` of a loop that its condition alone ends. */
export const unboundedTrips = 2 ** 31 - 1

const sliceShape = (shape: Shape, { axis }: ScanAxis): number[] => shape.toSpliced(axis, 1)
const stackedShape = (slice: Shape, { axis }: ScanAxis, trips: number): number[] => slice.toSpliced(axis, 0, trips)

/** Operands by role; the condition is undefined unless `conditional`. */
export function splitOperands<T>(operands: readonly T[], a: Omit<WhileAttrs, 'body'>) {
  const first = a.conditional ? 1 : 0
  const scans = first + a.carried
  const invariants = scans + a.scanInputs.length
  return {
    condition: a.conditional ? operands[0] : undefined,
    carried: operands.slice(first, scans),
    scanInputs: operands.slice(scans, invariants),
    invariants: operands.slice(invariants),
  }
}

/** The body's outputs by role. */
export function splitOutputs<T>(outputs: readonly T[], a: Omit<WhileAttrs, 'body'>) {
  const first = a.conditional ? 1 : 0
  return {
    condition: a.conditional ? outputs[0] : undefined,
    carried: outputs.slice(first, first + a.carried),
    slices: outputs.slice(first + a.carried),
  }
}

function checkType(actual: TensorType | undefined, wanted: TensorType, what: string): void {
  check(
    actual !== undefined && sameType(actual, wanted),
    `${what} is ${actual ? formatType(actual) : 'missing'}, not ${formatType(wanted)}`,
  )
}

/** Copies slice `i` of `whole` to `slice`, or the other way. */
function copySlice(whole: Tensor, slice: Tensor, { axis }: ScanAxis, i: number, into: 'slice' | 'whole'): void {
  const strides = rowMajorStrides(whole.shape)
  let at = 0
  walk(
    slice.shape,
    [strides.toSpliced(axis, 1)],
    ([offset]) => {
      if (into === 'slice') slice.data[at++] = whole.data[offset!]!
      else whole.data[offset!] = slice.data[at++]!
    },
    [i * strides[axis]!],
  )
}

/**
 * A loop (StableHLO while, with jax.lax.scan's slices). Results: the carried values after the last iteration, the scan
 * outputs, whose slices are 0 where no iteration gave one, and the number of iterations that took place, i32[].
 */
export const whileLoop: Facets<WhileAttrs> = {
  type: (operands, attrs) => {
    const { body, trips, conditional, carried, scanInputs, scanOutputs } = attrs
    check(Number.isInteger(trips) && trips >= 0 && trips <= unboundedTrips, `${trips} iterations`)
    check(conditional || trips < unboundedTrips, 'a loop that nothing ends')
    const given = splitOperands(operands, attrs)
    const flag: TensorType = { dtype: 'bool', shape: [] }
    if (conditional) checkType(given.condition, flag, 'the condition')
    const slices = given.scanInputs.map((x, i) => {
      const scan = scanInputs[i]!
      checkAxis(scan.axis, x.shape.length)
      check(x.shape[scan.axis] === trips, `${formatType(x)} has not ${trips} slices along axis ${scan.axis}`)
      return { dtype: x.dtype, shape: sliceShape(x.shape, scan) }
    })
    const args = [{ dtype: 'i32', shape: [] } as const, ...given.carried, ...slices, ...given.invariants]
    check(body.inputs.length === args.length, `the body has ${body.inputs.length} inputs`)
    args.forEach((a, i) => checkType(body.inputs[i]!.value.type, a, `input ${i} of the body`))
    const outputs = splitOutputs(
      body.outputs.map((port) => port.value.type),
      attrs,
    )
    if (conditional) checkType(outputs.condition, flag, "the body's condition")
    given.carried.forEach((type, i) => checkType(outputs.carried[i], type, `the next carried value ${i}`))
    check(
      given.carried.length === carried && outputs.slices.length === scanOutputs.length,
      `the body has ${body.outputs.length} outputs`,
    )
    const stacked = outputs.slices.map(({ dtype, shape }, i) => {
      checkAxis(scanOutputs[i]!.axis, shape.length + 1)
      return { dtype, shape: stackedShape(shape, scanOutputs[i]!, trips) }
    })
    return [...given.carried, ...stacked, { dtype: 'i32', shape: [] }]
  },
  evaluate: (operands, attrs, run) => {
    const { body, trips, scanInputs, scanOutputs } = attrs
    const { condition, carried: initial, scanInputs: xs, invariants } = splitOperands(operands, attrs)
    const types = splitOutputs(
      body.outputs.map((port) => port.value.type),
      attrs,
    )
    const stacked = types.slices.map(({ dtype, shape }, k) => zeros(dtype, stackedShape(shape, scanOutputs[k]!, trips)))
    const place = (i: number, { reverse }: ScanAxis): number => (reverse ? trips - 1 - i : i)
    const number = (i: number): Tensor => ({ dtype: 'i32', shape: [], data: Int32Array.of(i) })
    let carried = initial
    let running = condition === undefined || condition.data[0] !== 0
    let i = 0
    for (; running && i < trips; i++) {
      const slices = xs.map((x, k) => {
        const slice = zeros(x.dtype, sliceShape(x.shape, scanInputs[k]!))
        copySlice(x, slice, scanInputs[k]!, place(i, scanInputs[k]!), 'slice')
        return slice
      })
      const next = splitOutputs(run!(body, [number(i), ...carried, ...slices, ...invariants]), attrs)
      carried = next.carried
      next.slices.forEach((slice, k) =>
        copySlice(stacked[k]!, slice, scanOutputs[k]!, place(i, scanOutputs[k]!), 'whole'),
      )
      running = next.condition === undefined || next.condition.data[0] !== 0
    }
    return [...carried, ...stacked, number(i)]
  },
  indices: () => [],
  keep: keepsAll,
}
