/** What ships to the user: loads a module that attar compiled and runs it. Imports nothing. */

/** The module conventions that this runtime speaks: compiler/core/artefact/artefact.ts. */
const abi = 3

declare const withStates: boolean | undefined
/** Models without states have a script without what is for states: scripts/build-runtime.mjs makes both. */
const hasStates = typeof withStates === 'undefined' || withStates

declare const withSignatures: boolean | undefined
/** So have those of one shape. */
const hasSignatures = typeof withSignatures === 'undefined' || withSignatures

/** Kinds of arrays; of other types, bytes. */
const arrays: Partial<Record<DType, ViewConstructor>> = {
  i2: Int8Array,
  i4: Int8Array,
  i8: Int8Array,
  i16: Int16Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  u16: Uint16Array,
  u32: Uint32Array,
  i32: Int32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  f64: Float64Array,
  f32: Float32Array,
}

type DType =
  | 'bool'
  | `${'i' | 'u'}${2 | 4 | 8 | 16 | 32 | 64}`
  | ('f16' | 'bf16' | 'f32' | 'f64')
  | ('f8e4m3fn' | 'f8e4m3fnuz' | 'f8e5m2' | 'f8e5m2fnuz' | 'f8e8m0' | 'f4e2m1')
export type View =
  | (Uint8Array | Uint16Array | Uint32Array | Int8Array | Int16Array | Int32Array)
  | (BigInt64Array | BigUint64Array | Float32Array | Float64Array)
type ViewConstructor = new (buffer: ArrayBuffer, address: number, length: number) => View
/** An output: numbers, or for outputs of labels the labels themselves. */
export type Output = View | readonly string[]
type Value = View | Uint8ClampedArray | readonly (number | bigint | boolean)[] | readonly string[]

/** A tensor in the module's memory: row-major, contiguous, from byte `address`. */
export interface Port {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly address: number
  /** Each i32 at `address` tells how many elements along `axis` count; behind them stands padding. */
  readonly extents?: readonly { readonly axis: number; readonly address: number }[]
  /** The least and the greatest that elements of an input may be; one pair for all, or one for each. */
  readonly bounds?: readonly (readonly [number, number])[]
  /** What the elements, i32, are places in. */
  readonly labels?: readonly string[]
  /** Of scores: what the last axis runs over. */
  readonly classes?: readonly (string | number)[]
}

/** What a run leaves for the next, by the input's name. */
export interface StatePort extends Port {
  /** The model's output that it becomes. */
  readonly next: string
}

export interface Spec {
  readonly abi: number
  /** Of the compilation. */
  readonly hash: string
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  readonly states?: readonly StatePort[]
  /** Where there are several shapes, all of them; the function at place i is called `run`, `run1`, `run2` … */
  readonly signatures?: readonly Pick<Spec, 'inputs' | 'outputs'>[]
}

export type Target = 'simd' | 'relaxed-simd'
export type Source = WebAssembly.Module | BufferSource | Response | URL | string

export interface Model {
  /** Views of the inputs in the module's memory, for filling in place. Activations share it: write before every run. */
  readonly inputs: Readonly<Record<string, View>>
  /**
   * Views of the outputs in the module's memory; they hold the results of the last run. One whose size depends on data
   * is as long as that run made it.
   */
  readonly outputs: Readonly<Record<string, Output>>
  /**
   * Copies the inputs in, computes, and gives back `outputs`, valid until the next run, or copies of them with `copy`.
   * An input is an array of the view's kind, also one in the module's memory, such as an output of the last run; or an
   * array of numbers, but for floats of 16 bits and fewer, which pass as bits. Integers must fit their type, those of 64 bits
   * are bigints or safe integers. Labels are strings. An input written in place is passed as its own view; without `inputs` all of them are.
   * @throws TypeError for an unknown or missing name, a wrong length, kind of array or element, and where reading the
   * inputs calls `run`.
   */
  run(inputs?: Readonly<Record<string, Value>>, options?: { readonly copy?: boolean }): Readonly<Record<string, Output>>
  /**
   * Views of what the model keeps between runs. Assigning an array writes it there; it is checked like an input.
   * @throws TypeError for an unknown name, and an array that as an input would be one.
   */
  readonly state: Record<string, View>
  /** Makes every state what it was when the model was loaded. */
  reset(): void
  /**
   * The model at each of its shapes, where it was compiled for several. Its own `run` takes the one that the lengths of the inputs fit, and
   * `inputs` and `outputs` are those of the shape of the last run, before that of the first shape.
   * @throws TypeError also where they fit no shape, or there are no inputs.
   */
  readonly signatures?: readonly Pick<Model, 'inputs' | 'outputs' | 'run'>[]
}

