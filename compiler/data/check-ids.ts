import { fail } from '../core/diagnostic.ts'
import { reader, type Tensor } from '../core/tensor.ts'

/** An input, and if its elements are places in a table, which of them are inside. */
export interface LookedUp {
  readonly name: string
  readonly range?: readonly [low: number, high: number] | undefined
}

/**
 * A501 where an element of a sample is a place outside of the table that it is looked up in, or where no input is known to be
 * looked up at all; `what` names the samples.
 */
export function checkIds(
  samples: readonly Readonly<Record<string, Tensor>>[],
  inputs: readonly LookedUp[],
  what: string,
): void {
  const ranges = inputs.flatMap(({ name, range }) => (range ? [{ name, low: range[0], high: range[1] }] : []))
  if (ranges.length === 0)
    fail('A501', '--check-ids: no input of the model is known to be looked up in a table', {
      hint: 'compile the model anew if that was done by a version of attar without this option',
    })
  for (const [i, sample] of samples.entries()) {
    for (const { name, low, high } of ranges) {
      const t = sample[name]
      if (!t) continue
      const read = reader(t)
      for (let at = 0; at < t.data.length; at++) {
        const id = read(at)
        if (id >= low && id <= high) continue
        const which = samples.length > 1 ? `${what}, sample ${i + 1}` : what
        fail(
          'A501',
          `${which}: input "${name}" has ${id} at [${placeOf(at, t.shape).join(',')}], outside of its table`,
          {
            hint: `the table takes ${low} to ${high}; without --check-ids the nearest row is taken`,
          },
        )
      }
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
