import { preferredForm, type DenseProduct } from '../../kernels/choice.ts'
import type { PackSource } from '../../kernels/pack.ts'
import { denseBytes, packSparse, sparseForms, type SparseBuffers, type SparseForm } from '../../kernels/sparse.ts'
import { call, type CallOptions, type TemplateArguments } from '../../program/call.ts'
import type { TemplateKernel } from '../../program/program.ts'
import type { Scheduler } from '../scheduler.ts'
import { start } from './template.ts'

/** Constant weights of which the zeros are left out, and how their product is computed. */
export interface SparseWeights {
  readonly form: SparseForm
  readonly buffers: SparseBuffers
  /** Whether rows are multiplied where they stand. */
  readonly vectors: boolean
}

/** What the templates keep in scratch beside the pixels: places of eight or sixteen pixels, and sums. */
const placesBytes = 384

/** Most rows that `f32_spmv` takes: eight or sixteen share what `f32_spmm` brings to scratch. */
const mostVectors = 2

/** The weights at `source` as lists where these are better than the dense kernel. Rows of `flat` products are each one run of memory. */
export function sparseWeights(
  s: Scheduler,
  source: PackSource,
  { flat, ...product }: Omit<DenseProduct, 'bytes' | 'vectors'> & { readonly flat: boolean },
): SparseWeights | undefined {
  if (s.sparsity === 'off') return undefined
  const forms = sparseForms(source).map((form) => ({ ...form, entries: form.deltas.length }))
  if (forms.length === 0) return undefined
  const vectors = flat && product.M <= mostVectors
  const width = s.decision(
    source.access.buffer,
    'lists',
    () => preferredForm({ ...product, vectors, bytes: denseBytes(source) }, forms, s.sparsity)?.width,
  )
  const form = forms.find((each) => each.width === width)
  return form && { form, buffers: packSparse(s, source, form), vectors }
}

/** Of so many pixels; `weights` counts zeros too. Weights that fill up the last block do nothing. */
export function workOf({ values }: SparseForm, pixels: number, weights: number): { macs: number; skippedMacs: number } {
  const used = Math.min(values.length, weights)
  return { macs: pixels * used, skippedMacs: pixels * (weights - used) }
}

type Shared = 'w' | 'deltas' | 'counts' | 'scratch'
type Options = Pick<CallOptions<'f32_spmm_8x4'>, 'holes' | 'replaces' | 'nodes'>

export const listsOf = ({ values, deltas, counts }: SparseBuffers) => ({
  w: start(values),
  deltas: start(deltas),
  counts: start(counts),
})

/** A call of `f32_spmm_8x4`, or of the template whose channels have rows of their own. */
export function spmmCall(
  s: Scheduler,
  { form, buffers }: SparseWeights,
  args: Omit<TemplateArguments<'f32_spmm_8x4'>, Shared>,
  options: Options,
): TemplateKernel {
  const pixels = form.width === 4 ? 8 : 16
  const scratch = start(s.newBuffer('f32', placesBytes / 4 + args.KH * args.KW * args.run * pixels))
  const { CO, KH, KW, run } = args
  const work = workOf(form, args.OH * args.OW, CO * KH * KW * run)
  const template = form.width === 4 ? 'f32_spmm_8x4' : 'f32_spmm_16x1'
  return call(template, { ...args, ...listsOf(buffers), scratch }, { ...options, ...work })
}

/** A call of `f32_spmv_1x4`, or of the template whose columns have rows of their own. */
export function spmvCall(
  s: Scheduler,
  { form, buffers }: SparseWeights,
  args: Omit<TemplateArguments<'f32_spmv_1x4'>, Shared>,
  options: Options,
): TemplateKernel {
  const scratch = start(s.newBuffer('f32', 8))
  const template = form.width === 4 ? 'f32_spmv_1x4' : 'f32_spmv_1x1'
  return call(
    template,
    { ...args, ...listsOf(buffers), scratch },
    { ...options, ...workOf(form, args.M, args.K * args.N) },
  )
}
