import { call, type CallOptions, type TemplateArguments } from '../../program/call.ts'
import type { TemplateKernel } from '../../program/program.ts'
import type { Scheduler } from '../scheduler.ts'
import type { PackedWeights } from './quantized-weights.ts'
import { flag, start } from './template.ts'

type Options<T extends Parameters<typeof call>[0]> = Pick<CallOptions<T>, 'holes' | 'replaces' | 'macs' | 'nodes'>

/** A call of `f32_gemv_1x32`, or of the template that makes floats of quantized weights. */
export function gemvCall(
  args: TemplateArguments<'f32_gemv_1x32'>,
  quantized: PackedWeights | undefined,
  options: Options<'f32_gemv_1x32'>,
): TemplateKernel {
  if (!quantized) return call('f32_gemv_1x32', args, options)
  const holes = { ...options.holes, packed: flag(quantized.half) }
  return call('f32_qcw_gemv_1x16', { ...args, scales: start(quantized.scales) }, { ...options, holes })
}

/**
 * A call of `f32_igemm_4x8`, or of the template that makes floats of quantized weights. `lengths` are as in
 * `CallOptions`: only floats can be done in parts.
 */
export function igemmCall(
  s: Scheduler,
  args: TemplateArguments<'f32_igemm_4x8'>,
  quantized: PackedWeights | undefined,
  options: Options<'f32_igemm_4x8'>,
  lengths?: CallOptions<'f32_igemm_4x8'>['lengths'],
): TemplateKernel {
  if (!quantized) return call('f32_igemm_4x8', args, { ...options, ...(lengths && { lengths }) })
  const holes = { ...options.holes, packed: flag(quantized.half) }
  // Room for a block of weights as floats.
  const scratch = start(s.newBuffer('f32', Math.ceil(quantized.rows / 2) * 2 * 8))
  return call('f32_qcw_igemm_4x8', { ...args, scales: start(quantized.scales), scratch }, { ...options, holes })
}
