import type { ModuleSpec, Tensor } from '../../index.ts'

type Named<T> = readonly (readonly [name: string, value: T])[]

/** The tensors of one run's outputs without flags, without those of optionals that have no value, and which these are. */
export function present<T extends object>(
  { structures }: ModuleSpec,
  outputs: Readonly<Record<string, T>>,
): { tensors: Record<string, T>; absent: readonly string[] } {
  const { sequences = [], optionals = [] } = structures?.outputs ?? {}
  const flags = new Set(optionals.map(({ present: flag }) => flag))
  const absent = optionals
    .filter(({ present: flag }) => (outputs[flag] as unknown as Tensor).data[0] === 0)
    .map(({ name }) => name)
  const gone = new Set(absent.flatMap((name) => sequences.find((each) => each.name === name)?.elements ?? [name]))
  const kept = Object.entries(outputs).filter(([name]) => !flags.has(name) && !gone.has(name))
  return { tensors: Object.fromEntries(kept), absent }
}

/** `values` of tensors as those of outputs: arrays for sequences, null for what is absent. */
export function structuredValues<T>(
  { structures }: ModuleSpec,
  values: Named<T>,
  absent: readonly string[],
): Record<string, T | T[] | null> {
  const { sequences = [] } = structures?.outputs ?? {}
  const byName = new Map(values)
  const elements = new Set(sequences.flatMap(({ elements: own }) => own))
  const lists = sequences.filter(({ name }) => !absent.includes(name))
  return Object.fromEntries<T | T[] | null>([
    ...values.filter(([name]) => !elements.has(name)),
    ...lists.map(({ name, elements: own }) => [name, own.map((element) => byName.get(element)!)] as const),
    ...absent.map((name) => [name, null] as const),
  ])
}

/** What there is to say of outputs without a tensor. */
export function emptyLines({ structures }: ModuleSpec, absent: readonly string[]): string[] {
  const { sequences = [] } = structures?.outputs ?? {}
  const empty = sequences.filter(({ name, elements }) => elements.length === 0 && !absent.includes(name))
  return [...empty.map(({ name }) => `${name} empty sequence`), ...absent.map((name) => `${name} has no value`)]
}
