/** What scripts have beside the runtime whose models compute with strings: that is done here, before the module runs and behind it. */
import type { Model, Source, Spec } from './index.ts'

interface Step {
  readonly op: keyof typeof operations | 'output'
  readonly args: readonly string[]
  readonly to: string
  readonly strings?: readonly string[]
  readonly shape?: readonly number[]
  readonly how?: string
  readonly most?: number
  readonly without?: readonly string[]
  readonly exact?: boolean
}

export interface StringsSpec extends Spec {
  readonly strings?: {
    readonly inputs: readonly { readonly name: string; readonly shape: readonly number[] }[]
    readonly steps: readonly Step[]
    /** Inputs of the module that results of steps go into. */
    readonly given: readonly { readonly input: string; readonly value: string }[]
    /** Outputs of the module that steps read. */
    readonly taken: readonly string[]
    readonly outputs: readonly { readonly name: string; readonly value: string }[]
  }
}

/** A model with the shapes of its outputs, of which strings may have others after each run. */
export interface StringModel extends Model {
  readonly shapes: Readonly<Record<string, readonly number[]>>
}

interface Exports {
  instantiate(source?: WebAssembly.Module | BufferSource): Model
  load(source?: Source | PromiseLike<Source>): Promise<Model>
}

/** Row-major. */
interface Values {
  readonly values: readonly unknown[]
  readonly shape: readonly number[]
}

const product = (dims: readonly number[]): number => dims.reduce((count, d) => count * d, 1)

const mapped = ({ values, shape }: Values, f: (value: string) => unknown): Values => ({
  shape,
  values: (values as readonly string[]).map(f),
})

/** Element by element of two tensors that broadcast. */
function pairs(a: Values, b: Values, f: (a: string, b: string) => unknown): Values {
  const rank = Math.max(a.shape.length, b.shape.length)
  const padded = (shape: readonly number[]): number[] => [...Array<number>(rank - shape.length).fill(1), ...shape]
  const [left, right] = [padded(a.shape), padded(b.shape)]
  const shape = left.map((d, i) => {
    const other = right[i]!
    if (d !== other && d !== 1 && other !== 1) throw new TypeError(`attar: strings of shapes ${a.shape} and ${b.shape}`)
    return d === 1 ? other : d
  })
  const at = (dims: readonly number[], place: number): number => {
    let [index, step] = [0, 1]
    for (let i = rank; i--;) {
      if (dims[i] !== 1) index += (place % shape[i]!) * step
      step *= dims[i]!
      place = Math.floor(place / shape[i]!)
    }
    return index
  }
  const values = Array.from({ length: product(shape) }, (_, i) =>
    f(a.values[at(left, i)] as string, b.values[at(right, i)] as string),
  )
  return { values, shape }
}

/** Python's str.split: without a delimiter at runs of white space, of which none makes a part; `most` splits at most. */
function parts(text: string, delimiter = '', most = Infinity): string[] {
  const found: string[] = []
  let rest = delimiter ? text : text.trimStart()
  if (!delimiter && !rest) return found
  while (found.length < most) {
    const at = delimiter ? rest.indexOf(delimiter) : rest.search(/\s/)
    if (at < 0) break
    found.push(rest.slice(0, at))
    rest = rest.slice(at + delimiter.length)
    if (!delimiter) rest = rest.trimStart()
    if (!delimiter && !rest) return found
  }
  return [...found, rest]
}

/** The fewest digits that are this number and no other. */
function digits(value: number, isDouble: boolean): string {
  if (!Number.isFinite(value)) return String(value).replace('Infinity', 'INF')
  if (isDouble) return String(value)
  let text = ''
  for (let n = 1; n < 10 && (text === '' || Math.fround(+text) !== value); n++) text = value.toPrecision(n)
  return String(+text)
}

function number(text: string, dtype: string): unknown {
  const [plain, sign, word] = /^\s*([+-]?)(inf|infinity|nan)?/i.exec(text)!
  const value = word ? (/n$/i.test(word) ? NaN : sign === '-' ? -Infinity : Infinity) : Number(text)
  if (dtype !== 'i64') return dtype === 'bool' ? value !== 0 : plain.trim() === '' && text.trim() === '' ? NaN : value
  const integer = /^\s*[+-]?\d+\s*$/.test(text) ? BigInt(text.trim().replace('+', '')) : BigInt(Math.trunc(value) || 0)
  return BigInt.asIntN(64, integer)
}

