import { outsideOf } from '../core/analysis/lookup-ranges.ts'
import type { Tensor } from '../core/tensor.ts'
import { noLookups, outsideTable } from './errors.ts'

/** An input, and if its elements are places in a table, which of them are inside. */
export interface LookedUp {
  readonly name: string
  readonly range?: readonly [low: number, high: number] | undefined
}

/**
 * A504 where an element of a sample is a place outside of the table that it is looked up in, A501 where no input is known to be
 * looked up at all; `what` names the samples.
 */
export function checkIds(
  samples: readonly Readonly<Record<string, Tensor>>[],
  inputs: readonly LookedUp[],
  what: string,
): void {
  const ranges = inputs.flatMap(({ name, range }) => (range ? [{ name, low: range[0], high: range[1] }] : []))
  if (ranges.length === 0) noLookups()
  for (const [i, sample] of samples.entries()) {
    for (const { name, low, high } of ranges) {
      const t = sample[name]
      if (!t) continue
      const found = outsideOf(t, [low, high])
      if (!found) continue
      const which = samples.length > 1 ? `${what}, sample ${i + 1}` : what
      outsideTable(which, name, found.id, placeOf(found.at, t.shape), low, high)
    }
  }
}

function placeOf(at: number, shape: readonly number[]): number[] {
  let rest = at
  return shape
    .toReversed()
    .map((d) => {
      const place = rest % d
      rest = Math.floor(rest / d)
      return place
    })
    .reverse()
}
