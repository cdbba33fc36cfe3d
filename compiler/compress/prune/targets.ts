import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { Choice, Limits } from './choose.ts'
import type { Costs } from './costs.ts'
import type { Plan } from './latency.ts'

/** What a model is to come to. */
export interface PruneTargets {
  /** Shares of multiply-adds and of parameters that go. */
  readonly macs?: number | undefined
  readonly params?: number | undefined
  /** Most bytes of the compiled module. */
  readonly size?: number | undefined
  /** Most milliseconds of a run on the machine that `plan` was measured on. */
  readonly latency?: number | undefined
  readonly plan?: Plan | undefined
}

/** What the model may cost when `done` of the way is gone, of a model that has `bytes` now. */
export function limitsOf(
  { macs, params, size, latency }: PruneTargets,
  original: Costs,
  bytes: number,
  done: number,
): Limits {
  const left = (of: number, share: number): number => Math.floor(of * (1 - share * done))
  return {
    ...(macs !== undefined && { macs: left(original.macs, macs) }),
    ...(params !== undefined && { params: left(original.params, params) }),
    ...(latency !== undefined && { ms: original.ms - (original.ms - latency) * done }),
    ...(size !== undefined && { bytes: Math.floor(bytes - (bytes - size) * done) }),
  }
}

/** A702: there is no channel to remove. */
export const nothingToPrune = (): never =>
  fail('A702', 'prune: no channels of this model can go', {
    hint: 'those of its inputs and outputs stay, and those that windows, sorts or means go over; frozen parameters keep theirs',
  })

/** A702: not within the limits when all is gone that can go. */
export function unreachable(costs: Costs, choice: Choice): never {
  const share = (of: keyof Costs): string => `${((1 - choice.costs[of] / costs[of]) * 100).toFixed(1)} %`
  const left = [
    ...(choice.bytes === undefined ? [] : [`${choice.bytes} bytes`]),
    ...(costs.ms > 0 ? [`${choice.costs.ms.toPrecision(3)} ms`] : []),
  ]
  return fail('A702', 'prune: the model cannot be made so small by removing channels', {
    hint: `at most ${share('macs')} of its multiply-adds and ${share('params')} of its parameters can go${left.length === 0 ? '' : `, which leaves ${left.join(' and ')}`}`,
  })
}
