import { erf, exp, log, pow } from '../../core/math/index.ts'
import { normal, type Random } from '../../core/random/random.ts'
import { fromInterval, intervalOf, toInterval, type Domain, type Point, type Space } from '../space.ts'

/** A truncated normal distribution: `inside` is the logarithm of what the whole one has in the interval, `peak` of its density there. */
interface Truncated {
  readonly mean: number
  readonly deviation: number
  readonly inside: number
  readonly peak: number
}

/** One parameter of one kernel: of a number, or a probability for each option and its logarithm. */
type Factor = Truncated | { readonly shares: readonly number[]; readonly logs: readonly number[] }

/** What the kernels of all observations weigh: the last 25 all the same, older ones less and less (Bergstra et al., 2013). */
function weightsOf(count: number): number[] {
  const old = Math.max(0, count - 25)
  return Array.from({ length: count }, (_, i) =>
    i < old ? (old === 1 ? 1 : i / (old - 1)) * (1 - 1 / count) + 1 / count : 1,
  )
}

/**
 * A density over a space from points: a mixture with a kernel around each, and one as wide as the space (Bergstra et al., "Algorithms for
 * Hyper-Parameter Optimization", 2011). Kernels are products over the parameters, which are so drawn together (Falkner et al., "BOHB", 2018).
 */
export class ParzenEstimator {
  readonly #space: Space
  readonly #kernels: readonly (readonly Factor[])[]
  /** Sums up to and with each kernel, of 1 in all. */
  readonly #cumulative: readonly number[]
  readonly #logWeights: readonly number[]

  constructor(space: Space, points: readonly Point[]) {
    this.#space = space
    const dimensions = [...space.values()].filter(({ domain }) => domain.kind !== 'categorical').length
    // Scott's rule, as wide as Optuna has it.
    const width = 0.2 * pow(Math.max(points.length, 1), -1 / (dimensions + 4))
    const factors = (point: Point | undefined): Factor[] =>
      [...space].map(([name, { domain }]) => factorOf(domain, point?.[name], width, points.length))
    this.#kernels = [...points, undefined].map(factors)
    const weights = [...weightsOf(points.length), 1]
    const total = weights.reduce((a, b) => a + b, 0)
    this.#logWeights = weights.map((w) => log(w / total))
    let sum = 0
    this.#cumulative = weights.map((w) => (sum += w / total))
  }

  sample(random: Random): Point {
    const share = random()
    const at = this.#cumulative.findIndex((sum) => share < sum)
    const kernel = this.#kernels.at(at)!
    return Object.fromEntries(
      [...this.#space].map(([name, { domain }], i) => [name, drawn(domain, kernel[i]!, random)]),
    )
  }

  /** The logarithm of the density; of integers and options, of the probability. */
  logDensity(point: Point): number {
    const places = [...this.#space].map(([name, { domain }]) => ({
      domain,
      place: domain.kind === 'categorical' ? point[name]! : toInterval(domain, point[name]!),
    }))
    const terms = this.#kernels.map((kernel, k) =>
      kernel.reduce((sum, factor, i) => sum + logOf(places[i]!.domain, factor, places[i]!.place), this.#logWeights[k]!),
    )
    const greatest = Math.max(...terms)
    return greatest === -Infinity ? greatest : greatest + log(terms.reduce((sum, t) => sum + exp(t - greatest), 0))
  }
}

/** The kernel around `value`, or that of the whole domain. */
function factorOf(domain: Domain, value: number | undefined, width: number, count: number): Factor {
  if (domain.kind === 'categorical') {
    const prior = 1 / (count + 1)
    const total = 1 + prior * domain.count
    const shares = Array.from({ length: domain.count }, (_, i) =>
      value === undefined ? 1 / domain.count : ((i === value ? 1 : 0) + prior) / total,
    )
    return { shares, logs: shares.map(log) }
  }
  const { low, high } = intervalOf(domain)
  if (value === undefined) return truncated((low + high) / 2, high - low, low, high)
  // No narrower than this, or a few good points would end the search.
  const least = (high - low) / Math.min(100, 2 + count)
  return truncated(toInterval(domain, value), Math.max(least, width * (high - low)), low, high)
}

function truncated(mean: number, deviation: number, low: number, high: number): Truncated {
  const inside = log(between((low - mean) / deviation, (high - mean) / deviation))
  return { mean, deviation, inside, peak: -log(deviation) - log(2 * Math.PI) / 2 - inside }
}

function drawn(domain: Domain, factor: Factor, random: Random): number {
  if (domain.kind === 'categorical') {
    if (!('shares' in factor)) throw new TypeError('an option has shares')
    let left = random()
    const at = factor.shares.findIndex((share) => (left -= share) < 0)
    return at < 0 ? domain.count - 1 : at
  }
  if (!('mean' in factor)) throw new TypeError('a number has a mean')
  const { low, high } = intervalOf(domain)
  // Means are inside: a third of all draws is, too, at the least.
  for (;;) {
    const place = factor.mean + factor.deviation * normal(random)
    if (place >= low && place <= high) return fromInterval(domain, place)
  }
}

const halfRoot = Math.SQRT1_2

/** The probability of a standard normal number between two. */
const between = (a: number, b: number): number => (erf(b * halfRoot) - erf(a * halfRoot)) / 2

/** Of an option's place, or a number's in its interval. */
function logOf(domain: Domain, factor: Factor, place: number): number {
  if ('logs' in factor) return factor.logs[place]!
  if (domain.kind === 'categorical') throw new TypeError('an option has shares')
  const { mean, deviation, inside, peak } = factor
  if (domain.kind === 'int') {
    const half = domain.step / 2
    return log(between((place - half - mean) / deviation, (place + half - mean) / deviation)) - inside
  }
  const z = (place - mean) / deviation
  return peak - (z * z) / 2
}
