import type { Tensor } from '../index.ts'
import { compare, merge, sqnrDb, type Comparison, type Tolerance } from './compare.ts'
import type { Runner } from './engine.ts'
import type { Reference } from './onnxruntime.ts'

/** How one output of a module differs from the reference's, over all runs. */
export interface OutputAccuracy {
  readonly output: string
  readonly maxAbs: number
  readonly maxRel: number
  readonly sqnrDb: number
  /** Share of rows along the last dimension with the largest element at the same place; null without rows of 2 or more. */
  readonly top1: number | null
  readonly status: 'pass' | 'fail'
  /** The first difference beyond the tolerance. */
  readonly message?: string
}

export interface VariantAccuracy {
  readonly variant: string
  readonly outputs: readonly OutputAccuracy[]
}

/**
 * Compares a module's variants with the reference on `samples`, the inputs of single runs. `bound` are further inputs of the
 * model, which are constants in the module.
 */
export async function verifyModel(
  reference: Reference,
  runners: readonly Runner[],
  samples: readonly Readonly<Record<string, Tensor>>[],
  bound: Readonly<Record<string, Tensor>>,
  tolerance: Tolerance,
): Promise<VariantAccuracy[]> {
  const found = runners.map(() => new Map<string, Comparison>())
  for (const sample of samples) {
    const expected = await reference.run({ ...bound, ...sample })
    for (const [i, { run }] of runners.entries()) {
      for (const [name, value] of Object.entries(await run(sample))) {
        const difference = compare(value, expected[name]!, tolerance)
        const before = found[i]!.get(name)
        found[i]!.set(name, before ? merge(before, difference) : difference)
      }
    }
  }
  return runners.map(({ variant }, i) => ({ variant, outputs: [...found[i]!].map(accuracy) }))
}

function accuracy([output, found]: readonly [string, Comparison]): OutputAccuracy {
  const { maxAbs, maxRel, rows, agreeing, wrong } = found
  const measures = { output, maxAbs, maxRel, sqnrDb: sqnrDb(found), top1: rows > 0 ? agreeing / rows : null }
  return wrong ? { ...measures, status: 'fail', message: wrong } : { ...measures, status: 'pass' }
}
