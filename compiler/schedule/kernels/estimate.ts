/** How the time of a product falls with its lengths, by what scripts/calibrate.mjs measured of its kernels' parts. Only ratios count. */
import { kernelCosts } from './costs.ts'

/** Lengths of a product: `batch` of [rows, depth] · [depth, columns]; a convolution's rows are pixels, its depth channels and taps. */
export interface ProductLengths {
  readonly batch: number
  readonly rows: number
  readonly columns: number
  readonly depth: number
}

const blocks = (count: number, width: number): number => Math.ceil(count / width)
const taps = 9

/** The time of a product in kernel `kernel`, by its name, in a unit that is the same for all lengths. */
export function timeOf(
  kernel: string,
  target: keyof typeof kernelCosts,
  { batch, rows, columns, depth }: ProductLengths,
): number {
  const { igemm, gemv, winograd } = kernelCosts[target]
  // Four channels of a depthwise convolution are a vector.
  if (kernel.includes('dwconv')) return blocks(batch * columns, 4) * rows * depth
  if (kernel.includes('gemv')) return batch * rows * blocks(columns, gemv.columns) * (gemv.row + gemv.step * depth)
  if (kernel.includes('winograd')) {
    const side = kernel.includes('4x4') ? 4 : 2
    const [channels, tiles] = [depth / taps, rows / (side * side)]
    const { weight, channel, tile, step } = winograd[side]
    const transforms = blocks(columns, 8) * channels * weight + (tiles * channels * channel) / 4
    return batch * (transforms + (tiles / 4) * blocks(columns, 8) * (tile + step * channels))
  }
  return batch * rows * blocks(columns, 8) * (igemm.tile + igemm.step * depth)
}
