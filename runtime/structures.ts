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

/** Those of `values` that are tensors, then `sequences` as arrays, then `optionals`, undefined where they have no value. */
function gathered(values: object, names: readonly string[], { sequences, optionals }: Structures): Values {
  const own = values as Values
  const parts = new Set([...sequences.flatMap(({ elements }) => elements), ...optionals.map(({ present }) => present)])
  const absent = optionals.filter(({ present }) => !(own[present] as View)[0]).map(({ name }) => name)
  // Even `__proto__` is one of the object's own.
  return Object.fromEntries(
    [
      ...names.filter((name) => !parts.has(name)).map((name) => [name, own[name]] as const),
      ...sequences.map(({ name, elements }) => [name, elements.map((element) => own[element])] as const),
    ].map(([name, value]) => [name, absent.includes(name) ? undefined : value]),
  )
}

function structured(model: Model, { inputs: ports, outputs, structures }: StructuredSpec): Model {
  const { sequences, optionals } = structures.inputs
  const names = outputs.map(({ name }) => name)
  const results = (values: object) => gathered(values, names, structures.outputs) as Model['outputs']
  // Values, not getters: consoles show them.
  const last = results(model.outputs)
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
    outputs: last,
    run(given, options) {
      const found = model.run(given && (spread(given) as typeof given), options)
      Object.assign(last, results(model.outputs))
      return options?.copy ? results(found) : last
    },
  }
}
