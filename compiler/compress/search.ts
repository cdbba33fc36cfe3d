/**
 * Keeps a quantized model within a budget of accuracy: layers that hurt are given back a level of their forms at a time, as
 * few steps as it takes. Which hurt is measured by quantizing each alone.
 */

/** The noise of the outputs with each layer alone quantized, relative to their mean square. */
export async function sensitivities<L>(
  layers: readonly L[],
  noiseWith: (layer: L) => Promise<number>,
): Promise<Map<L, number>> {
  const found = new Map<L, number>()
  for (const layer of layers) found.set(layer, await noiseWith(layer))
  return found
}

/**
 * The order in which layers are given back, each named once for each level it leaves: always the one whose step is worth most.
 * `worth` is that of the layers' steps from each level.
 */
export function stepsOf<L>(worth: readonly ReadonlyMap<L, number>[]): L[] {
  // A step that is worth more than the one before it comes right after that.
  const least = new Map<L, number>()
  const steps = worth.flatMap((level) =>
    [...level].map(([layer, own]) => {
      const bound = Math.min(own, least.get(layer) ?? Infinity)
      least.set(layer, bound)
      return { layer, bound }
    }),
  )
  return steps.sort((a, b) => b.bound - a.bound).map(({ layer }) => layer)
}

/** Noise by what it costs to be rid of it where that is a layer's bytes, so that layers of average size stay as they are. */
export function perByte<L>(noises: ReadonlyMap<L, number>, bytesOf: (layer: L) => number): Map<L, number> {
  const mean = [...noises.keys()].reduce((sum, layer) => sum + bytesOf(layer), 0) / noises.size
  return new Map([...noises].map(([layer, noise]) => [layer, (noise * mean) / bytesOf(layer)]))
}

export interface Attempt<T> {
  /** How many steps were taken. */
  readonly given: number
  readonly result: T
}

/**
 * The attempt with the fewest of `count` steps that `fits`, found by doubling and bisection; undefined if none does short of
 * all of them. `attempts` are all that were made.
 */
export async function bisect<T>(
  count: number,
  attempt: (given: number) => Promise<T>,
  fits: (result: T) => boolean,
): Promise<{ best: Attempt<T> | undefined; attempts: readonly Attempt<T>[] }> {
  const attempts: Attempt<T>[] = []
  const make = async (given: number): Promise<Attempt<T>> => {
    const made = { given, result: await attempt(given) }
    attempts.push(made)
    return made
  }
  let [low, high] = [0, count]
  let best: Attempt<T> | undefined
  // Invariant: `low` steps do not suffice; `high` do, or are all. Few are tried first: counting metrics are noisy, so that
  // more steps are not always better.
  for (let given = 1; given < count && !best; given *= 2) {
    const made = await make(given)
    if (fits(made.result)) [high, best] = [given, made]
    else low = given
  }
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2)
    const made = await make(middle)
    if (fits(made.result)) [high, best] = [middle, made]
    else low = middle
  }
  return { best, attempts }
}
