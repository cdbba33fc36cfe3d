import { fail } from '../../index.ts'

/** What draws: Observable Plot, and a document for it, which Node lacks. */
export interface Libraries {
  readonly plot: typeof import('@observablehq/plot')
  readonly document: Document
}

/** A503 where a package is missing. */
export async function loadLibraries(): Promise<Libraries> {
  const missing = (): never =>
    fail('A503', 'the report needs the packages @observablehq/plot and linkedom', {
      hint: 'npm install --save-dev @observablehq/plot linkedom',
    })
  const [plot, linkedom] = await Promise.all([
    import('@observablehq/plot').catch(missing),
    import('linkedom').catch(missing),
  ])
  return { plot, document: linkedom.parseHTML('<!doctype html><html><body></body></html>').document }
}
