import { trivialWindow, type WindowAxis } from '../../../core/ops/window.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Builder } from '../../../core/builder.ts'
import type { Value } from '../../../core/graph.ts'
import type { Layer } from '../context.ts'
import { checkArguments, checkOptions, count } from '../options.ts'
import { checkPictures } from '../pictures.ts'

export interface PoolOptions {
  readonly stride?: number | undefined
}

const window = (size: number, stride: number): WindowAxis[] => {
  const axis = { ...trivialWindow, size, stride }
  return [trivialWindow, axis, axis, trivialWindow]
}

function pool(
  kind: string,
  size: number,
  options: PoolOptions,
  of: (b: Builder, x: Value, axes: WindowAxis[]) => Value,
): Layer {
  checkArguments(kind, { size }, { size: count })
  checkOptions(kind, options, { stride: count })
  return {
    kind,
    build: ({ b }, x) => {
      checkPictures(kind, x)
      return of(b, x, window(size, options.stride ?? size))
    },
  }
}

/** The largest of each `size` × `size` window, side by side unless `stride` is given: [1, H, W, C] to [1, H', W', C]. */
export const maxPool = (size: number, options: PoolOptions = {}): Layer =>
  pool('maxPool', size, options, (b, x, axes) => b.reduceWindow('max', x, axes))

/** The mean of each `size` × `size` window. */
export const averagePool = (size: number, options: PoolOptions = {}): Layer =>
  pool('averagePool', size, options, (b, x, axes) =>
    b.map([b.reduceWindow('add', x, axes)], (s) => f.div(s, size * size)),
  )

/** The mean of each channel, of pictures or of sequences: [1, H, W, C] or [1, n, C] to [1, C]. */
export const globalAveragePool = (): Layer => ({
  kind: 'globalAveragePool',
  build: ({ b }, x) => b.mean(x, x.type.shape.map((_, i) => i).slice(1, -1), false),
})
