import {
  elementCount,
  fail,
  instantiate,
  signaturesOf,
  sized,
  type Model,
  type ModuleSpec,
  type Output,
  texted,
  type Signature,
  type StringModel,
  type StringTensor,
  type StateSpec,
  type Tensor,
  type View,
} from '../index.ts'
import { noValue } from './errors.ts'

/** What runs compiled modules, one at a time, in this process or another. */
export interface Instance {
  load(module: Uint8Array, spec: ModuleSpec): Promise<void>
  /** Makes states what `values` has for them, all others what they start as, and gives all of them by the inputs' names. */
  begin(values?: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>
  /**
   * Outputs by name, those of labels as i32 places in them, and states by the names of the outputs that they are next. Inputs that
   * the module does not have are left alone. `strings` are inputs of any strings.
   */
  run(inputs: Readonly<Record<string, Tensor>>, strings?: Texts): Promise<Record<string, Tensor>>
  /** Outputs of the last run that are any strings. */
  texts(): Texts
}

/** A loaded model at one shape. */
interface Shaped {
  readonly signature: Signature
  readonly model: StringModel
}

const takes = ({ inputs }: Signature, given: Readonly<Record<string, Tensor>>): boolean =>
  inputs.every(({ name, shape }) => given[name]?.data.length === elementCount(shape))

/** Tensors of strings by name. */
export type Texts = Readonly<Record<string, StringTensor>>

/** Runs modules in this process by the runtime that ships to the user. */
export function localInstance(): Instance {
  let loaded: { model: Model; shapes: readonly Shaped[]; spec: ModuleSpec } | undefined
  let texts: Texts = {}
  const current = () => {
    if (!loaded) throw new Error('no module is loaded')
    return loaded
  }
  return {
    load: async (module, spec) => {
      const model = instantiate(new Uint8Array(module), spec)
      const shapes = signaturesOf(spec).map((signature, i): Shaped => {
        const own = model.signatures ? { ...model, ...model.signatures[i]! } : model
        const shaped = { ...spec, ...signature }
        return { signature, model: texted(sized(own, shaped), shaped) }
      })
      loaded = { model, shapes, spec }
    },
    begin: async (values = {}) => {
      const { model, spec } = current()
      model.reset()
      for (const { name } of spec.states ?? []) if (Object.hasOwn(values, name)) model.state[name] = values[name]!.data
      return statesOf(model, spec, ({ name }) => name)
    },
    texts: () => texts,
    run: async (inputs, strings = {}) => {
      const { shapes, spec } = current()
      const { signature, model } = shapes.find((each) => takes(each.signature, inputs)) ?? shapes[0]!
      const { given = [], taken = [], inputs: free = [], outputs = [] } = spec.strings ?? {}
      const own = new Set([...given.map(({ input }) => input), ...free.map(({ name }) => name)])
      const numbers = signature.inputs.filter(({ name }) => !own.has(name))
      const values = [
        ...numbers.map(({ name }) => [name, dataOf(inputs, name)] as const),
        ...free.map(({ name }) => [name, strings[name]?.strings ?? noValue(name)] as const),
      ]
      const results = within(() => model.run(Object.fromEntries(values), { copy: true }))
      texts = Object.fromEntries(
        outputs.map(({ name }) => [name, { shape: model.shapes[name]!, strings: results[name] as readonly string[] }]),
      )
      const seen = signature.outputs.filter(({ name }) => !taken.includes(name))
      const tensors = seen.map(({ name, dtype, labels }) => {
        const result = results[name]!
        const data = isView(result) ? result : Int32Array.from(result, (text) => labels!.indexOf(text))
        return [name, { dtype, shape: model.shapes[name]!, data }] as const
      })
      return { ...Object.fromEntries(tensors), ...statesOf(model, spec, ({ next }) => next) }
    },
  }
}

/** A501 where `run` meets a length beyond its bound. */
function within<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (error instanceof RangeError && error.message.startsWith('attar: ')) fail('A501', error.message.slice(7))
    throw error
  }
}

/** Copies of the states, by what `nameOf` calls them. */
function statesOf(
  model: Model,
  { states = [] }: ModuleSpec,
  nameOf: (state: StateSpec) => string,
): Record<string, Tensor> {
  const entries = states.map((state) => {
    const { name, dtype, shape } = state
    return [nameOf(state), { dtype, shape, data: model.state[name]!.slice() }] as const
  })
  return Object.fromEntries(entries)
}

const isView = (output: Output): output is View => ArrayBuffer.isView(output)

const dataOf = (inputs: Readonly<Record<string, Tensor>>, name: string): Tensor['data'] =>
  inputs[name]?.data ?? noValue(name)
