import { existsSync, readdirSync } from 'node:fs'
import { basename, join, relative, sep } from 'node:path'
import { minimatch } from 'minimatch'
import { readFile, readImage } from '../data/index.ts'
import {
  bytesOf,
  encodedPictures,
  vocabularyOf,
  decodeModel,
  decodeValue,
  elementName,
  flagName,
  reasonOf,
  tensorOf,
  zeros,
  type StoredValue,
  type StringTensor,
  type Tensor,
  type ValueInfo,
} from '../index.ts'
import type { GivenTolerance } from './compare.ts'
import type { Labels } from './engine.ts'
import type { Texts } from './instance.ts'
import { cannotSearch, malformedMeta, notJson, unknownType } from './errors.ts'

/** A folder with `model.onnx` and data for it: the layout of ONNX's own backend tests. */
export interface CaseFolder {
  /** Path below the folder that was searched, with forward slashes. */
  readonly name: string
  readonly folder: string
}

const setPattern = /^test_data_set_(\d+)$/

/**
 * The cases in `root` and below, by name. `filter` is a glob over their names; one without a slash goes for the last part.
 * A502 where `root` cannot be read.
 */
export function findCases(root: string, filter?: string): CaseFolder[] {
  const cases: CaseFolder[] = []
  const visit = (folder: string): void => {
    const entries = readdirSync(folder, { withFileTypes: true })
    const names = entries.map((entry) => entry.name)
    if (names.includes('model.onnx') && names.some((name) => setPattern.test(name))) {
      const name = relative(root, folder).split(sep).join('/')
      cases.push({ name: name === '' ? basename(folder) : name, folder })
    }
    for (const entry of entries) {
      if (entry.isDirectory() && !setPattern.test(entry.name)) visit(join(folder, entry.name))
    }
  }
  try {
    visit(root)
  } catch (error) {
    cannotSearch(root, reasonOf(error))
  }
  const wanted = filter === undefined ? cases : cases.filter((c) => minimatch(c.name, filter, { matchBase: true }))
  return wanted.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A case's `meta.json`; all of it may be missing. */
export interface CaseMeta {
  /** Sizes of symbolic dimensions. */
  readonly dims: Readonly<Record<string, number>>
  readonly tolerance: GivenTolerance
  /** Outputs that the next data set takes as inputs, by output. */
  readonly state: ReadonlyMap<string, string>
}

export interface Case {
  readonly model: Uint8Array
  /** Without those that the model has values for. */
  readonly inputs: readonly ValueInfo[]
  readonly outputs: readonly ValueInfo[]
  /** What inputs that are strings may hold. */
  readonly labels: Labels
  /** Inputs that are files of pictures. */
  readonly pictures: ReadonlySet<string>
  readonly meta: CaseMeta
  /** Folders of the data sets, in order. */
  readonly sets: readonly string[]
}

/** A502 for files that cannot be read, A1xx for a model that cannot be decoded. */
export function readCase(folder: string): Case {
  const model = readFile(join(folder, 'model.onnx'))
  const { graph } = decodeModel(model)
  const sets = readdirSync(folder).filter((name) => setPattern.test(name))
  const number = (name: string): number => Number(setPattern.exec(name)![1])
  return {
    model,
    inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)),
    outputs: graph.outputs,
    labels: new Map(
      graph.inputs.filter(({ typeName }) => typeName === 'string').map(({ name }) => [name, vocabularyOf(graph)]),
    ),
    pictures: encodedPictures(graph),
    meta: readMeta(join(folder, 'meta.json')),
    sets: sets.sort((a, b) => number(a) - number(b)).map((name) => join(folder, name)),
  }
}

function readMeta(path: string): CaseMeta {
  const meta: unknown = existsSync(path) ? parse(path) : {}
  const bad = (key: string): never => malformedMeta(path, key)
  if (!isRecord(meta)) return bad('the whole')
  const { dims = {}, state = {}, atol, rtol } = meta
  if (!isRecord(dims) || !isRecord(state)) return bad('dims or state')
  const sizes = Object.entries(dims).map(([name, d]) => [name, typeof d === 'number' ? d : bad('dims')] as const)
  const chains = Object.entries(state).map(([from, to]) => [from, typeof to === 'string' ? to : bad('state')] as const)
  const isTolerance = (v: unknown): v is number | undefined => v === undefined || (typeof v === 'number' && v >= 0)
  if (!isTolerance(atol) || !isTolerance(rtol)) return bad('atol or rtol')
  const tolerance = { ...(atol !== undefined && { atol }), ...(rtol !== undefined && { rtol }) }
  return { dims: Object.fromEntries(sizes), tolerance, state: new Map(chains) }
}

