import { fromShare } from '../space.ts'
import type { Sampler } from './sampler.ts'

/** Each parameter uniformly, on its scale. */
export const randomSampler: Sampler = ({ space, random }) =>
  Object.fromEntries([...space].map(([name, { domain }]) => [name, fromShare(domain, random())]))
