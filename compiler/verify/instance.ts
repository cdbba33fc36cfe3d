import { instantiate, type ModuleSpec, type Output, type Tensor, type View } from '../index.ts'
import { noValue } from './errors.ts'

/** What runs compiled modules, one at a time, in this process or another. */
export interface Instance {
  load(module: Uint8Array, spec: ModuleSpec): Promise<void>
  /** Outputs by name, those of labels as i32 places in them. Inputs that the module does not have are left alone. */
  run(inputs: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>
}

/** Runs modules in this process by the runtime that ships to the user. */
export function localInstance(): Instance {
  let loaded: { model: ReturnType<typeof instantiate>; spec: ModuleSpec } | undefined
  return {
    load: async (module, spec) => {
      loaded = { model: instantiate(new Uint8Array(module), spec), spec }
    },
    run: async (inputs) => {
      if (!loaded) throw new Error('no module is loaded')
      const { model, spec } = loaded
      const values = spec.inputs.map(({ name }) => [name, dataOf(inputs, name)] as const)
      const results = model.run(Object.fromEntries(values), { copy: true })
      const tensors = spec.outputs.map(({ name, dtype, shape, extent, labels }) => {
        const result = results[name]!
        const data = isView(result) ? result : Int32Array.from(result, (text) => labels!.indexOf(text))
        return [name, { dtype, shape: shapeOf(shape, extent?.axis, data.length), data }] as const
      })
      return Object.fromEntries(tensors)
    },
  }
}

/** `shape` with the length along `axis` that `elements` elements give. */
function shapeOf(shape: readonly number[], axis: number | undefined, elements: number): readonly number[] {
  const others = shape.reduce((product, d, i) => (i === axis ? product : product * d), 1)
  return axis === undefined ? shape : shape.with(axis, others === 0 ? 0 : elements / others)
}

const isView = (output: Output): output is View => ArrayBuffer.isView(output)

const dataOf = (inputs: Readonly<Record<string, Tensor>>, name: string): Tensor['data'] =>
  inputs[name]?.data ?? noValue(name)
