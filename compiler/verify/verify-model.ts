import { isFloat, type StateSpec, type Tensor } from '../index.ts'
import {
  compare,
  errorInSteps,
  merge,
  sqnrDb,
  toleranceOf,
  type Comparison,
  type GivenTolerance,
  type Tolerance,
} from './compare.ts'
import type { Runner } from './engine.ts'
import type { Reference } from './onnxruntime.ts'
import { steps } from './steps.ts'

/** How one output of a module differs from the reference's, over all runs. */
export interface OutputAccuracy {
  readonly output: string
  readonly maxAbs: number
  readonly maxRel: number
  readonly sqnrDb: number
  /** Share of rows along the last dimension with the largest element at the same place; null without rows of 2 or more. */
  readonly top1: number | null
  readonly status: 'pass' | 'fail'
  /** What judged it, but for a quantized model. */
  readonly tolerance?: Tolerance
  /** The first difference beyond the tolerance. */
  readonly message?: string
}

/**
 * Quantized models are not within a tolerance of floats: of each output the error (root mean square) is at most so many steps of
 * 1/255 of the range that the source model gives on the samples. Errors of layers add up, so that more than one is usual;
 * a model that is wrong is off by a quarter of the range.
 */
export const allowedSteps = 16

export interface VariantAccuracy {
  readonly variant: string
  readonly outputs: readonly OutputAccuracy[]
}

/**
 * Compares a module's variants with the reference on `samples`, the inputs of single runs or of a sequence's steps: steps.ts says what
 * `bound` and `states` are. Floats are judged by `tolerance`, or of quantized models by `steps`.
 */
export async function verifyModel(
  reference: Reference,
  runners: readonly Runner[],
  samples: readonly Readonly<Record<string, Tensor>>[],
  bound: Readonly<Record<string, Tensor>>,
  tolerance: GivenTolerance | 'steps',
  states?: readonly StateSpec[],
): Promise<VariantAccuracy[]> {
  const found = runners.map(() => new Map<string, Comparison>())
  const judges = new Map<string, Tolerance>()
  for await (const step of steps(reference, runners, samples, bound, states)) {
    const { expected } = step
    for (const [i, outputs] of step.found.entries()) {
      for (const [name, value] of Object.entries(outputs)) {
        const difference = compare(value, expected[name]!, tolerance === 'steps' ? noTolerance : tolerance)
        if (tolerance !== 'steps' && isFloat(value.dtype)) judges.set(name, toleranceOf(value.dtype, tolerance))
        const before = found[i]!.get(name)
        found[i]!.set(name, before ? merge(before, difference) : difference)
      }
    }
  }
  return runners.map(({ variant }, i) => ({
    variant,
    outputs: [...found[i]!].map(([output, differences]) =>
      accuracy([output, differences], judges.get(output), tolerance === 'steps'),
    ),
  }))
}

const noTolerance: GivenTolerance = { atol: 0, rtol: 0 }

function accuracy(
  [output, found]: readonly [string, Comparison],
  tolerance: Tolerance | undefined,
  inSteps: boolean,
): OutputAccuracy {
  const { maxAbs, maxRel, rows, agreeing } = found
  const wrong = inSteps ? beyondSteps(found) : found.wrong
  const measures = { output, maxAbs, maxRel, sqnrDb: sqnrDb(found), top1: rows > 0 ? agreeing / rows : null }
  const judged = { ...measures, ...(tolerance && { tolerance }) }
  return wrong ? { ...judged, status: 'fail', message: wrong } : { ...judged, status: 'pass' }
}

function beyondSteps(found: Comparison): string | undefined {
  // NaN where there is none in the other, or another type.
  if (found.maxAbs === Infinity) return found.wrong
  const error = errorInSteps(found)
  return error <= allowedSteps
    ? undefined
    : `${error.toFixed(1)} steps of 1/255 of its range off, expected ${allowedSteps} at most`
}
