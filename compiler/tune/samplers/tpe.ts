import { byCrowding, fronts } from '../pareto.ts'
import type { Point, Space } from '../space.ts'
import { latinSampler } from './latin.ts'
import { ParzenEstimator } from './parzen.ts'
import type { Observed, Sampler } from './sampler.ts'

export interface TpeOptions {
  /** Trials of a Latin hypercube before, behind the first, which has the defaults. */
  readonly startup: number
  /** Points that are drawn for each that is tried. */
  readonly candidates: number
}

/** How many of all trials are good. */
const goodOf = (count: number): number => Math.min(Math.ceil(0.1 * count), 25)

/**
 * The tree-structured Parzen estimator (Bergstra et al., 2011) of all parameters together: where good trials are dense and others are not.
 * With several objectives trials of earlier fronts are better, and within a front those that are alone (as in Ozaki et al., 2020, by
 * crowding instead of hypervolume). Trials that run count as bad, so that several at a time try different points.
 */
export const tpeSampler =
  ({ startup, candidates }: TpeOptions): Sampler =>
  (context) => {
    const { space, ended, running, number, random } = context
    if (number <= startup) return latinSampler(1, startup)(context)
    const [good, bad] = divided(ended)
    const [l, g] = [estimator(space, good), estimator(space, [...bad, ...running])]
    let [best, score] = [undefined as Point | undefined, -Infinity]
    for (let i = 0; i < candidates; i++) {
      const point = l.sample(random)
      const ratio = l.logDensity(point) - g.logDensity(point)
      if (best === undefined || ratio > score) [best, score] = [point, ratio]
    }
    return best!
  }

/** Points may lack what only others have: such parameters are drawn where they are asked for. */
function estimator(space: Space, points: readonly Point[]): ParzenEstimator {
  const whole = points.filter((point) => [...space.keys()].every((name) => name in point))
  return new ParzenEstimator(space, whole)
}

/** Points of good trials and of all others, each in the order of the trials. */
function divided(ended: readonly Observed[]): [good: Point[], bad: Point[]] {
  const known = ended.filter(({ values }) => values !== undefined)
  const values = known.map(({ values }) => values!)
  const sorted = fronts(values).flatMap((front) => (values[0]!.length === 1 ? front : byCrowding(front, values)))
  const good = new Set(sorted.slice(0, goodOf(known.length)).map((i) => known[i]))
  return [ended.filter((o) => good.has(o)).map((o) => o.point), ended.filter((o) => !good.has(o)).map((o) => o.point)]
}
