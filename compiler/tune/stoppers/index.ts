import { halvingStopper } from './halving.ts'
import { percentileStopper } from './percentile.ts'
import type { Stopper } from './stopper.ts'

export const stoppers = {
  percentile: percentileStopper({ percentile: 75, startup: 5, warmup: 0 }),
  median: percentileStopper({ percentile: 50, startup: 5, warmup: 0 }),
  halving: halvingStopper({ least: 1, factor: 3 }),
  none: () => false,
} satisfies Record<string, Stopper>

export type StopperName = keyof typeof stoppers
export type { Curve, Stopper, StopperContext } from './stopper.ts'
