import { extname } from 'node:path'
import { readFile, readNpyStrings, readNpzOfStrings, type StringArray } from '../../data/index.ts'
import { decodeStrings, elementCount, fail, tensorOf, type ModuleSpec, type Tensor } from '../../index.ts'

type Port = ModuleSpec['inputs'][number]

const wanted = (name: string): string => `the value of input "${name}"`

/** A list of strings as JSON writes it, or with nothing but commas between them. */
function listed(text: string, name: string): readonly string[] {
  if (!text.startsWith('[')) return text.split(',')
  const list: unknown = json(text, name)
  const isText = (value: unknown): value is string => typeof value === 'string'
  return Array.isArray(list) && list.every(isText) ? list : fail('A501', `${wanted(name)} is not a list of strings`)
}

function json(text: string, name: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    fail('A501', `${wanted(name)} is not JSON: ${text}`)
  }
}

/** Strings as the module takes them: their places in its list, -1 for those that it does not have. */
function placesOf({ shape, strings }: StringArray, { labels = [] }: Port): Tensor {
  const places = new Map(labels.map((text, i) => [text, i]))
  return tensorOf(
    'i32',
    shape,
    strings.map((text) => places.get(text) ?? -1),
  )
}

/**
 * The value of an input of strings: of a `.npy` file of them (`<U`), of a `.pb` file, or the strings themselves, with commas between
 * them or as a JSON list. A501 for another kind of file, and where they do not fill the input.
 */
export const readStrings = (value: string, port: Port): Tensor => placesOf(readText(value, port), port)

/** The same as the strings themselves. A501 for another shape. */
export function readFreeStrings(value: string, port: Pick<Port, 'name' | 'shape'>): StringArray {
  const text = readText(value, port)
  if (elementCount(text.shape) === elementCount(port.shape)) return { ...text, shape: port.shape }
  return fail('A501', `input "${port.name}" takes ${elementCount(port.shape)} strings, got ${text.strings.length}`)
}

function readText(value: string, { name, shape }: Pick<Port, 'name' | 'shape'>): StringArray {
  const kind = extname(value)
  const file =
    kind === '.npy'
      ? (readNpyStrings(readFile(value), `"${value}"`) ?? fail('A501', `"${value}" does not hold strings`))
      : kind === '.pb'
        ? (decodeStrings(readFile(value)) ?? fail('A501', `"${value}" does not hold strings`))
        : undefined
  if (file) return file
  const strings = listed(value, name)
  const count = elementCount(shape)
  if (strings.length !== count) fail('A501', `input "${name}" takes ${count} strings, got ${strings.length}`)
  return { shape, strings }
}

/** The value of an input that is a map, as a JSON object: 0 for keys of the module that it lacks. Others are of no use to it, which `notes` is told. */
export function readMap(value: string, { name, dtype, shape, classes = [] }: Port, notes: string[]): Tensor {
  const given = json(value, name) as Readonly<Record<string, unknown>>
  const isInteger = dtype === 'i64' || dtype === 'u64'
  const values = classes.map((key) => {
    const v = Object.hasOwn(given, key) ? given[key] : 0
    const wrong = (what: string): never =>
      fail('A501', `${wanted(name)} has ${JSON.stringify(v)} for "${key}", not ${what}`)
    if (typeof v !== 'number') return wrong('a number')
    return isInteger && !Number.isSafeInteger(v) ? wrong('a whole number') : v
  })
  const known = new Set(classes.map(String))
  const others = Object.keys(given).filter((key) => !known.has(key))
  if (others.length > 0)
    notes.push(
      `${wanted(name)}: not used: ${others.map((key) => `"${key}"`).join(', ')}, which the module does not know`,
    )
  return tensorOf(dtype, shape, isInteger ? values.map(BigInt) : values)
}

/** The arrays in an `.npz` file, strings as the inputs of their names take them. A501 for strings that are for none. */
export function readArraysOf(path: string, inputs: readonly Port[]): Record<string, Tensor> {
  if (extname(path) !== '.npz') fail('A501', `"${path}" is not .npz`)
  const entries = Object.entries(readNpzOfStrings(readFile(path), `"${path}"`)).map(([name, value]) => {
    if (!('strings' in value)) return [name, value] as const
    const port = inputs.find((each) => each.name === name && each.labels)
    return [name, port ? placesOf(value, port) : fail('A501', `"${name}" in "${path}" holds strings`)] as const
  })
  return Object.fromEntries(entries)
}

/** An output of labels as these. */
export const stringsOf = ({ shape, data }: Tensor, labels: readonly string[]): StringArray => ({
  shape,
  strings: Array.from(data as Int32Array, (i) => labels[i]!),
})
