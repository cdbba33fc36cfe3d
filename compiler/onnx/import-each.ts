import { fail } from '../core/diagnostics/diagnostic.ts'
import type { Bindings } from './boundary/bind.ts'
import { importModel, type ImportOptions } from './import.ts'

/** What of a model's shapes is not the same for all. */
export type ShapeBindings = Pick<Bindings, 'shapes' | 'dims'>

/** The model at each of several shapes: what `shapes` and `dims` say of it, beside what they say for all. As `importModel`; A106 for no shape. */
export function importEach(
  model: Uint8Array,
  { signatures = [{}], ...options }: ImportOptions & { readonly signatures?: readonly ShapeBindings[] },
): ReturnType<typeof importModel>[] {
  if (signatures.length === 0) fail('A106', 'there is no shape among the signatures')
  return signatures.map(({ shapes, dims }) =>
    importModel(model, { ...options, shapes: { ...options.shapes, ...shapes }, dims: { ...options.dims, ...dims } }),
  )
}
