/** What `attar.config.ts` imports. */
import type { Config } from './schema.ts'

export type { Config } from './schema.ts'
export { crop, flip, type Augmentation, type CropOptions } from '../train/augment/index.ts'
export * from '../train/network/index.ts'

/** Tells the editor what a configuration may hold. */
export const defineConfig = (config: Config): Config => config
