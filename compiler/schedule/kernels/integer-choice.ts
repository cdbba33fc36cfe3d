import type { Sparsity } from '../../core/artefact/artefact.ts'
import {
  blocks,
  leastNanoseconds,
  leastSaved,
  leastSparseGain,
  type DenseProduct,
  type SparseProduct,
} from './choice.ts'

/**
 * Nanoseconds of integer kernels on the machine of `costs.ts`. The relaxed dot product saturates there, so `u8_igemm_dot_6x8` is taken
 * to be four times as fast as the kernel of i16, which it is at most: it multiplies four bytes where that does two, in one instruction instead of two.
 */
const costs = [
  { igemm: { tile: 3.5, step: 0.74 }, spmm: { row: 1.05, channels: 11.5, entry: 0.88 } },
  { igemm: { tile: 2, step: 0.17 }, spmm: { row: 0.74, channels: 11.3, entry: 0.98 } },
]

/** What `u8_winograd_i16_3x3` takes of implicit gemm's time at least. */
const leastWinograd = 0.5

/**
 * Whether `u8_spmm_i16_8x4` is what `sparsity` wants of a product of integers: by speed only where it is faster than the dense kernels of
 * each target, with the relaxed dot product too.
 */
export function prefersSparseIntegers(
  { M, N, K, kernel, bytes }: Omit<DenseProduct, 'vectors'>,
  list: SparseProduct,
  sparsity: Sparsity,
): boolean {
  if (sparsity === 'off') return false
  const saves = bytes - list.bytes >= leastSaved
  if (sparsity === 'size' && saves) return true
  const gains = costs.map(({ igemm, spmm }) => {
    const plain = blocks(M, 4) * blocks(N, 8) * (igemm.tile + igemm.step * K)
    const before = kernel === 'winograd 2' ? leastWinograd * plain : plain
    const after = blocks(M, 8) * (K * spmm.row + blocks(N, 4) * spmm.channels + list.entries * spmm.entry)
    return { gain: before - after, enough: before - after > leastSparseGain * before }
  })
  const gain = gains.reduce((sum, each) => sum + each.gain, 0)
  return gains.every(({ enough }) => enough) && (gain > leastNanoseconds || saves)
}