/**
 * A module `(func (param v128) (result v128))` of i32x4.relaxed_dot_i8x16_i7x16_add_s, opcode 0xfd 0x113, on its
 * parameter thrice. V8 before 11.4 has the opcode behind a flag with another result; the global's initial value
 * `0 + 0` is an extended constant expression, which V8 accepts from 11.4 on and all others did before relaxed SIMD.
 */
const probe = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version
  ...[0x01, 0x06, 0x01, 0x60, 0x01, 0x7b, 0x01, 0x7b], // types: v128 -> v128
  ...[0x03, 0x02, 0x01, 0x00], // functions: one of type 0
  ...[0x06, 0x09, 0x01, 0x7f, 0x00, 0x41, 0x00, 0x41, 0x00, 0x6a, 0x0b], // globals: i32 = 0 + 0
  ...[0x0a, 0x0d, 0x01, 0x0b, 0x00, 0x20, 0x00, 0x20, 0x00, 0x20, 0x00, 0xfd, 0x93, 0x02, 0x0b], // code
])

/** Which of a model's modules runs fastest on this engine. */
export const target: Target = WebAssembly.validate(probe) ? 'relaxed-simd' : 'simd'

function refuse(message: string): never {
  throw new TypeError(`attar: ${message}`)
}

function bind(
  module: WebAssembly.Module,
  instance: WebAssembly.Instance,
  spec: Spec & { readonly run?: string },
): Model {
  const section = WebAssembly.Module.customSections(module, 'attar')[0]
  const start = `{"abi":${abi},"hash":"${spec.hash}"`
  // Worklets have no TextDecoder.
  if (String.fromCharCode(...new Uint8Array(section!).subarray(0, start.length)) !== start)
    refuse('the .wasm is of another compilation')
  // It never grows.
  const {
    memory: { buffer },
    run,
  } = (hasSignatures && spec.run
    ? { ...instance.exports, run: instance.exports[spec.run] }
    : instance.exports) as unknown as { memory: { buffer: ArrayBuffer }; run: () => void }
  // Properties are defined, also by fromEntries, so that even `__proto__` is one of the object's own.
  const viewsOf = (ports: readonly Port[]): Record<string, View> =>
    Object.fromEntries(
      ports.map(({ name, dtype, shape, address }) => [
        name,
        new (arrays[dtype] ?? Uint8Array)(buffer, address, product(shape)),
      ]),
    )
  const inputs = Object.freeze(viewsOf(spec.inputs))
  const wholes = viewsOf(spec.outputs)
  const outputs: Record<string, Output> = viewsOf(spec.outputs)
  /** Makes of the outputs what a run left. Values, not getters: consoles show them. */
  const settle = (): void => {
    for (const { name, labels, shape, extents = [] } of spec.outputs) {
      let view = wholes[name]!
      // The elements that count are moved together where padding stands between them. Axes ascend, so that rows of inner ones are whole.
      for (const { axis, address } of extents) {
        const row = product(shape.slice(axis))
        const kept = (row / shape[axis]!) * new Int32Array(buffer, address)[0]!
        let to = 0
        for (let from = 0; from < view.length; to += kept, from += row) view.copyWithin(to, from, from + kept)
        view = view.subarray(0, to)
      }
      outputs[name] = labels ? Array.from(view as Int32Array, (i) => labels[i]!) : view
    }
  }
  settle()
  const { states = [] } = spec
  const state = hasStates ? viewsOf(states) : {}
  const restore = hasStates
    ? states.map((port) => {
        const view = state[port.name]!
        const start = view.slice()
        Object.defineProperty(state, port.name, {
          enumerable: true,
          get: () => view,
          set: (value: unknown) => view.set(read(port, view, value) as never),
        })
        return () => view.set(start as never)
      })
    : []
  let runs = 0

  return {
    ...((hasStates && {
      state: Object.freeze(state),
      reset() {
        for (const back of restore) back()
      },
    }) as Pick<Model, 'state' | 'reset'>),
    inputs,
    outputs,
    // Not what is null: a caller's empty request would be answered with what an earlier one left in memory.
    run(values = inputs, options) {
      const turn = ++runs
      const copy = options?.copy
      const writes: [view: View, value: View][] = []
      for (const name in values) {
        if (!Object.hasOwn(inputs, name)) refuse(`no input "${name}", only "${Object.keys(inputs).join('", "')}"`)
      }
      for (const port of spec.inputs) {
        const view = inputs[port.name]!
        const given = Object.hasOwn(values, port.name) ? values[port.name] : undefined
        if (given === view) continue
        const value = read(port, view, given)
        // In the module's memory, what an earlier write goes over is kept first. With states, outputs are seldom passed back.
        writes.push([
          view,
          // An array of the view's kind. Not slice, of which Node's Buffer makes something else.
          value.buffer === buffer && (hasStates || reach(writes, value))
            ? new (view.constructor as new (from: View) => View)(value)
            : value,
        ])
      }
      // The above may run the caller's code: getters, proxies.
      if (turn !== runs) refuse('run within run')
      for (const [view, value] of writes) view.set(value as never)
      run()
      settle()
      return copy ? Object.fromEntries(Object.entries(outputs).map(([name, view]) => [name, view.slice()])) : outputs
    },
  }
}

