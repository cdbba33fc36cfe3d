import { randomSampler } from './random.ts'
import type { Sampler } from './sampler.ts'
import { tpeSampler } from './tpe.ts'

export const samplers = {
  tpe: tpeSampler({ startup: 10, candidates: 24 }),
  random: randomSampler,
} satisfies Record<string, Sampler>

export type SamplerName = keyof typeof samplers
export type { Observed, Sampler, SamplerContext } from './sampler.ts'
