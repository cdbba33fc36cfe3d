/** `attar/vite`: the plugin for Vite. */
import type { UnpluginInstance } from 'unplugin'
import { plugin, type PluginOptions } from './index.ts'

export type { PluginOptions } from './index.ts'

const attar: UnpluginInstance<PluginOptions | undefined, false>['vite'] = plugin.vite
export default attar
