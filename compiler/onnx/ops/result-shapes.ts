/**
 * Operators whose first result has the shape of their first input (ONNX's shape inference). Their other operands broadcast to it,
 * and one of a wrong shape would make the result larger instead of being refused.
 */
export const keepsShape: ReadonlySet<string> = new Set([
  ...['BatchNormalization', 'GroupNormalization', 'InstanceNormalization', 'LayerNormalization', 'LpNormalization'],
  ...['LRN', 'MeanVarianceNormalization', 'RMSNormalization'],
  ...['Cast', 'CastLike', 'Clip', 'CumProd', 'CumSum', 'Dropout', 'Hardmax', 'LogSoftmax', 'PRelu', 'Softmax', 'Trilu'],
  ...['DequantizeLinear', 'DynamicQuantizeLinear', 'QuantizeLinear', 'RotaryEmbedding'],
  ...['ReverseSequence', 'Scatter', 'ScatterElements', 'ScatterND', 'TensorScatter'],
  ...['ImageScaler'],
  ...[
    'BiasGelu',
    'FastGelu',
    'SkipLayerNormalization',
    'SkipSimplifiedLayerNormalization',
    'QuickGelu',
    'RotaryEmbedding',
  ].map((name) => `com.microsoft.${name}`),
  ...['Binarizer', 'Imputer', 'Normalizer', 'Scaler'].map((name) => `ai.onnx.ml.${name}`),
])
