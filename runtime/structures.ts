/** What scripts have beside the runtime whose models take or give sequences or optionals. */
import type { Model, Source, Spec, View } from './index.ts'

/** How tensors go together: a sequence's elements by their names, an optional's flag by its name. */
interface Structures {
  readonly sequences: readonly { readonly name: string; readonly elements: readonly string[] }[]
  readonly optionals: readonly { readonly name: string; readonly present: string }[]
}

interface StructuredSpec extends Spec {
  readonly structures: { readonly inputs: Structures; readonly outputs: Structures }
}

interface Exports {
  instantiate(source?: WebAssembly.Module | BufferSource): Model
  load(source?: Source | PromiseLike<Source>): Promise<Model>
}

type Values = Record<string, unknown>

/** What the script exports, with models whose sequences are arrays of tensors and whose optionals may be left out, or null. */
export const withStructures = <T extends Exports>(exports: T, spec: StructuredSpec) => ({
  ...exports,
  instantiate: (source?: WebAssembly.Module | BufferSource) => structured(exports.instantiate(source), spec),
  load: async (source?: Source | PromiseLike<Source>) => structured(await exports.load(source), spec),
})

/** `get` as a property of its own, even of the name `__proto__`. */
const define = (to: object, name: string, get: () => unknown): void =>
  void Object.defineProperty(to, name, { enumerable: true, configurable: true, get })

/** Those of `values` that are tensors, then `sequences` as arrays, then `optionals`, undefined where they have no value. */
function gathered(values: object, names: readonly string[], { sequences, optionals }: Structures): Values {
  const made: Values = {}
  const parts = new Set([...sequences.flatMap(({ elements }) => elements), ...optionals.map(({ present }) => present)])
  for (const name of names) if (!parts.has(name)) define(made, name, () => (values as Values)[name])
  for (const { name, elements } of sequences)
    define(made, name, () => elements.map((element) => (values as Values)[element]))
  for (const { name, present } of optionals) {
    const { get } = Object.getOwnPropertyDescriptor(made, name) ?? {}
    define(made, name, () => ((values as Record<string, View>)[present]![0] ? get!() : undefined))
  }
  return made
}

function structured(model: Model, { inputs: ports, outputs, structures }: StructuredSpec): Model {
  const { sequences, optionals } = structures.inputs
  const names = outputs.map(({ name }) => name)
  const results = (values: object) => gathered(values, names, structures.outputs) as Model['outputs']
  const zeros = (name: string): View => model.inputs[name]!.slice().fill(0 as never)

  /** Tensors by their names. */
  function spread(given: Values): Values {
    const made = { ...given }
    const set = (name: string, value: unknown): void =>
      void Object.defineProperty(made, name, { enumerable: true, configurable: true, value })
    const missing = new Set<string>()
    for (const { name, present } of optionals) {
      const isMissing = ((Object.hasOwn(made, name) ? made[name] : null) ?? null) === null
      if (isMissing) missing.add(name)
      set(present, [!isMissing])
      const isTensor = ports.some((port) => port.name === name)
      if (isMissing && isTensor) set(name, zeros(name))
    }
    for (const { name, elements } of sequences) {
      const list = Object.hasOwn(made, name) ? (made[name] as readonly unknown[]) : undefined
      delete made[name]
      if (!missing.has(name) && !(Array.isArray(list) && list.length === elements.length))
        throw new TypeError(`attar: input "${name}" takes an array of ${elements.length} tensors`)
      elements.forEach((element, i) => set(element, missing.has(name) ? zeros(element) : list![i]))
    }
    return made
  }

  return {
    ...model,
    outputs: results(model.outputs),
    run: (given, options) => results(model.run(given && (spread(given) as typeof given), options)),
  }
}
