import { trivialWindow, type WindowAxis } from '../../../core/ops/window.ts'
import * as f from '../../../core/formula.ts'
import type { Layer } from '../context.ts'

export interface PoolOptions {
  readonly stride?: number | undefined
}

const window = (size: number, stride: number): WindowAxis[] => {
  const axis = { ...trivialWindow, size, stride }
  return [trivialWindow, axis, axis, trivialWindow]
}

/** The largest of each `size` × `size` window, side by side unless `stride` is given: [1, H, W, C] to [1, H', W', C]. */
export const maxPool = (size: number, { stride = size }: PoolOptions = {}): Layer => ({
  kind: 'maxPool',
  build: ({ b }, x) => b.reduceWindow('max', x, window(size, stride)),
})

/** The mean of each `size` × `size` window. */
export const averagePool = (size: number, { stride = size }: PoolOptions = {}): Layer => ({
  kind: 'averagePool',
  build: ({ b }, x) => b.map([b.reduceWindow('add', x, window(size, stride))], (s) => f.div(s, size * size)),
})

/** The mean of each channel, of pictures or of sequences: [1, H, W, C] or [1, n, C] to [1, C]. */
export const globalAveragePool = (): Layer => ({
  kind: 'globalAveragePool',
  build: ({ b }, x) => b.mean(x, x.type.shape.map((_, i) => i).slice(1, -1), false),
})
