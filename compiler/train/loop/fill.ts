import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { TypedArray } from '../../core/scalar/dtype.ts'
import type { Instance } from '../../core/executor.ts'

/** Writes `values` over all states of the same names. A502 where one is missing, or of another kind or length. */
export function fill(state: Instance['state'], values: Readonly<Record<string, TypedArray>>): void {
  for (const [name, view] of Object.entries(state)) {
    const given = Object.hasOwn(values, name) ? values[name] : undefined
    if (given?.length !== view.length || given.constructor !== view.constructor)
      fail('A502', `the checkpoint is damaged: "${name}" should be ${view.length} numbers`)
    view.set(given as never)
  }
}
