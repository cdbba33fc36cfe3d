/**
 * Keeps a quantized model within a budget of accuracy: the layers that hurt most are given back to f32, as few as it
 * takes. Which hurt is measured by quantizing each alone.
 */

/** The noise of the outputs with each layer alone quantized, relative to their mean square. */
export async function sensitivities<L>(
  layers: readonly L[],
  noiseWith: (layers: readonly L[]) => Promise<number>,
): Promise<Map<L, number>> {
  const found = new Map<L, number>()
  for (const layer of layers) found.set(layer, await noiseWith([layer]))
  return found
}

/** Layers from the one that hurts most. */
export const ranking = <L>(found: ReadonlyMap<L, number>): L[] =>
  [...found].sort(([, a], [, b]) => b - a).map(([layer]) => layer)

export interface Attempt<T> {
  /** How many layers of the ranking are left in f32. */
  readonly given: number
  readonly result: T
}

/**
 * The attempt with the fewest layers of a ranking given back that `fits`, found by doubling and bisection; undefined if none does short
 * of all `count` of them. `attempts` are all that were made.
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
  // Invariant: `low` layers do not suffice; `high` do, or are all. Few are tried first: counting metrics are noisy, so that
  // more layers are not always better.
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
