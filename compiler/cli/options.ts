import { InvalidArgumentError, type Command } from 'commander'
import type { CompileOptions, Tensor } from '../index.ts'

/** `NAME=VALUE`; a tensor's name may itself have an equals sign. */
function split(text: string): [name: string, value: string] {
  const at = text.lastIndexOf('=')
  if (at <= 0) throw new InvalidArgumentError('It is not of the form NAME=VALUE.')
  return [text.slice(0, at), text.slice(at + 1)]
}

function dimension(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError(`"${text}" is not a dimension.`)
  return Number(text)
}

type Named<T> = Readonly<Record<string, T>>

/** Adds an entry to those collected before. */
const collect =
  <T>(parse: (value: string) => T) =>
  (text: string, before: Named<T> = {}): Named<T> => {
    const [name, value] = split(text)
    return Object.fromEntries([...Object.entries(before), [name, parse(value)]])
  }

export const namedFiles = collect((path) => path)

/** The options that settle a model's shapes. */
export interface ShapeOptions {
  shape?: Named<readonly number[]>
  dim?: Named<number>
  bind?: Named<string>
}

export function addShapeOptions(command: Command): Command {
  const shape = collect((value) => (value === '' ? [] : value.split(',').map(dimension)))
  return command
    .option('--shape <name=dims>', 'shape of an input, e.g. x=1,3,224,224 (repeatable)', shape)
    .option('--dim <name=size>', 'size of a symbolic dimension, e.g. batch=1 (repeatable)', collect(dimension))
    .option('--bind <name=file>', 'make an input a constant: .npy or .pb (repeatable)', namedFiles)
}

/** What `compile` and `importModel` take for the options of a command on the model at `path`. */
export async function importOptions(
  path: string,
  { shape, dim, bind = {} }: ShapeOptions,
): Promise<Pick<CompileOptions, 'shapes' | 'dims' | 'bind' | 'readExternal'>> {
  const { readerBeside } = await import('../data/files.ts')
  const files = Object.entries(bind)
  return {
    ...(shape && { shapes: shape }),
    ...(dim && { dims: dim }),
    ...(files.length > 0 && { bind: await readTensors(files) }),
    readExternal: readerBeside(path),
  }
}

async function readTensors(files: readonly (readonly [name: string, file: string])[]): Promise<Record<string, Tensor>> {
  const { readTensor } = await import('./tensors.ts')
  return Object.fromEntries(files.map(([name, file]) => [name, readTensor(file)]))
}

/** An option's value that is a number and not negative. */
export function nonNegative(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < Infinity))
    throw new InvalidArgumentError('It is not a number from 0.')
  return value
}

export function wholeNumber(text: string): number {
  const value = nonNegative(text)
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('It is not a whole number.')
  return value
}
