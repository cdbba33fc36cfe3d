/** `attar/webpack`: the plugin for webpack. */
import type { UnpluginInstance } from 'unplugin'
import { plugin, type PluginOptions } from './index.ts'

export type { PluginOptions } from './index.ts'

const attar: UnpluginInstance<PluginOptions | undefined, false>['webpack'] = plugin.webpack
export default attar
