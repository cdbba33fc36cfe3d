/**
 * Which of two f32 kernels takes less time, by what scripts/calibrate.mjs measured of their parts. Programs are the same for all
 * targets, so that times are summed over these.
 */
import { kernelCosts } from './costs.ts'

type Costs = (typeof kernelCosts)[keyof typeof kernelCosts]

const total = (cost: (costs: Costs) => number): number =>
  Object.values(kernelCosts).reduce((sum, costs) => sum + cost(costs), 0)

/** Blocks of `width` that cover `count`. */
const blocks = (count: number, width: number): number => Math.ceil(count / width)

/** [M, K] · [K, N] by `f32_igemm_4x8`, in nanoseconds. */
const igemm = (M: number, N: number, K: number): number =>
  total((costs) => blocks(M, 4) * blocks(N, 8) * (costs.igemm.tile + costs.igemm.step * K))

/** Whether `f32_gemv_1x32` does [M, K] · [K, N] faster than `f32_igemm_4x8`. */
export function prefersGemv(M: number, N: number, K: number): boolean {
  const gemv = total(({ gemv: { columns, row, step } }) => M * blocks(N, columns) * (row + step * K))
  return gemv < igemm(M, N, K)
}

/** The share of the time and the nanoseconds that Winograd has to gain: it is 3 KB of code, and adds rounding errors. */
const leastGain = 0.25
const leastNanoseconds = 4000

/** Whether `f32_winograd_3x3` does a convolution of `tiles` of two by two pixels clearly faster than `f32_igemm_4x8`. */
export function prefersWinograd(tiles: number, channels: number, outputs: number): boolean {
  const winograd = total(({ winograd: { weight, channel, tile, step } }) => {
    const transforms = blocks(outputs, 8) * channels * weight + (tiles * channels * channel) / 4
    return transforms + blocks(tiles, 4) * blocks(outputs, 8) * (tile + step * channels)
  })
  const plain = igemm(tiles * 4, outputs, channels * 9)
  return plain - winograd > Math.max(leastGain * plain, leastNanoseconds)
}
