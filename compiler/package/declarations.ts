import {
  hasEncoded,
  hasLengths,
  preprocessKey,
  signaturesOf,
  type ModuleSpec,
  type PortSpec,
  type Signature,
  type SoundSpec,
  type StateSpec,
  type StringsSpec,
  type Structures,
} from '../core/artefact/artefact.ts'
import { allocate, isBigInt, isFloat, isStorageOnly, type DType } from '../core/scalar/dtype.ts'

/** `NAME.wasm.d.ts`: what `import module from './NAME.wasm'` gives where modules are compiled ahead of time. */
export const moduleDeclarations = `declare const module: WebAssembly.Module
export default module
`

/** `NAME.d.ts`: the types of `NAME.js`, with the model's own names, dtypes and shapes as literals. */
export function declarations(spec: ModuleSpec, inline = false): string {
  const classes = spec.outputs.find(({ name }) => name === (spec.pictures ?? spec.text)?.scores?.output)?.classes
  const boxes = spec.pictures?.boxes
  const across = acrossShapes(spec)
  const several = spec.signatures !== undefined
  const { given, taken: hidden, inputs: texts, outputs: made } = spec.strings ?? noStrings
  const inputs = spec.inputs.filter(({ name }) => !given.some(({ input }) => input === name))
  const numbers = inputs.filter(({ name }) => !texts.some((text) => text.name === name))
  const outputs = spec.outputs.filter(({ name }) => !hidden.includes(name))
  return `// Types of a model that attar ${spec.attar} compiled.

/** What \`run\` takes: row-major, of the length that the shape gives${several ? ': all inputs those of one of the shapes' : ''}. */
export interface Inputs {
${structured(
  numbers,
  spec.structures?.inputs,
  (port) => (port.name === spec.pictures?.input ? `${taken(port)} | Picture` : taken(port)),
  ({ name, encoded }) =>
    name === spec.sound?.input ? soundComment(spec.sound) : encoded ? ', red, green and blue of a picture' : '',
  across.inputs,
)}
${texts.map(({ name, shape }) => textMember(name, `string[${shape.join(', ')}]`)).join('\n')}
}
${spec.pictures ? pictureType : ''}${boxes ? detectionType(boxes.classes) : ''}${spec.text ? encodeType : ''}${classes ? classificationType(classes) : ''}
/** What \`run\` gives: row-major. A size after ≤ depends on the inputs: the array is as long as it turns out. */
export interface Outputs {
${structured(outputs, spec.structures?.outputs, output, none, across.outputs)}
${made.map(({ name }) => textMember(name, 'strings; `shapes` has their shape')).join('\n')}
}

/** The inputs in the module's memory. */
export interface InputViews {
${members(inputs, ({ dtype }) => view(dtype), across.inputs)}
}
${spec.states ? stateType(spec.states) : ''}${several ? signatureType : ''}
export interface Model {
  /** Views of the inputs, for filling in place. Activations share their memory: write them before every run.${several ? ofLast : ''} */
  readonly inputs: InputViews
  /** Views of the outputs; they hold the results of the last run.${several ? ofLast : ''} */
  readonly outputs: Outputs
  /**
   * Copies the inputs in, computes, and gives back \`outputs\`, which are valid until the next run, or with \`copy\`
   * copies of them. Outputs of the last run may be inputs of the next. An input that was written in place is passed as its
   * own view; without \`inputs\` all of them are. Throws a TypeError for an unknown or missing name, a wrong length or
   * kind of array, and a number that the element type does not hold${hasLengths(spec) ? lengthErrors : ''}.${several ? pickingComment : ''}
   */
  run(inputs${several ? '' : '?'}: Inputs, options?: { readonly copy?: boolean }): Outputs
${spec.signatures ? signaturesMember(spec.signatures.length) : ''}${hasLengths(spec) || spec.strings ? shapesMember(outputs, made) : ''}${hasEncoded(spec) ? decodeMember : ''}${spec.text ? encodeMember : ''}${boxes ? detectMember : ''}${classes ? (spec.text ? classifyTextMember : classifyMember) : ''}${spec.states ? stateMembers : ''}}

/** The module's interface: element types, shapes, byte addresses in its memory, and the model's own metadata. */
export declare const spec: {
  readonly abi: ${spec.abi}
  /** Of this compilation. */
  readonly hash: string
  readonly attar: ${literal(spec.attar)}
  readonly inputs: ${ports(spec.inputs)}
  readonly outputs: ${ports(spec.outputs)}
${spec.signatures ? signaturesOfSpec(spec.signatures) : ''}${spec.pictures ? `  readonly pictures: ${readonlyType(boxes ? { input: spec.pictures.input } : spec.pictures)}\n` : ''}${
    spec.sound ? `  readonly sound: ${readonlyType(spec.sound)}\n` : ''
  }${spec.text ? `  readonly text: ${readonlyType(spec.text)}\n` : ''}${
    spec.states
      ? `  readonly states: ${ports(spec.states)}
`
      : ''
  }${spec.strings ? `  readonly strings: ${readonlyType({ inputs: texts, outputs: made })}\n` : ''}${
    spec.structures
      ? `  readonly structures: ${readonlyType(spec.structures)}
`
      : ''
  }  readonly metadata: {
${Object.entries(spec.metadata)
  .map(([key, value]) => `    readonly ${literal(key)}: ${key === preprocessKey ? literal(value) : 'string'}\n`)
  .join('')}  }
}

/** Which module this engine runs best: the baseline, or the one that needs relaxed SIMD. */
export declare const target: 'simd' | 'relaxed-simd'

/**
 * The model from ${inline ? 'the module that this script carries' : 'either of its modules (or their bytes)'}, at once.
 * Browsers refuse more than 8 MB of it on a page's main thread; \`load\` has no such limit.
 */
export declare function instantiate(source${inline ? '?' : ''}: WebAssembly.Module | BufferSource): Model

/**
 * The model from a module, its bytes, a response with them, or the address of them, in Node also a path.
 * Without a source it is ${inline ? 'the module that this script carries' : 'read from the file beside this script that suits the engine'}.
 */
export declare function load(source?: Source | PromiseLike<Source>): Promise<Model>

export type Source = WebAssembly.Module | BufferSource | Response | URL | string
`
}

