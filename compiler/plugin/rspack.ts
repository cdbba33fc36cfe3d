/** `attar/rspack`: the plugin for Rspack. */
import type { UnpluginInstance } from 'unplugin'
import { plugin, type PluginOptions } from './index.ts'

export type { PluginOptions } from './index.ts'

const attar: UnpluginInstance<PluginOptions | undefined, false>['rspack'] = plugin.rspack
export default attar
