import type { GraphProto, ValueInfo } from '../decode.ts'

const operator = 'ImageDecoder'

/**
 * Inputs that are files of pictures, of which the model reads nothing but the pixels: the module takes these, u8[height, width, 3],
 * red, green and blue. Decoding is for whoever calls it.
 */
export function encodedPictures({
  nodes,
  outputs,
  initializers,
}: Omit<GraphProto, 'name' | 'inputs' | 'strings'>): ReadonlySet<string> {
  const names = new Set(nodes.flatMap((node) => (node.operator === operator && node.domain === '' ? node.inputs : [])))
  const drop = (name: string): void => void names.delete(name)
  for (const node of nodes) {
    if (node.operator !== operator) node.inputs.forEach(drop)
    // Bodies may read names from around them.
    for (const attribute of node.attributes.values()) {
      if (attribute.kind === 'graph') attribute.value.nodes.forEach(({ inputs }) => inputs.forEach(drop))
    }
  }
  outputs.forEach(({ name }) => drop(name))
  for (const name of initializers.keys()) drop(name)
  return names
}

/** What the module takes for such an input. */
export const pixelsOf = (info: ValueInfo): ValueInfo => ({ ...info, shape: [undefined, undefined, 3] })
