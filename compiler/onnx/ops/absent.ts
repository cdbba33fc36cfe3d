/** What attar does not have, and why: said where a model needs it. Operators by key as in `operators`. */
const reasons: readonly (readonly [reason: string, operators: readonly string[]])[] = [
  ['it trains; export the model for inference', ['ai.onnx.preview.training.Gradient']],
  ['it takes maps, of which attar has those that a DictVectorizer reads', ['ai.onnx.ml.CastMap']],
]

/** Of all operators of a domain. */
const domains: Readonly<Record<string, string>> = Object.fromEntries(
  ['aten', 'org.pytorch.aten', 'org.pytorch._caffe2', 'prim', 'caffe2'].map((domain) => [
    domain,
    'PyTorch’s exporter found no ONNX operator for this and wrote its own. Export the model anew with torch.onnx.export(…, dynamo=True) of a new PyTorch, without operator_export_type=ONNX_ATEN_FALLBACK',
  ]),
)

/** Why attar does not have the operator of this key, if there is more to say. */
export const reasonOf = (key: string): string | undefined =>
  Object.hasOwn(absent, key)
    ? absent[key]
    : domains[key.includes('.') ? key.slice(0, key.lastIndexOf('.')) : key === 'ATen' ? 'aten' : '']

export const absent: Readonly<Record<string, string>> = Object.fromEntries(
  reasons.flatMap(([reason, names]) => names.map((name) => [name, reason])),
)
