import { windowOf, type Access, type TemplateKernel } from '../../program/program.ts'
import type { Scheduler } from '../scheduler.ts'

/**
 * Emits the call that `body` makes for each of `images`: a loop of the program where there are several. `at` gives the place of
 * an image in an access whose first axis runs over images.
 */
export function forEachImage(
  s: Scheduler,
  images: number,
  nodes: readonly string[],
  body: (at: <A extends Access | undefined>(access: A) => A) => TemplateKernel,
): void {
  if (images === 1) return s.emit(body((access) => access))
  const counter = { name: `${nodes[0] ?? 'images'}/image` }
  const at = <A extends Access | undefined>(access: A): A =>
    access ? { ...access, buffer: windowOf(access.buffer, counter, 0, access.strides[0]!) } : access
  s.emit({ kind: 'loop', counter, trips: images, body: [body(at)], nodes })
}
