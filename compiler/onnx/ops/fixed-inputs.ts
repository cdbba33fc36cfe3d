import type { FixedReason } from '../training.ts'

const all = [...Array(16).keys()]
const settings = (...inputs: number[]): Fixed => ({ setting: inputs })
const quantized = (...inputs: number[]): Fixed => ({ quantized: inputs })

export type Fixed = Readonly<Partial<Record<FixedReason, readonly number[]>>>

/**
 * Inputs that are no weights although they may be stored floats, by operator: what says how it works, initial states among it,
 * statistics of data, and what is quantized or is to be.
 */
export const fixedInputs: Readonly<Record<string, Fixed>> = {
  BatchNormalization: { statistic: [3, 4] },
  Attention: settings(3),
  Clip: settings(1, 2),
  Dropout: settings(1, 2),
  Equal: settings(0, 1),
  GRU: settings(5),
  Greater: settings(0, 1),
  GreaterOrEqual: settings(0, 1),
  LSTM: settings(5, 6),
  Less: settings(0, 1),
  LessOrEqual: settings(0, 1),
  Max: settings(...all),
  MelWeightMatrix: settings(...all),
  Min: settings(...all),
  Mod: settings(1),
  NegativeLogLikelihoodLoss: settings(2),
  NonMaxSuppression: settings(2, 3, 4),
  OneHot: settings(1, 2),
  Pad: settings(1, 2, 3),
  Pow: settings(1),
  RNN: settings(5),
  Range: settings(0, 1, 2),
  Resize: settings(1, 2, 3),
  RotaryEmbedding: settings(1, 2),
  STFT: settings(2),
  SoftmaxCrossEntropyLoss: settings(2),
  Upsample: settings(1),
  ConvInteger: quantized(...all),
  DequantizeLinear: quantized(0, 1, 2),
  DynamicQuantizeLinear: quantized(0),
  MatMulInteger: quantized(...all),
  QLinearConv: quantized(...all),
  QLinearMatMul: quantized(...all),
  QuantizeLinear: quantized(0, 1, 2),
  'com.microsoft.Attention': settings(3),
  'com.microsoft.DequantizeLinear': quantized(0, 1, 2),
  'com.microsoft.DynamicQuantizeLSTM': { quantized: [1, 2, 8, 9, 10, 11], setting: [5, 6] },
  'com.microsoft.DynamicQuantizeMatMul': quantized(1, 2, 3),
  'com.microsoft.GatherBlockQuantized': quantized(0, 2, 3),
  'com.microsoft.GroupQueryAttention': settings(7, 8),
  'com.microsoft.MatMulIntegerToFloat': quantized(0, 1, 2, 3, 4, 5),
  'com.microsoft.MatMulNBits': quantized(1, 2, 3, 4),
  'com.microsoft.MultiHeadAttention': settings(4),
  'com.microsoft.QAttention': quantized(0, 1, 3, 4, 6, 7),
  'com.microsoft.QEmbedLayerNormalization': quantized(...all.slice(2), 16, 17),
  'com.microsoft.QGemm': quantized(...all),
  'com.microsoft.QLinearAdd': quantized(...all),
  'com.microsoft.QLinearMul': quantized(...all),
  'com.microsoft.QuantizeLinear': quantized(0, 1, 2),
  'com.microsoft.RotaryEmbedding': settings(2, 3),
}