/** What steps make of their arguments. */
const operations = {
  constant: ({ strings, shape }: Step): Values => ({ values: strings!, shape: shape! }),
  concat: (_: Step, a: Values, b: Values) => pairs(a, b, (x, y) => x + y),
  equal: (_: Step, a: Values, b: Values) => pairs(a, b, (x, y) => x === y),
  match({ how }: Step, x: Values) {
    const pattern = new RegExp(`^(?:${how})$`, 'u')
    return mapped(x, (text) => pattern.test(text))
  },
  /** Numbers of `how`, a dtype. */
  number: ({ how }: Step, x: Values) => mapped(x, (text) => number(text, how!)),
  text: ({ how }: Step, { values, shape }: Values): Values => ({
    shape,
    values: values.map((value) => (how![0] === 'f' ? digits(value as number, how === 'f64') : String(value))),
  }),
  /** One axis more, as long as the longest; behind the parts stand empty strings. */
  split({ how, most }: Step, { values, shape }: Values): Values {
    const all = values.map((text) => parts(text as string, how, most))
    const length = all.reduce((longest, each) => Math.max(longest, each.length), 0)
    return {
      shape: [...shape, length],
      values: all.flatMap((each) => [...each, ...Array<string>(length - each.length).fill('')]),
    }
  },
  lengths: ({ how, most }: Step, x: Values) => mapped(x, (text) => BigInt(parts(text, how, most).length)),
  /** Of one row: without some, in lower or upper case as `how` says; one empty string where none is left. */
  normalize({ how, without = [], exact }: Step, { values, shape }: Values): Values {
    const seen = (text: string): string => (exact ? text : text.toLowerCase())
    const gone = new Set(without.map(seen))
    const kept = (values as readonly string[]).filter((text) => !gone.has(seen(text)))
    if (kept.length === 0 && without.length > 0) kept.push('')
    const change = (text: string): string =>
      how === 'lower' ? text.toLowerCase() : how === 'upper' ? text.toUpperCase() : text
    return { values: kept.map(change), shape: [...shape.slice(0, -1), kept.length] }
  },
}

/** What the script exports, with models that take and give strings. */
export const withStrings = <T extends Exports>(exports: T, spec: StringsSpec) => ({
  ...exports,
  instantiate: (source?: WebAssembly.Module | BufferSource) => texted(exports.instantiate(source), spec),
  load: async (source?: Source | PromiseLike<Source>) => texted(await exports.load(source), spec),
})

/** A model whose `run` also computes with strings. Without such computations it is `model`, with shapes. */
export function texted(
  model: Model & Partial<StringModel>,
  { inputs: ports, outputs: results, strings }: StringsSpec,
): StringModel {
  const { inputs = [], steps = [], given = [], taken = [], outputs = [] } = strings ?? {}
  const byName = new Map(steps.map((step) => [step.to, step]))
  const hidden = new Set(taken)
  let known = new Map<string, Values>()

  function valueOf(name: string, own: Readonly<Record<string, unknown>>): Values {
    const before = known.get(name)
    if (before) return before
    const step = byName.get(name)!
    const value =
      step.op === 'output'
        ? { values: [...(own[step.how!] as readonly unknown[])], shape: step.shape! }
        : (operations[step.op] as (step: Step, ...args: Values[]) => Values)(
            step,
            ...step.args.map((arg) => valueOf(arg, own)),
          )
    known.set(name, value)
    return value
  }

  /** The module's inputs: those that are given, without strings that it does not take, and what steps make. */
  function prepare(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const own = { ...values }
    for (const { name, shape } of inputs) {
      const list = Object.hasOwn(own, name) ? own[name] : undefined
      const count = product(shape)
      if (!Array.isArray(list) || list.length !== count || !list.every((text) => typeof text === 'string'))
        throw new TypeError(`attar: input "${name}" (string[${shape}]) takes an array of ${count} strings`)
      known.set(name, { values: list as string[], shape })
      if (!ports.some((port) => port.name === name)) delete own[name]
    }
    for (const { input, value } of given)
      Object.defineProperty(own, input, { enumerable: true, value: valueOf(value, own).values })
    return own
  }

  // Values, not getters: consoles show them. Even `__proto__` is one of the object's own.
  const outputsNow = () =>
    Object.fromEntries([
      ...outputs.map(({ name, value }) => [name, known.get(value)?.values] as const),
      ...Object.entries(model.outputs).filter(([name]) => !hidden.has(name)),
    ]) as Model['outputs']
  const shapesNow = () =>
    Object.fromEntries([
      ...outputs.map(({ name, value }) => [name, known.get(value)?.shape] as const),
      ...results
        .filter(({ name }) => !hidden.has(name))
        .map(({ name, shape }) => [name, model.shapes?.[name] ?? shape] as const),
    ]) as StringModel['shapes']
  const made = outputsNow()
  const shapes = shapesNow()

  return {
    ...model,
    outputs: made,
    shapes,
    run(values, options) {
      known = new Map()
      const own = values || inputs.length > 0 || given.length > 0 ? prepare(values ?? {}) : undefined
      const found = model.run(own as typeof values, options)
      for (const { value } of outputs) valueOf(value, found)
      Object.assign(made, outputsNow())
      Object.assign(shapes, shapesNow())
      if (!options?.copy) return made
      const copy = Object.entries(found).filter(([name]) => !hidden.has(name))
      return Object.fromEntries([
        ...copy,
        ...outputs.map(({ name, value }) => [name, known.get(value)!.values] as const),
      ]) as Model['outputs']
    },
  }
}
