import type { Network } from './network.ts'

/** The network without tensors that no layer and no port names. */
export function compacted({ tensors, layers, inputs, outputs }: Network): Network {
  const used = new Set([
    ...layers.flatMap((layer) => [...layer.inputs, layer.output]),
    ...[...inputs, ...outputs].map(({ tensor }) => tensor),
  ])
  const places = new Map(tensors.flatMap((_, i) => (used.has(i) ? [i] : [])).map((i, place) => [i, place]))
  const place = (tensor: number): number => places.get(tensor)!
  return {
    tensors: tensors.filter((_, i) => used.has(i)),
    layers: layers.map((layer) => ({ ...layer, inputs: layer.inputs.map(place), output: place(layer.output) })),
    inputs: inputs.map(({ name, tensor }) => ({ name, tensor: place(tensor) })),
    outputs: outputs.map(({ name, tensor }) => ({ name, tensor: place(tensor) })),
  }
}
