/**
 * What `attar.config.ts` imports.
 *
 * @module attar/config
 */
import type { Trial } from '../tune/index.ts'
import type { Config } from './schema.ts'

export type { Config } from './schema.ts'
export type { Trial } from '../tune/index.ts'
export type { Augmentation, Mixing } from '../train/augment/index.ts'
export * from '../train/augment/all.ts'
export * from '../train/network/index.ts'

/** A configuration, or one that asks for values: `attar tune` searches for them, everything else takes the defaults. */
export type Configuration = Config | ((trial: Trial) => Config)

/** Tells the editor what a configuration may hold. */
export const defineConfig = <const C extends Configuration>(config: C): C => config
