/** What draws: Observable Plot, and a document for it, which Node lacks. */
export interface Libraries {
  readonly plot: typeof import('@observablehq/plot')
  readonly document: Document
}

/** They are loaded where something is drawn: that takes a quarter of a second. */
export async function loadLibraries(): Promise<Libraries> {
  const [plot, linkedom] = await Promise.all([import('@observablehq/plot'), import('linkedom')])
  return { plot, document: linkedom.parseHTML('<!doctype html><html><body></body></html>').document }
}
