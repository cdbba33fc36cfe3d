import type { WindowAxis } from '../../../core/ops/window.ts'
import type { Emitter } from '../emitter.ts'
import type { Edge } from '../graph.ts'

/** Attributes by which ConvTranspose has the windows of a convolution of spread elements; undefined where it has none. */
export function transposedAttributes(windows: readonly WindowAxis[], groups: number) {
  if (windows.every((w) => w.baseDilation === 1) || windows.some((w) => w.stride !== 1)) return undefined
  const reach = (w: WindowAxis): number => (w.size - 1) * w.dilation
  const begins = windows.map((w) => reach(w) - w.low)
  const ends = windows.map((w) => reach(w) - w.high)
  const more = ends.map((end) => Math.max(0, -end))
  if (begins.some((begin) => begin < 0) || more.some((n, i) => n >= windows[i]!.baseDilation)) return undefined
  const pads = [...begins, ...ends.map((end) => Math.max(0, end))]
  return {
    kernel_shape: windows.map((w) => w.size),
    strides: windows.map((w) => w.baseDilation),
    ...(pads.some((n) => n !== 0) && { pads }),
    ...(windows.some((w) => w.dilation !== 1) && { dilations: windows.map((w) => w.dilation) }),
    ...(more.some((n) => n > 0) && { output_padding: more }),
    ...(groups !== 1 && { group: groups }),
  }
}

/** The kernel [O, I, spatial …] of a convolution as that of ConvTranspose, [groups · I, O / groups, spatial …], turned round. */
export function transposedKernel(e: Emitter, kernel: Edge, groups: number): Edge {
  const [outputs, inputs, ...sizes] = kernel.type.shape as [number, number, ...number[]]
  const each = outputs / groups
  const grouped = e.reshape(kernel, [groups, each, inputs, ...sizes])
  const swapped = e.transpose(grouped, [0, 2, 1, ...sizes.map((_, i) => i + 3)])
  const merged = e.reshape(swapped, [groups * inputs, each, ...sizes])
  const start = [0, 0, ...sizes.map((d) => d - 1)]
  return e.slice(merged, start, merged.type.shape, [1, 1, ...sizes.map((d) => (d === 1 ? 1 : -1))])
}
