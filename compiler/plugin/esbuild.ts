/** `attar/esbuild`: the plugin for esbuild. */
import type { UnpluginInstance } from 'unplugin'
import { plugin, type PluginOptions } from './index.ts'

export type { PluginOptions } from './index.ts'

const attar: UnpluginInstance<PluginOptions | undefined, false>['esbuild'] = plugin.esbuild
export default attar
