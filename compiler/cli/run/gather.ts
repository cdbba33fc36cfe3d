import type { StringArray } from '../../data/index.ts'
import type { ModuleSpec, Tensor } from '../../index.ts'
import type { MediaOptions } from './media.ts'

export interface Inputs {
  /** Inputs of any strings, the same in all runs. */
  readonly strings: Readonly<Record<string, StringArray>>
  readonly steps: readonly Readonly<Record<string, Tensor>>[]
  readonly isOne: boolean
  /** What of the files is left out or added, or prepared otherwise than the model says, in lines. */
  readonly notes: readonly string[]
}

/** What a command says of its inputs. */
export interface GatherOptions extends MediaOptions {
  inputs?: string
  seed: number
}

/**
 * The inputs at the first shape of the module that they fit as they are, or else fit at all, and its specification at that shape. `encoded` are those
 * that a text became. A501 where they fit none.
 */
export async function gatherAt(
  spec: ModuleSpec,
  options: GatherOptions,
  encoded: Readonly<Record<string, Tensor>>,
): Promise<Inputs & { readonly spec: ModuleSpec }> {
  const { CompileError, fail, formatType, signaturesOf } = await import('../../index.ts')
  const all = signaturesOf(spec)
  const reasons: unknown[] = []
  const found: (Inputs & { readonly spec: ModuleSpec })[] = []
  for (const signature of all) {
    const own = { ...spec, ...signature }
    try {
      found.push({ ...(await gather(own, options, encoded)), spec: own })
      if (found.at(-1)!.notes.length === 0) break
    } catch (error) {
      if (!(error instanceof CompileError) || all.length === 1) throw error
      reasons.push(error)
    }
  }
  const [first] = found
  if (first) return found.reduce((best, each) => (each.notes.length < best.notes.length ? each : best), first)
  const messages = reasons.map((error) => (error as Error).message)
  if (new Set(messages).size === 1) throw reasons[0]
  const shapes = all.map(({ inputs }) => inputs.map((port) => `"${port.name}" ${formatType(port)}`).join(', '))
  return fail('A501', `the inputs fit none of the module's shapes, which are ${shapes.join(' and ')}`)
}

/** Completes `given` for optionals: their flags, and zeros for those that are not given. */
async function leaveOut({ inputs, structures }: ModuleSpec, given: Map<string, Tensor>): Promise<void> {
  const { tensorOf, zeros } = await import('../../index.ts')
  const { sequences = [], optionals = [] } = structures?.inputs ?? {}
  for (const { name, present } of optionals) {
    const { elements = [name] } = sequences.find((each) => each.name === name) ?? {}
    const isGiven = elements.some((element) => given.has(element))
    if (!given.has(present)) given.set(present, tensorOf('bool', [], [isGiven ? 1 : 0]))
    const own = isGiven ? [] : inputs.filter((port) => elements.includes(port.name))
    for (const { name: element, dtype, shape } of own) given.set(element, zeros(dtype, shape))
  }
}

const textHint = 'a text goes into all inputs that it becomes by --text'

/**
 * The module's inputs for each run, from the files that the options name, and whether it is one run whose inputs have no dimension for
 * several. A501 where an input is missing, unknown or doesn't fit.
 */
async function gather(
  spec: ModuleSpec,
  options: GatherOptions,
  encoded: Readonly<Record<string, Tensor>>,
): Promise<Inputs> {
  const { convert, kindOfFile, randomInputs } = await import('../../data/index.ts')
  const { elementCount, fail, formatType, sameShape } = await import('../../index.ts')
  const { readTensor } = await import('./tensors.ts')
  const { readMedium } = await import('./media.ts')
  const { readArraysOf, readFreeStrings, readMap, readStrings } = await import('./named.ts')
  const notes: string[] = []
  const { inputs: free = [], given: made = [] } = spec.strings ?? {}
  const own = new Set([...free.map(({ name }) => name), ...made.map(({ input }) => input)])
  const ports = spec.inputs.filter(({ name }) => !own.has(name))
  const names = [...free, ...ports].map(({ name }) => `"${name}"`).join(', ') || 'none'
  const arrays = options.inputs === undefined ? {} : readArraysOf(options.inputs, ports)
  const given = new Map(Object.entries({ ...arrays, ...encoded }))
  const random = new Map(Object.entries(randomInputs(ports, options.seed)))
  const strings = free.map((port) => {
    const value = options.input?.[port.name]
    if (value === undefined) return fail('A501', `input "${port.name}" has no value; give its strings by --input`)
    return [port.name, readFreeStrings(value, port)] as const
  })
  for (const [name, file] of Object.entries(options.input ?? {})) {
    if (free.some((port) => port.name === name)) continue
    const port =
      ports.find((each) => each.name === name) ?? fail('A501', `the module has no input "${name}"; it has ${names}`)
    if (file === 'random') given.set(name, random.get(name)!)
    else if (port.labels) given.set(name, readStrings(file, port))
    else if (port.classes && file.startsWith('{')) given.set(name, readMap(file, port, notes))
    else if (kindOfFile(file)) {
      const medium = await readMedium(spec, name, file, options)
      given.set(name, medium.value)
      notes.push(...medium.notes)
    } else
      given.set(
        name,
        readTensor(file, () => port, name, spec.text && textHint),
      )
  }
  const others = Object.keys(arrays).filter(
    (name) => Object.hasOwn({ ...options.input, ...encoded }, name) || !ports.some((port) => port.name === name),
  )
  if (options.inputs !== undefined && others.length === Object.keys(arrays).length)
    fail('A501', `"${options.inputs}" has no input that the module takes: ${names}`)
  if (others.length > 0)
    notes.push(`"${options.inputs}": not used: ${others.map((name) => `"${name}"`).join(', ')}; inputs are ${names}`)
  await leaveOut(spec, given)
  const inputs = ports.map((port) => {
    const { name, dtype, shape } = port
    const t = given.get(name) ?? fail('A501', `input "${name}" has no value; the module's inputs are ${names}`)
    const isSingle = sameShape(t.shape, shape)
    const runs = isSingle ? undefined : t.shape[0]
    if (!isSingle && !(runs! > 0 && sameShape(t.shape.slice(1), shape))) {
      fail('A501', `input "${name}" is given as ${formatType(t)}, the module takes ${formatType(port)}`)
    }
    return { name, shape, runs, value: convert(t, dtype, `input "${name}"`) }
  })
  const several = inputs.filter(({ runs }) => runs !== undefined)
  const [first] = several
  const other = several.find(({ runs }) => runs !== first!.runs)
  if (other)
    fail('A501', `input "${first!.name}" holds ${first!.runs} runs, "${other.name}" ${other.runs}`, {
      hint: 'an input without the further dimension is the same in all runs',
    })
  const steps = Array.from({ length: first?.runs ?? 1 }, (_, i) => {
    const each = inputs.map(({ name, shape, runs, value }) => {
      const size = elementCount(shape)
      const data = runs === undefined ? value.data : value.data.subarray(i * size, (i + 1) * size)
      return [name, { dtype: value.dtype, shape, data }] as const
    })
    return Object.fromEntries(each)
  })
  return { strings: Object.fromEntries(strings), steps, isOne: !first, notes }
}
