import type { Operator } from '../../context.ts'
import { dequantizeLinear } from '../quantization/dequantize-linear.ts'
import { rmsNormalization } from '../normalization/layer-normalization.ts'
import { quantizeLinear } from '../quantization/quantize-linear.ts'
import { microsoftAttention, qAttention } from './attention.ts'
import { cDist } from './c-dist.ts'
import { channelsLastOperators } from './channels-last.ts'
import { dynamicQuantizeLstm } from './dynamic-quantize-lstm.ts'
import { dynamicQuantizeMatMul, matMulIntegerToFloat } from './dynamic-quantize.ts'
import { embedLayerNormalization, qEmbedLayerNormalization } from './embed-layer-normalization.ts'
import { fusedConv, fusedGemm, fusedMatMul } from './fused.ts'
import { gatherBlockQuantized } from './gather-block-quantized.ts'
import { geluOperators } from './gelu.ts'
import { groupQueryAttention } from './group-query-attention.ts'
import { integerOperators } from './integers.ts'
import { matMulNBits } from './mat-mul-n-bits.ts'
import { multiHeadAttention } from './multi-head-attention.ts'
import { qGemm } from './q-gemm.ts'
import { qlinearOperators } from './qlinear.ts'
import { microsoftRotaryEmbedding } from './rotary.ts'
import { skipLayerNormalization, skipSimplifiedLayerNormalization } from './skip-layer-normalization.ts'

/** Operators of onnxruntime's own that its exporters and quantizer put into models. */
export const microsoftOperators: Readonly<Record<string, Operator>> = {
  ...channelsLastOperators,
  ...geluOperators,
  ...integerOperators,
  ...qlinearOperators,
  // Defined by onnxruntime in the standard domain.
  SimplifiedLayerNormalization: rmsNormalization,
  'com.microsoft.Attention': microsoftAttention,
  'com.microsoft.CDist': cDist,
  'com.microsoft.DequantizeLinear': dequantizeLinear,
  'com.microsoft.DynamicQuantizeLSTM': dynamicQuantizeLstm,
  'com.microsoft.DynamicQuantizeMatMul': dynamicQuantizeMatMul,
  'com.microsoft.EmbedLayerNormalization': embedLayerNormalization,
  'com.microsoft.FusedConv': fusedConv,
  'com.microsoft.FusedGemm': fusedGemm,
  'com.microsoft.FusedMatMul': fusedMatMul,
  'com.microsoft.GatherBlockQuantized': gatherBlockQuantized,
  'com.microsoft.GroupQueryAttention': groupQueryAttention,
  'com.microsoft.MatMulIntegerToFloat': matMulIntegerToFloat,
  'com.microsoft.MatMulNBits': matMulNBits,
  'com.microsoft.MultiHeadAttention': multiHeadAttention,
  'com.microsoft.QAttention': qAttention,
  'com.microsoft.QEmbedLayerNormalization': qEmbedLayerNormalization,
  'com.microsoft.QGemm': qGemm,
  'com.microsoft.QuantizeLinear': quantizeLinear,
  'com.microsoft.RotaryEmbedding': microsoftRotaryEmbedding,
  'com.microsoft.SkipLayerNormalization': skipLayerNormalization,
  'com.microsoft.SkipSimplifiedLayerNormalization': skipSimplifiedLayerNormalization,
  'com.microsoft.TransposeMatMul': fusedMatMul,
}
