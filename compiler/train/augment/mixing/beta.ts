import { exp, log } from '../../../core/math/index.ts'
import { normal, type Random } from '../random.ts'

/** A number of the distribution Beta(α, α), in [0, 1]: X / (X + Y) of two of the distribution Gamma(α). */
export function beta(random: Random, alpha: number): number {
  // Small α have numbers so near to 0 that both would be 0: only their logarithms are computed.
  const [x, y] = [logGamma(random, alpha), logGamma(random, alpha)]
  return 1 / (1 + exp(y - x))
}

/** The logarithm of a number of the distribution Gamma(α) (Marsaglia & Tsang, 2000). */
function logGamma(random: Random, alpha: number): number {
  if (alpha < 1) return logGamma(random, alpha + 1) + log(1 - random()) / alpha
  const d = alpha - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = normal(random)
    const root = 1 + c * x
    const v = root * root * root
    const u = 1 - random()
    if (v > 0 && log(u) < (x * x) / 2 + d - d * v + d * log(v)) return log(d * v)
  }
}
