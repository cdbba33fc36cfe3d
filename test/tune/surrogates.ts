import { cos, exp, pow } from '../../compiler/core/math/index.ts'
import type { Trial } from '../../compiler/tune/index.ts'

/** Functions that stand for a training: what a configuration's values come to, less is better. */
export const surrogates = {
  /** Rosenbrock (1960), 0 where all are 1. */
  'Rosenbrock in 10 dimensions': (trial: Trial): number => {
    const x = Array.from({ length: 10 }, (_, i) => trial.float(`x${i}`, -5, 10))
    return x.slice(1).reduce((sum, next, i) => sum + 100 * (next - x[i]! ** 2) ** 2 + (1 - x[i]!) ** 2, 0)
  },
  /** Hartmann (1973), in 6 dimensions, −3.322 at its least. */
  'Hartmann in 6 dimensions': (trial: Trial): number => {
    const x = Array.from({ length: 6 }, (_, i) => trial.float(`x${i}`, 0, 1))
    const alpha = [1, 1.2, 3, 3.2]
    const a = [
      [10, 3, 17, 3.5, 1.7, 8],
      [0.05, 10, 17, 0.1, 8, 14],
      [3, 3.5, 1.7, 10, 17, 8],
      [17, 8, 0.05, 10, 0.1, 14],
    ]
    const p = [
      [1312, 1696, 5569, 124, 8283, 5886],
      [2329, 4135, 8307, 3736, 1004, 9991],
      [2348, 1451, 3522, 2883, 3047, 6650],
      [4047, 8828, 8732, 5743, 1091, 381],
    ]
    return -alpha.reduce((sum, weight, i) => {
      const distance = x.reduce((d, value, j) => d + a[i]![j]! * (value - p[i]![j]! / 10000) ** 2, 0)
      return sum + weight * exp(-distance)
    }, 0)
  },
  /** A learning rate by its logarithm, a width in steps, three choices of which one decides where the others are best. */
  'numbers, whole numbers and options': (trial: Trial): number => {
    const kind = trial.categorical('kind', ['a', 'b', 'c', 'd'])
    const flag = trial.categorical('flag', [false, true])
    const rate = trial.float('rate', 1e-5, 1, { log: true })
    const width = trial.int('width', 8, 128, { step: 8 })
    const wave = trial.float('wave', -3, 3)
    const best = { a: 1e-4, b: 1e-3, c: 1e-2, d: 1e-1 }[kind]
    const off = Math.log10(rate / best)
    const price = { a: 2, b: 0.5, c: 0, d: 1 }[kind] + (flag ? 0 : 0.7)
    return price + off ** 2 + ((width - 72) / 40) ** 2 + 0.3 * (wave ** 2 - cos(6 * wave) + 1)
  },
  /** Parameters that only one of the choices has. */
  'parameters that depend on others': (trial: Trial): number => {
    const name = trial.categorical('optimizer', ['sgd', 'adam'])
    const rate = trial.float('rate', 1e-4, 1, { log: true })
    if (name === 'adam') return (Math.log10(rate) + 3) ** 2 + (trial.float('decay', 0, 1) - 0.3) ** 2
    return 0.5 + (Math.log10(rate) + 1) ** 2 + 4 * (trial.float('momentum', 0, 1) - 0.9) ** 2
  },
}

/** The loss after each epoch of a training that comes to `end`: down from `start`, the slower the later, with noise. */
export function curveOf(end: number, start: number, epochs: number, noise: readonly number[]): number[] {
  return Array.from({ length: epochs }, (_, i) => end + (start - end) * pow(0.75, i + 1) + 0.02 * noise[i]!)
}
