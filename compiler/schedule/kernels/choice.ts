/**
 * Which of two f32 kernels takes less time, by what scripts/calibrate.mjs measured of their parts. Programs are the same for all
 * targets, so that times are summed over these.
 */
import type { Sparsity } from '../../core/artefact/artefact.ts'
import { kernelCosts } from './costs.ts'

type Costs = (typeof kernelCosts)[keyof typeof kernelCosts]

const total = (cost: (costs: Costs) => number): number =>
  Object.values(kernelCosts).reduce((sum, costs) => sum + cost(costs), 0)

/** Blocks of `width` that cover `count`. */
export const blocks = (count: number, width: number): number => Math.ceil(count / width)

/** [M, K] · [K, N] by `f32_igemm_4x8`, in nanoseconds. */
const igemm = (M: number, N: number, K: number): number =>
  total((costs) => blocks(M, 4) * blocks(N, 8) * (costs.igemm.tile + costs.igemm.step * K))

/** The same by `f32_gemv_1x32`. */
const gemv = (M: number, N: number, K: number): number =>
  total(({ gemv: { columns, row, step } }) => M * blocks(N, columns) * (row + step * K))

/** Whether `f32_gemv_1x32` does [M, K] · [K, N] faster than `f32_igemm_4x8`. */
export const prefersGemv = (M: number, N: number, K: number): boolean => gemv(M, N, K) < igemm(M, N, K)

/** The share of the time and the nanoseconds that Winograd has to gain: it is 3 KB of code, and adds rounding errors. */
const leastGain = 0.25

/** The share that tiles of four by four have to gain over those of two by two: a model with both kinds has 3 KB more code. */
const leastLargerGain = 0.15
export const leastNanoseconds = 4000

/** Sides of the tiles of f32 Winograd kernels, in pixels. */
export const winogradTiles = [2, 4] as const
export type WinogradTile = (typeof winogradTiles)[number]

/** A 3 × 3 convolution to `pixels` by `f32_winograd_2x2` or `f32_winograd_4x4`, in nanoseconds. */
const winograd = (side: WinogradTile, pixels: number, channels: number, outputs: number): number =>
  total((costs) => {
    const { weight, channel, tile, step } = costs.winograd[side]
    const tiles = pixels / (side * side)
    const transforms = blocks(outputs, 8) * channels * weight + (tiles * channels * channel) / 4
    return transforms + blocks(tiles, 4) * blocks(outputs, 8) * (tile + step * channels)
  })

/** Which of `sides` does a 3 × 3 convolution fastest by Winograd; undefined where it is not clearly faster than by `f32_igemm_4x8`. */
export function preferredTile(
  pixels: number,
  channels: number,
  outputs: number,
  sides: readonly WinogradTile[],
): WinogradTile | undefined {
  let best: { readonly side?: WinogradTile; readonly ns: number } = { ns: igemm(pixels, outputs, channels * 9) }
  for (const side of sides) {
    const ns = winograd(side, pixels, channels, outputs)
    const share = best.side ? leastLargerGain : leastGain
    if (best.ns - ns > Math.max(share * best.ns, leastNanoseconds)) best = { side, ns }
  }
  return best.side
}

/** A product [M, K] · [K, N], and by which kernel it would be done if no weight was left out. */
export interface DenseProduct {
  readonly M: number
  readonly N: number
  readonly K: number
  readonly kernel: 'igemm' | 'gemv' | `winograd ${WinogradTile}`
  /** Whether sparse weights would be multiplied with rows where they stand, by `f32_spmv`. */
  readonly vectors: boolean
  /** Bytes of its weights. */
  readonly bytes: number
}

/** Weights as lists: entries of `width` output channels each, and their bytes. */
export interface SparseProduct {
  readonly width: 4 | 1
  readonly entries: number
  readonly bytes: number
}

const dense = ({ M, N, K, kernel }: DenseProduct): number =>
  kernel === 'gemv'
    ? gemv(M, N, K)
    : kernel === 'igemm'
      ? igemm(M, N, K)
      : winograd(kernel === 'winograd 4' ? 4 : 2, M, K / 9, N)

/** The product by `f32_spmm`, or where `vectors` by `f32_spmv`, in nanoseconds. */
function sparse({ M, N, K, vectors }: DenseProduct, { width, entries }: SparseProduct): number {
  const groups = blocks(N, 4)
  if (vectors)
    return total(({ spmv }) => {
      const { row, channels, entry } = spmv[width]
      return M * (K * row + groups * channels + entries * entry)
    })
  return total(({ spmm }) => {
    const { pixels, row, channels, entry } = spmm[width]
    return blocks(M, pixels) * (K * row + groups * channels + entries * entry)
  })
}

/** The share of the time that lists have to gain: costs are measured to some 10 %. */
export const leastSparseGain = 0.2

/** Bytes of weights that repay what the templates add to the code. */
export const leastSaved = 2048

/** Of a product's forms that of which `sparsity` makes the best; undefined where its weights stay as they are. */
export function preferredForm<F extends SparseProduct>(
  product: DenseProduct,
  forms: readonly F[],
  sparsity: Sparsity,
): F | undefined {
  if (sparsity === 'off') return undefined
  const before = dense(product)
  const least = (of: (form: F) => number, among: readonly F[]): F | undefined =>
    among.reduce<F | undefined>((best, form) => (best && of(best) <= of(form) ? best : form), undefined)
  const saves = ({ bytes }: F): boolean => product.bytes - bytes >= leastSaved
  const faster = forms.filter((form) => {
    const gain = before - sparse(product, form)
    return gain > leastSparseGain * before && (gain > leastNanoseconds || saves(form))
  })
  const smallest = sparsity === 'size' ? least(({ bytes }) => bytes, forms.filter(saves)) : undefined
  if (smallest) return smallest
  const fastest = Math.min(...faster.map((form) => sparse(product, form)))
  return least(
    ({ bytes }) => bytes,
    faster.filter((form) => sparse(product, form) <= (1 + leastSparseGain) * fastest),
  )
}
