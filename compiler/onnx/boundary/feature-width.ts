import type { GraphProto, NodeProto } from '../decode.ts'

/** How many features rows must have, and why. */
export interface FeatureWidth {
  readonly width: number
  readonly reason: string
}

/** Numbers of an attribute. */
function listOf(node: NodeProto, name: string): ArrayLike<number> {
  const attribute = node.attributes.get(name)
  if (attribute?.kind === 'floats') return attribute.value
  return attribute?.kind === 'ints' ? attribute.value.numbers() : []
}

const intOf = (node: NodeProto, name: string, fallback: number): number => {
  const attribute = node.attributes.get(name)
  return attribute?.kind === 'int' ? Number(attribute.value) : fallback
}

/** Operators that give rows as long as those they take. */
const passes = new Set(['Cast', 'Identity', 'Imputer', 'Normalizer', 'Scaler'])

function ownWidth(node: NodeProto): FeatureWidth | undefined {
  const { operator } = node
  if (operator.startsWith('TreeEnsemble')) {
    const modes = node.attributes.get('nodes_modes')
    const isLeaf = (i: number): boolean => modes?.kind === 'strings' && modes.value[i] === 'LEAF'
    const features = listOf(node, 'nodes_featureids')
    let last = -1
    for (let i = 0; i < features.length; i++) if (!isLeaf(i)) last = Math.max(last, features[i]!)
    return last < 0 ? undefined : { width: last + 1, reason: `the trees read features up to ${last}` }
  }
  const divided = (list: string, by: number): FeatureWidth | undefined => {
    const width = listOf(node, list).length / by
    return width >= 1 && Number.isInteger(width)
      ? { width, reason: `${operator} has weights for ${width} features` }
      : undefined
  }
  if (operator === 'LinearRegressor') return divided('coefficients', intOf(node, 'targets', 1))
  if (operator === 'LinearClassifier') return divided('coefficients', Math.max(1, listOf(node, 'intercepts').length))
  if (operator === 'SVMRegressor') return divided('support_vectors', intOf(node, 'n_supports', 0))
  if (operator === 'SVMClassifier')
    return divided(
      'support_vectors',
      Array.from(listOf(node, 'vectors_per_class')).reduce((sum, n) => sum + n, 0),
    )
  return undefined
}

/** The width that models of ai.onnx.ml want of an input's rows; undefined where nothing tells. */
export function featureWidth({ nodes }: GraphProto, input: string): FeatureWidth | undefined {
  const names = new Set([input])
  const found: FeatureWidth[] = []
  for (const node of nodes) {
    if (!names.has(node.inputs[0] ?? '')) continue
    if (passes.has(node.operator)) names.add(node.outputs[0] ?? '')
    const own = node.domain === 'ai.onnx.ml' ? ownWidth(node) : undefined
    if (own) found.push(own)
  }
  return found.sort((a, b) => b.width - a.width)[0]
}