/** The model at each of its shapes, and by the lengths of its inputs. */
function bindEach(module: WebAssembly.Module, instance: WebAssembly.Instance, spec: Spec): Model {
  const all = spec.signatures!.map((signature, i) =>
    bind(module, instance, { ...spec, ...signature, run: `run${i || ''}` }),
  )
  let last = all[0]!
  let runs = 0
  const runAt = (at: Model | undefined, [values, options]: Parameters<Model['run']>): ReturnType<Model['run']> => {
    const turn = ++runs
    // All of the caller's code runs here: getters, proxies.
    const entries = Object.entries(values ?? {}).map(([name, value]) => [
      name,
      Array.isArray(value) ? Array.from(value as number[]) : (value as View),
    ])
    if (turn !== runs) refuse('run within run')
    const given = Object.fromEntries(entries) as Record<string, View>
    const lengths = (views: object): string =>
      Object.entries(views as Record<string, View>)
        .map(([name, view]) => `${name} of ${view?.length}`)
        .sort()
        .join(', ') || 'no inputs'
    const model =
      at ??
      all.find(({ inputs }) => lengths(inputs) === lengths(given)) ??
      refuse(`no shape takes ${lengths(given)}, only ${all.map(({ inputs }) => lengths(inputs)).join(' or ')}`)
    const outputs = model.run(values && given, options)
    last = model
    return outputs
  }
  return {
    ...last,
    signatures: all.map((model) => ({ ...model, run: (...args) => runAt(model, args) })),
    get inputs() {
      return last.inputs
    },
    get outputs() {
      return last.outputs
    },
    run: (...args) => runAt(undefined, args),
  }
}

const unfit = (port: Port, what: string): never =>
  refuse(
    `${hasStates && (port as StatePort).next ? 'state' : 'input'} "${port.name}" (${port.labels ? 'string' : port.dtype}[${port.shape}]) takes ${what}`,
  )

