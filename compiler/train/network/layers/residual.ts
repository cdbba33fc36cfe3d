import type { Layer } from '../context.ts'
import { chain } from './chain.ts'

/** `x` plus what `layers` make of it (He et al., 2016); `shortcut` brings `x` to another shape. */
export const residual = (layers: readonly Layer[], shortcut: readonly Layer[] = []): Layer => ({
  kind: 'residual',
  build: (network, x) => network.b.binary('add', chain(network, layers, x), chain(network, shortcut, x)),
})