/** By name, the port at each shape. */
function acrossShapes(spec: ModuleSpec): Record<keyof Signature, (name: string) => readonly PortSpec[]> {
  const all = signaturesOf(spec)
  const named = (kind: keyof Signature) => (name: string) =>
    all.flatMap((signature) => signature[kind].filter((port) => port.name === name))
  return { inputs: named('inputs'), outputs: named('outputs') }
}

const ofLast = ' Those of the shape of the last run, before that of the first shape.'

const pickingComment = `
   * Of the shapes it takes the one that the lengths of the inputs fit, and throws a TypeError where they fit none.`

const signatureType = `
/** The model at one of its shapes. */
export interface Signature {
  readonly inputs: InputViews
  readonly outputs: Outputs
  run(inputs?: Inputs, options?: { readonly copy?: boolean }): Outputs
}
`

const signaturesMember = (count: number): string =>
  `  /** The model at each of its shapes: their inputs can be filled in place. */
  readonly signatures: readonly [${Array<string>(count).fill('Signature').join(', ')}]
`

const signaturesOfSpec = (signatures: readonly Signature[]): string => `  readonly signatures: readonly [
${signatures
  .map(({ inputs, outputs }) => `    { readonly inputs: ${ports(inputs)}; readonly outputs: ${ports(outputs)} },\n`)
  .join('')}  ]
`

const pictureType = `
/** A picture of any size as RGBA bytes, row by row: an \`ImageData\`, or what a decoder gives. Alpha is not looked at. */
export interface Picture {
  readonly width: number
  readonly height: number
  readonly data: Uint8ClampedArray | Uint8Array
}
`

const classificationType = (classes: readonly (string | number)[]): string => `
export interface Classification {
  readonly label: ${[...new Set(classes.map((name) => literal(`${name}`)))].join(' | ')}
  readonly score: number
}
`

const detectionType = (classes: readonly (string | null)[]): string => `
export interface Detection {
  readonly label: ${[...new Set(classes.flatMap((name) => (name === null ? [] : [literal(name)])))].join(' | ')}
  readonly score: number
  /** In pixels of the picture, inside of it; \`x\`, \`y\` is the upper left corner. */
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
}
`