function parse(path: string): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(readFile(path)))
  } catch (error) {
    notJson(path, reasonOf(error))
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/**
 * The tensors of a data set by the names of `ports`, for which `input_0.pb`, `input_1.pb` … stand in order; a file may be
 * missing. Sequences and optionals come as the tensors that they are at the boundary. Strings are read as i32 places in the lists
 * that `labels` has for their ports, -1 for others. A202 where one is of a type that attar does not have.
 */
export function readSet(
  folder: string,
  kind: 'input' | 'output',
  ports: readonly ValueInfo[],
  labels?: Labels,
): Record<string, Tensor> {
  const tensors = ports.flatMap((port, i) => {
    const file = join(folder, `${kind}_${i}.pb`)
    return existsSync(file) ? tensorsOf(port, decodeValue(readFile(file), port), kind, labels) : []
  })
  return Object.fromEntries(tensors)
}

const flag = (name: string, value: number): readonly [string, Tensor] => [flagName(name), tensorOf('bool', [], [value])]

/** What stands at the boundary for the value of `port`. */
function tensorsOf(
  port: ValueInfo,
  value: StoredValue,
  kind: 'input' | 'output',
  labels: Labels | undefined,
): (readonly [name: string, value: Tensor])[] {
  const { name, typeName, dtype, element } = port
  if (typeName === 'optional' && element) {
    if (value !== undefined) return [...tensorsOf({ ...element, name }, value, kind, labels), flag(name, 1)]
    const blank = kind === 'input' && element.dtype && zeros(element.dtype, element.shape?.map(Number) ?? [])
    return [...(blank ? [[name, blank] as const] : []), flag(name, 0)]
  }
  if (value === undefined || Array.isArray(value)) {
    const elements = (value ?? []) as readonly StoredValue[]
    return elements.flatMap((each, i) => tensorsOf({ ...element!, name: elementName(name, i) }, each, kind, labels))
  }
  const tensor = value as Tensor | StringTensor
  if ('strings' in tensor) {
    const list = labels?.get(name)
    // What is no label is read by `readTexts`.
    if (!list?.length) return []
    const places = tensor.strings.map((text) => list.indexOf(text))
    return [[name, tensorOf('i32', tensor.shape, places)]]
  }
  // An output without a type has the one that is inferred.
  if (!dtype && !(kind === 'output' && typeName === 'unknown')) unknownType(`${kind} "${name}"`, typeName)
  // ONNX's own cases store bfloat16, which NumPy does not have, as uint16.
  return [[name, dtype === 'bf16' && tensor.dtype === 'u16' ? { ...tensor, dtype } : tensor]]
}

/** `tensors` with the pixels of pictures in place of their files, of inputs that only an ImageDecoder reads. */
export async function decodePictures(
  names: ReadonlySet<string>,
  tensors: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const decoded = Object.entries(tensors).map(async ([name, tensor]) => {
    if (!names.has(name)) return [name, tensor] as const
    const { width, height, channels, data } = await readImage(bytesOf(tensor), `input "${name}"`)
    const colours = Uint8Array.from(
      { length: width * height * 3 },
      (_, i) => data[channels === 3 ? i : Math.floor(i / 3)]!,
    )
    return [name, { dtype: 'u8', shape: [height, width, 3], data: colours } as const] as const
  })
  return Object.fromEntries(await Promise.all(decoded))
}

/** The strings of a data set by the names of `ports`, without what is in sequences or optionals. */
export function readTexts(folder: string, kind: 'input' | 'output', ports: readonly ValueInfo[]): Texts {
  const texts = ports.flatMap((port, i) => {
    const file = join(folder, `${kind}_${i}.pb`)
    const value = port.typeName === 'string' && existsSync(file) ? decodeValue(readFile(file), port) : undefined
    return value && 'strings' in value ? [[port.name, value] as const] : []
  })
  return Object.fromEntries(texts)
}

/** Of inputs that are sequences, how many tensors a data set has for them. */
export const lengthsIn = (
  ports: readonly ValueInfo[],
  tensors: Readonly<Record<string, Tensor>>,
): Record<string, readonly [number]> =>
  Object.fromEntries(
    ports
      .filter(({ typeName, element }) => typeName === 'sequence' || element?.typeName === 'sequence')
      .map(({ name }) => {
        let length = 0
        while (Object.hasOwn(tensors, elementName(name, length))) length++
        return [name, [length]] as const
      }),
  )
