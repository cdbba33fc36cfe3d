import { bestOf, type Stopper } from './stopper.ts'

export interface HalvingOptions {
  /** Epochs of the first rung. */
  readonly least: number
  /** One in this many goes on at each rung, and each rung has this many times the epochs of the one before. */
  readonly factor: number
}

/**
 * Asynchronous successive halving (Li et al., "A System for Massively Parallel Hyperparameter Tuning", 2020), in its form that stops: at a
 * rung a trial goes on if it is among the best of all that came there before it.
 */
export const halvingStopper =
  ({ least, factor }: HalvingOptions): Stopper =>
  ({ curve, others }) => {
    if (!isRung(curve.length, least, factor)) return false
    const [own, ...known] = [curve, ...others.filter((other) => other.length >= curve.length)].map((c) =>
      bestOf(c, curve.length),
    )
    const better = known.filter((value) => value < own!).length
    return better >= Math.max(1, Math.floor((known.length + 1) / factor))
  }

function isRung(epoch: number, least: number, factor: number): boolean {
  let rung = least
  while (rung < epoch) rung *= factor
  return rung === epoch
}
