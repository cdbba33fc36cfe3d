/** `attar/rollup`: the plugin for Rollup. */
import type { UnpluginInstance } from 'unplugin'
import { plugin, type PluginOptions } from './index.ts'

export type { PluginOptions } from './index.ts'

const attar: UnpluginInstance<PluginOptions | undefined, false>['rollup'] = plugin.rollup
export default attar
