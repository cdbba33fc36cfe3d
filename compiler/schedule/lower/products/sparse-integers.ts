import { elementCount } from '../../../core/shape.ts'
import { storedBytes } from '../../../core/bytes/zero-runs.ts'
import type { DenseProduct } from '../../kernels/choice.ts'
import { prefersSparseIntegers } from '../../kernels/integer-choice.ts'
import { packIntegers, type PackSource } from '../../kernels/pack.ts'
import { packSparse, sparseIntegers } from '../../kernels/sparse.ts'
import { call, type CallOptions, type TemplateArguments } from '../../program/call.ts'
import { constantBytes, type TemplateKernel } from '../../program/program.ts'
import type { Scheduler } from '../scheduler.ts'
import { listsOf, workOf, type SparseWeights } from './sparse.ts'
import { start } from './template.ts'

type Integers = Omit<SparseWeights, 'vectors'>

/** Fewer pixels leave most of a tile of eight to repetitions. */
const fewestPixels = 4

/** The constant i8 weights at `source` as lists where these are better than the dense kernels. */
export function sparseIntegerWeights(
  s: Scheduler,
  source: PackSource,
  product: Omit<DenseProduct, 'bytes' | 'vectors'>,
): Integers | undefined {
  if (s.sparsity === 'off') return undefined
  const prefers = (): boolean => {
    const form = product.M < fewestPixels ? undefined : sparseIntegers(source)
    if (!form) return false
    const bytes = storedBytes(constantBytes(packIntegers(s, source, 4))!)
    const list = { width: form.width, entries: form.deltas.length, bytes: form.bytes }
    return prefersSparseIntegers({ ...product, bytes }, list, s.sparsity)
  }
  const form = s.decision(source.access.buffer, 'lists', prefers) ? sparseIntegers(source) : undefined
  if (!form) return undefined
  return { form, buffers: packSparse(s, source, form) }
}

type Shared = 'w' | 'deltas' | 'counts' | 'scratch'

/** A call of `u8_spmm_i16_8x4`. */
export function sparseIntegerCall(
  s: Scheduler,
  { form, buffers }: Integers,
  args: Omit<TemplateArguments<'u8_spmm_i16_8x4'>, Shared>,
  options: Pick<CallOptions<'u8_spmm_i16_8x4'>, 'holes' | 'replaces' | 'nodes'>,
): TemplateKernel {
  const rows = elementCount([args.KH, args.KW, args.run])
  const scratch = start(s.newBuffer('i8', 256 + (rows + 7) * 16))
  const work = workOf(form, args.OH * args.OW, args.CO * rows)
  return call('u8_spmm_i16_8x4', { ...args, ...listsOf(buffers), scratch }, { ...options, ...work })
}
