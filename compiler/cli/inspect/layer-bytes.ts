import type { Inspection } from '../../index.ts'
import type { KernelBeside } from './report-beside.ts'

/** A kernel's share of a module, in bytes. */
export interface KernelBytes {
  /** Of the functions that no kernel before it runs. */
  readonly code: number
  /** Of the constants that no kernel before it reads. */
  readonly weights: number
}

/** What each kernel adds to the module, in the order they run; undefined where the report is of another module. */
export function bytesOfKernels(
  { functions, run }: Inspection,
  kernels: readonly KernelBeside[],
): KernelBytes[] | undefined {
  if (run?.calls.length !== kernels.length) return undefined
  const seen = new Set<number>()
  return run.calls.map((callee, i) => {
    const own = [callee, ...(run.choices.get(callee) ?? [])].filter((each) => !seen.has(each))
    own.forEach((each) => seen.add(each))
    return {
      code: own.reduce((sum, each) => sum + (functions[each] ?? 0), 0),
      weights: kernels[i]!.weights ?? 0,
    }
  })
}
