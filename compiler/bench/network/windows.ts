import type { WindowAxis } from '../../core/ops/window.ts'
import { windowPositions } from '../../core/ops/window.ts'
import type { NetworkBuilder } from './network-builder.ts'
import { unsupported } from './unsupported.ts'

/** Padding that `same` puts before an axis, or undefined where it gives another number of positions. */
function lowOfSame(length: number, w: WindowAxis): number | undefined {
  const positions = windowPositions(length, w)
  if (positions !== Math.ceil(length / w.stride)) return undefined
  const extent = (w.size - 1) * w.dilation + 1
  return Math.floor(Math.max((positions - 1) * w.stride + extent - length, 0) / 2)
}

/**
 * Images ready for windows along height and width, and TensorFlow's word for the padding. Padding that it has no word for
 * becomes a layer of its own, filled with `value`.
 */
export function padded(
  net: NetworkBuilder,
  x: number,
  windows: readonly WindowAxis[],
  value: number,
): { x: number; padding: 'same' | 'valid' } {
  if (windows.some((w) => w.baseDilation !== 1 || w.low < 0 || w.high < 0)) unsupported('a transposed convolution')
  const shape = net.shape(x)
  const lengths = [shape[1]!, shape[2]!]
  if (windows.every((w) => w.low === 0 && w.high === 0)) return { x, padding: 'valid' }
  if (windows.every((w, i) => lowOfSame(lengths[i]!, w) === w.low)) return { x, padding: 'same' }
  const low = [0, windows[0]!.low, windows[1]!.low, 0]
  const high = [0, windows[0]!.high, windows[1]!.high, 0]
  const bordered = shape.map((d, i) => d + low[i]! + high[i]!)
  return { x: net.layer('pad', [x], bordered, { low, high, value }), padding: 'valid' }
}
