/** Errors of several parts, one function for each: its text, code and hint stand nowhere else. None returns. */
import { fail } from './diagnostic.ts'

/** What is said of anything that was thrown. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as { readonly code?: unknown }
  return code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'it may not be read' : error.message
}

/** A503. `packages` are those to install, if not `what`. */
export function missingPackage(what: string, packages = what): never {
  fail('A503', `${what} is not installed`, { hint: `npm install --save-dev ${packages}` })
}

/** A501 */
export function metricNeedsLabels(metric: string): never {
  fail('A501', `metric ${metric} needs labels`, { hint: 'give them as an array "y", or measure agreement' })
}