const detectMember = `  /**
   * The things in a picture, those with the highest scores first: \`top\` of them at most (all), and none whose score is below
   * \`threshold\` (0.5). Of things of one class whose boxes overlap by more than \`iou\` (0.45, intersection over union) only the best is given.
   * Throws a TypeError for what is no picture.
   */
  detect(
    picture: Picture,
    options?: { readonly threshold?: number; readonly iou?: number; readonly top?: number },
  ): Detection[]
`

const classifyMember = `  /**
   * The classes of a picture, those with the highest scores first: \`top\` of them at most, and none whose score is below \`threshold\`.
   * Throws a TypeError for what is no picture.
   */
  classify(picture: Picture, options?: { readonly top?: number; readonly threshold?: number }): Classification[]
`

const encodeType = `
export interface EncodeOptions {
  /** A second text, such as the answer to a question. */
  readonly pair?: string
  /** Whether ids that mark the beginning, the end and so on are added: true unless it is false. */
  readonly special?: boolean
}
`

const encodeMember = `  /** A text as inputs of \`run\`: its ids, cut or filled up to the input's length. Throws a TypeError for what is no text. */
  encode(text: string, options?: EncodeOptions): Inputs
`

const classifyTextMember = `  /**
   * The classes of a text, those with the highest scores first: \`top\` of them at most, and none whose score is below \`threshold\`.
   * Throws a TypeError for what is no text.
   */
  classify(text: string, options?: EncodeOptions & { readonly top?: number; readonly threshold?: number }): Classification[]
`

/** Getters and setters, since what may be assigned is more than what is read. */
const stateType = (states: readonly StateSpec[]): string => `
/** What the model keeps between runs: read as views of the module's memory, written by assigning to them. */
export interface State {
${states
  .map((port) => {
    const [name, dtype] = [literal(port.name), port.dtype]
    return `${comment(port)}\n  get ${name}(): ${view(dtype)}\n  set ${name}(value: ${accepted(dtype)})`
  })
  .join('\n')}
}
`

const stateMembers = `  /**
   * What the model keeps between runs, of this instance alone. Assigning to one writes it, checked like an input; reading it gives a
   * view, which the next run changes: \`slice\` it to keep it.
   */
  readonly state: State
  /** Makes every state what it was when the model was loaded. */
  reset(): void
`

const lengthErrors = `; a RangeError for an
   * input that is not within its bounds, and where a length that the model computes is not: then outputs are wrong`

const noStrings: StringsSpec = { inputs: [], steps: [], given: [], taken: [], outputs: [] }

const textMember = (name: string, about: string): string =>
  `  /** ${about} */\n  readonly ${literal(name)}: readonly string[]`

const decodeMember = `  /**
   * The pixels of a file of a picture, as an input takes them: of the first that stands for one, or of \`input\`. The page decodes it; outside of
   * pages and workers nothing does. Throws a TypeError for a picture of another size.
   */
  decode(file: Blob | BufferSource, input?: string): Promise<Uint8Array>
`

const shapesMember = (
  outputs: readonly PortSpec[],
  made: StringsSpec['outputs'],
): string => `  /** The shapes of the outputs of the last run. */
  readonly shapes: {
${outputs
  .map(
    ({ name, shape, extents = [] }) =>
      `    readonly ${literal(name)}: readonly [${shape.map((d, i) => (extents.some(({ axis }) => axis === i) ? 'number' : d)).join(', ')}]\n`,
  )
  .join('')}${made.map(({ name }) => `    readonly ${literal(name)}: readonly number[]\n`).join('')}  }
`

const literal = (text: string): string => JSON.stringify(text)

const view = (dtype: DType): string => allocate(dtype, 0)[Symbol.toStringTag]

const passesAsBits = (dtype: DType): boolean => isFloat(dtype) && isStorageOnly(dtype)

function accepted(dtype: DType): string {
  const kind = view(dtype)
  const views = kind === 'Uint8Array' ? `${kind} | Uint8ClampedArray` : kind
  if (passesAsBits(dtype)) return views
  return `${views} | readonly ${isBigInt(dtype) ? '(bigint | number)' : dtype === 'bool' ? '(boolean | number)' : 'number'}[]`
}

const taken = ({ dtype, labels }: PortSpec): string => (labels ? `${view(dtype)} | readonly string[]` : accepted(dtype))

/** The type of a value of strings, numbers, arrays and objects as it stands in JSON. */
const readonlyType = (value: object): string =>
  Array.isArray(value)
    ? `readonly [${value.map((each: unknown) => memberType(each)).join(', ')}]`
    : `{ ${Object.entries(value)
        .map(([key, member]) => `readonly ${key}: ${memberType(member)}`)
        .join('; ')} }`

