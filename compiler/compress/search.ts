/**
 * Keeps a quantized model within a budget of accuracy: layers that hurt are given back a rung of their forms at a time, as
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
 * The order in which layers are given back, each named once for each rung it leaves: always the one that makes most noise as
 * it stands. `noises` are those of the layers on each rung; on the last, which is f32, there is none.
 */
export function stepsOf<L>(noises: readonly ReadonlyMap<L, number>[]): L[] {
  // A gentler rung that seems to hurt more does so by chance: the step to it comes first all the same.
  const least = new Map<L, number>()
  const steps = noises.flatMap((rung) =>
    [...rung].map(([layer, own]) => {
      const noise = Math.min(own, least.get(layer) ?? Infinity)
      least.set(layer, noise)
      return { layer, noise }
    }),
  )
  return steps.sort((a, b) => b.noise - a.noise).map(({ layer }) => layer)
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