/** What to write to `view`, the place of the input or state `port`. */
function read(port: Port, view: View, value: unknown): View {
  const { dtype, labels } = port
  const isView = ArrayBuffer.isView(value)
  const array = isView || Array.isArray(value) ? (value as View) : undefined
  if (array?.length !== view.length || (isView ? kind(value) !== kind(view) : /f(16|8|4)/.test(dtype))) {
    const given = array ? `${kind(array) ?? 'array'} of ${array.length}` : typeof value
    return unfit(port, `a ${kind(view)} of ${view.length}, got ${given}`)
  }
  if (isView) return array
  const copy = view.slice()
  for (const i of view.keys()) {
    const element: unknown = array[i]
    const number = (
      labels
        ? labels.indexOf(element as string)
        : // Of other numbers the assignment makes a TypeError.
          /[iu]64/.test(dtype) && Number.isSafeInteger(element)
          ? BigInt(element as number)
          : dtype === 'bool' && element === !!element
            ? +element
            : element
    ) as number
    copy[i] = number
    if (labels ? typeof element !== 'string' : dtype[0] === 'f' ? typeof element !== 'number' : copy[i] !== number)
      unfit(port, `no ${String(element)}`)
  }
  return copy
}

/** Whether any of the views written overlaps `value`. */
const reach = (writes: readonly (readonly [View, View])[], { byteOffset, byteLength }: View): boolean =>
  writes.some(([v]) => v.byteOffset < byteOffset + byteLength && byteOffset < v.byteOffset + v.byteLength)

const product = (dims: readonly number[]): number => dims.reduce((count, d) => count * d, 1)

/** `Float32Array` and so on, for arrays of other realms too; canvas pixels count as plain bytes. */
const kind = (array: object): string | undefined =>
  (array as { [Symbol.toStringTag]?: string })[Symbol.toStringTag]?.replace('Clamped', '')

async function compile(source: Source): Promise<WebAssembly.Module> {
  let wasm = source as Exclude<Source, URL | string>
  // Worklets have no URL.
  const address = (source as URL).href ?? source
  if (typeof address === 'string') {
    // What bundlers make of small files; a policy may forbid fetch to take it.
    const inline = /^data:.*?;base64,/.test(address)
    // Node's fetch knows neither file: nor paths. An import() of node: would break bundlers that build for browsers.
    const files = /^(file:|.:|[^:]*$)/.test(address) && globalThis.process?.getBuiltinModule?.('node:fs/promises')
    wasm = inline
      ? Uint8Array.from(atob(address.split(',')[1]!), (character) => character.charCodeAt(0))
      : files
        ? await files.readFile(/^file:/.test(address) ? new URL(address) : address)
        : await fetch(address)
  }
  if (wasm instanceof WebAssembly.Module) return wasm
  // A response. Node loads its fetch where `Response` is named, which takes longer than all of a model's start.
  if ('arrayBuffer' in wasm) {
    if (!wasm.ok) refuse(`${wasm.url}: ${wasm.status}`)
    if (wasm.headers.get('content-type') === 'application/wasm') return WebAssembly.compileStreaming(wasm)
    wasm = await wasm.arrayBuffer()
  }
  return WebAssembly.compile(wasm as BufferSource)
}

/**
 * A model from its module, at once. Browsers refuse more than 8 MB here on a page's main thread: use `load`.
 * @throws TypeError if the module isn't the one that `spec` describes.
 */
export function instantiate(source: WebAssembly.Module | BufferSource, spec: Spec): Model {
  const module = source instanceof WebAssembly.Module ? source : new WebAssembly.Module(source)
  return (hasSignatures && spec.signatures ? bindEach : bind)(module, new WebAssembly.Instance(module), spec)
}

/**
 * A model from a module, its bytes, a response with them, or the address of them, in Node also a path; else from the file that `locate`
 * names for this engine's target, or where that can't be had, for the baseline.
 */
export async function load(
  spec: Spec,
  source: Source | PromiseLike<Source> | undefined,
  locate: (target: Target) => Source,
): Promise<Model> {
  const given = await source
  const module = await (given === undefined
    ? compile(locate(target)).catch(() => compile(locate('simd')))
    : compile(given))
  return (hasSignatures && spec.signatures ? bindEach : bind)(module, await WebAssembly.instantiate(module), spec)
}