const memberType = (value: unknown): string =>
  typeof value === 'object' && value !== null ? readonlyType(value) : JSON.stringify(value)

const output = ({ dtype, labels }: PortSpec): string =>
  labels ? `readonly (${labels.map(literal).join(' | ')})[]` : view(dtype)

const soundComment = ({ rate, hops }: SoundSpec): string =>
  `, ${hops === undefined ? 'a sound' : 'the next samples of a stream'} at ${rate} Hz, from -1 to 1`

const none = (): string => ''

const members = (
  ports: readonly PortSpec[],
  type: (port: PortSpec) => string,
  across: (name: string) => readonly PortSpec[],
): string =>
  ports
    .map((port) => {
      return `${comment(port, '', across(port.name))}\n  readonly ${literal(port.name)}: ${type(port)}`
    })
    .join('\n')

/** Members for tensors, for sequences as arrays of them, and for optionals, which may be left out. */
function structured(
  all: readonly PortSpec[],
  { sequences, optionals }: Structures = { sequences: [], optionals: [] },
  type: (port: PortSpec) => string,
  more: (port: PortSpec) => string,
  across: (name: string) => readonly PortSpec[],
): string {
  const parts = new Set([...sequences.flatMap(({ elements }) => elements), ...optionals.map(({ present }) => present)])
  const isOptional = (name: string): boolean => optionals.some((each) => each.name === name)
  const member = (name: string, about: string, kind: string): string =>
    `${about}\n  readonly ${literal(name)}${isOptional(name) ? `?: ${kind} | undefined` : `: ${kind}`}`
  const tensors = all
    .filter(({ name }) => !parts.has(name))
    .map((port) => member(port.name, comment(port, more(port), across(port.name)), type(port)))
  const lists = sequences.map(({ name, elements }) => {
    const own = elements.map((element) => all.find((port) => port.name === element)!)
    const about = own.map((port) => comment(port).slice(6, -3)).join(', ')
    return member(
      name,
      `  /** sequence of ${own.length}${about && `: ${about}`} */`,
      `readonly [${own.map(type).join(', ')}]`,
    )
  })
  const given = new Set([...all.map(({ name }) => name), ...sequences.map(({ name }) => name)])
  const never = optionals.filter(({ name }) => !given.has(name))
  return [...tensors, ...lists, ...never.map(({ name }) => member(name, '  /** without a value */', 'undefined'))].join(
    '\n',
  )
}

/** `across` is the port at each shape. */
function comment(port: PortSpec, more = '', across: readonly PortSpec[] = [port]): string {
  const { dtype, labels, range, bounds = [] } = port
  const within = bounds.map(([least, most]) => `${least} to ${most}`).join(', ')
  const places = within ? `, each from ${within}` : range ? `, from ${range[0]} to ${range[1]}` : ''
  const bits = passesAsBits(dtype) ? ', as bits' : ''
  const types = across.map(({ shape, extents = [] }) => {
    const dims = shape.map((d, i) => (extents.some(({ axis }) => axis === i) ? `≤ ${d}` : d))
    return `${labels ? 'string' : dtype}[${dims.join(', ')}]`
  })
  return `  /** ${[...new Set(types)].join(' or ')}${bits}${places}${more} */`
}

const list = (name: string, values: readonly unknown[] | undefined): string =>
  values ? `; readonly ${name}: readonly [${values.map((v) => JSON.stringify(v)).join(', ')}]` : ''

const extentType = '; readonly extents: readonly { readonly axis: number; readonly address: number }[]'

const ports = (all: readonly (PortSpec & Partial<StateSpec>)[]): string => {
  const entries = all.map(
    ({ name, dtype, shape, extents, bounds, labels, classes, range, next }) =>
      `    { readonly name: ${literal(name)}; readonly dtype: '${dtype}'; readonly shape: readonly [${shape.join(', ')}]; readonly address: number${extents ? extentType : ''}${list('range', range)}${list('bounds', bounds)}${list('labels', labels)}${list('classes', classes)}${next === undefined ? '' : `; readonly next: ${literal(next)}`} },\n`,
  )
  return entries.length ? `readonly [\n${entries.join('')}  ]` : 'readonly []'
}
