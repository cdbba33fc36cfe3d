/** What attar does not have, and why: said where a model needs it. Operators by key as in `operators`. */
const reasons: readonly (readonly [reason: string, operators: readonly string[]])[] = [
  [
    'it computes on strings; attar’s tensors are of numbers. Do that part before the model runs',
    ['StringConcat', 'StringNormalizer', 'StringSplit', 'RegexFullMatch', 'ai.onnx.ml.CategoryMapper'],
  ],
  ['it decodes files; decode images first, e.g. with createImageBitmap, and pass pixels', ['ImageDecoder']],
  [
    'it trains; export the model for inference',
    ['Adagrad', 'Adam', 'Gradient', 'Momentum'].map((name) => `ai.onnx.preview.training.${name}`),
  ],
  ['it takes maps, which attar’s models do not have', ['ai.onnx.ml.CastMap', 'ai.onnx.ml.DictVectorizer']],
]

export const absent: Readonly<Record<string, string>> = Object.fromEntries(
  reasons.flatMap(([reason, names]) => names.map((name) => [name, reason])),
)
