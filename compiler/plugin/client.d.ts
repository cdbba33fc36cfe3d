/**
 * `attar/client`: types of imports such as `./model.onnx?attar` and `./model.onnx?quantize=weights&attar`. They do not know the
 * model's inputs and outputs: the plugin's option `types` writes those that do.
 */
declare module '*?attar' {
  import type { Model, Source, Spec, Target } from 'attar'

  export const spec: Spec
  export const target: Target
  export function instantiate(source?: WebAssembly.Module | BufferSource): Model
  export function load(source?: Source | PromiseLike<Source>): Promise<Model>
}

declare module '*&attar' {
  export * from '*?attar'
}
