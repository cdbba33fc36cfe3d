/** What `attar.config.ts` imports. */
import type { Config } from './schema.ts'

export type { Config } from './schema.ts'
export type { Augmentation, Mixing } from '../train/augment/index.ts'
export * from '../train/augment/all.ts'
export * from '../train/network/index.ts'

/** Tells the editor what a configuration may hold. */
export const defineConfig = (config: Config): Config => config
