import { InvalidArgumentError, Option, type Command } from 'commander'
import type { CompileOptions, Tensor } from '../index.ts'

/** `NAME=VALUE`; a tensor's name may itself have an equals sign. */
function split(text: string): [name: string, value: string] {
  const at = text.lastIndexOf('=')
  if (at <= 0) throw new InvalidArgumentError('It is not of the form NAME=VALUE.')
  return [text.slice(0, at), text.slice(at + 1)]
}

function dimension(text: string): number {
  const size = /^\d+$/.test(text) ? Number(text) : NaN
  if (!Number.isSafeInteger(size)) throw new InvalidArgumentError(`"${text}" is not a dimension.`)
  return size
}

const bounds = (text: string): (readonly [number, number])[] =>
  text.split(',').map((each) => {
    const [, least = '0', most] = /^(?:(-?\d+)\.\.)?(-?\d+)$/.exec(each) ?? []
    const bound = [Number(least), Number(most)] as const
    if (!bound.every(Number.isSafeInteger) || bound[0] > bound[1])
      throw new InvalidArgumentError(`"${each}" is no bound: give the greatest value, as 100, or both ends, as -5..5.`)
    return bound
  })

type Named<T> = Readonly<Record<string, T>>

/** An option `NAME=VALUE` that may be given for several names, once for each. */
export class Repeatable<T> extends Option {
  constructor(flags: string, description: string, parse: (value: string) => T) {
    super(flags, `${description} (repeatable)`)
    this.argParser((text: string, before: Named<T> = {}): Named<T> => {
      const [name, value] = split(text)
      if (Object.hasOwn(before, name)) throw new InvalidArgumentError(`"${name}" is given twice.`)
      return Object.fromEntries([...Object.entries(before), [name, parse(value)]])
    })
  }
}

/** The same with several values for a name, from one option or more of them. */
export class RepeatableEach<T> extends Repeatable<readonly T[]> {
  constructor(flags: string, description: string, parse: (value: string) => readonly T[]) {
    super(flags, description, parse)
    this.argParser((text: string, before: Named<readonly T[]> = {}): Named<readonly T[]> => {
      const [name, value] = split(text)
      const values = [...(Object.hasOwn(before, name) ? before[name]! : []), ...parse(value)]
      return Object.fromEntries([...Object.entries(before), [name, values]])
    })
  }
}

/** An option that may be given several times. */
export class RepeatableList extends Option {
  constructor(flags: string, description: string) {
    super(flags, `${description} (repeatable)`)
    this.argParser((text: string, before: readonly string[] = []): readonly string[] => [...before, notEmpty(text)])
  }
}

export const asIs = (value: string): string => value

export const checkIdsOption = (): Option =>
  new Option('--check-ids', 'refuse inputs that are places outside of the table they are looked up in')

/** A path: the empty one would be the folder that one is in. */
export function notEmpty(path: string): string {
  if (path === '') throw new InvalidArgumentError('It is empty.')
  return path
}

/** The options that settle a model's shapes. */
export interface ShapeOptions {
  shape?: Named<readonly number[]>
  dim?: Named<number>
  bind?: Named<string>
  bound?: Named<readonly (readonly [number, number])[]>
}

export const bindOption = (description: string): Option =>
  new Repeatable(
    '--bind <name=value>',
    `${description}: a file (.npy, .pb), or its numbers, e.g. sr=16000 or box=[[0,0,1,1]]`,
    asIs,
  )

const shape = (value: string): number[] => (value === '' ? [] : value.split(',').map(dimension))

function addSizeOptions(command: Command): Command {
  return command
    .addOption(new Repeatable('--shape <name=dims>', 'shape of an input, e.g. x=1,3,224,224', shape))
    .addOption(new Repeatable('--dim <name=size>', 'size of a symbolic dimension, e.g. batch=1', dimension))
}

export const addShapeOptions = (command: Command): Command => addConstantOptions(addSizeOptions(command))

/** `--shape` and `--dim` of a command that compiles for several shapes: a value for each, or one for all. */
export interface EachShape extends Omit<ShapeOptions, 'shape' | 'dim'> {
  shape?: Named<readonly (readonly number[])[]>
  dim?: Named<readonly number[]>
}

export const addEachShapeOptions = (command: Command): Command =>
  addConstantOptions(
    command
      .addOption(
        new RepeatableEach(
          '--shape <name=dims>',
          'shape of an input, e.g. x=1,3,224,224; given again for the same input, one module for several shapes',
          (value) => [shape(value)],
        ),
      )
      .addOption(
        new RepeatableEach(
          '--dim <name=sizes>',
          'size of a symbolic dimension, e.g. batch=1; batch=1,8 makes one module for several',
          (value) => value.split(',').map(dimension),
        ),
      ),
  )

/** How many shapes the options are for. */
export const countShapes = ({ shape = {}, dim = {} }: Pick<EachShape, 'shape' | 'dim'>): number =>
  Math.max(1, ...[...Object.values(shape), ...Object.values(dim)].map(({ length }) => length))

/**
 * The options with what holds for all shapes, and where there are several, what holds for each: the first values that are given for names belong
 * together, the second, and so on. A501 where names have different numbers of values.
 */
export async function oneShape<O extends EachShape>(
  options: O,
): Promise<Omit<O, 'shape' | 'dim'> & Pick<ShapeOptions, 'shape' | 'dim'> & Pick<CompileOptions, 'signatures'>> {
  const { shape: shapes = {}, dim: dims = {}, ...rest } = options
  const count = countShapes(options)
  const all = [
    ...Object.entries(shapes).map(([name, values]) => [`--shape ${name}`, values.length] as const),
    ...Object.entries(dims).map(([name, values]) => [`--dim ${name}`, values.length] as const),
  ]
  const other = all.find(([, n]) => n > 1 && n !== count)
  if (other) {
    const { fail } = await import('../index.ts')
    const most = all.find(([, n]) => n === count)!
    fail('A501', `${most[0]} has ${count} values, ${other[0]} has ${other[1]}`, {
      hint: 'each has one for all shapes, or one for every shape; the first of each belong together, and so on',
    })
  }
  const at = <T>(named: Named<readonly T[]>, i: number): Named<T> =>
    Object.fromEntries(
      Object.entries(named).map(([name, values]) => [name, values.length > 1 ? values[i]! : values[0]!]),
    )
  const some = <T>(named: Named<readonly T[]>, several: boolean): Named<readonly T[]> =>
    Object.fromEntries(Object.entries(named).filter(([, values]) => values.length > 1 === several))
  const signatures = Array.from({ length: count }, (_, i) => ({
    shapes: at(some(shapes, true), i),
    dims: at(some(dims, true), i),
  }))
  return {
    ...rest,
    ...(options.shape && { shape: at(some(shapes, false), 0) }),
    ...(options.dim && { dim: at(some(dims, false), 0) }),
    ...(count > 1 && { signatures }),
  }
}

const addConstantOptions = (command: Command): Command =>
  command
    .addOption(bindOption('make an input a constant'))
    .addOption(
      new Repeatable(
        '--bound <name=most>',
        'greatest value of integers that lengths depend on, of an input or a tensor in between, e.g. k=100, or box=640,480 for one each',
        bounds,
      ),
    )

/** The options that say what stays in the module between runs. */
export interface StateOptions {
  state?: Named<string>
  stateInit?: Named<string>
}

export const addStateOptions = (command: Command): Command =>
  command
    .addOption(
      new Repeatable(
        '--state <input=output>',
        'keep an input in the module between runs: each run makes it what this output is, e.g. h=hn',
        asIs,
      ),
    )
    .addOption(
      new Repeatable('--state-init <input=value>', 'what a state starts as, as for --bind; zeros without it', asIs),
    )

/** What `compile` takes for them. */
export async function stateOptions(
  path: string,
  { state, stateInit }: StateOptions,
): Promise<Pick<CompileOptions, 'state' | 'stateStart'>> {
  return { ...(state && { state }), ...(stateInit && { stateStart: await boundTensors(stateInit, path) }) }
}

/** What `compile` and `importModel` take for the options of a command on the model at `path`. */
export async function importOptions(
  path: string,
  { shape, dim, bind, bound }: ShapeOptions,
): Promise<Pick<CompileOptions, 'shapes' | 'dims' | 'bind' | 'bounds' | 'readExternal'>> {
  const { readerBeside } = await import('../data/files.ts')
  return {
    ...(shape && { shapes: shape }),
    ...(dim && { dims: dim }),
    ...(bind && { bind: await boundTensors(bind, path) }),
    ...(bound && { bounds: bound }),
    readExternal: readerBeside(path),
  }
}

/** The values of `--bind` or `--state-init` for the model at `path`. A106 for an input that it does not have. */
export async function boundTensors(bind: Named<string>, path: string): Promise<Record<string, Tensor>> {
  const { readTensor } = await import('./run/tensors.ts')
  const entries = Object.entries(bind)
  if (entries.length === 0) return {}
  const { inputNamed, inputsOf, literalType } = await import('./run/model-inputs.ts')
  const inputs = inputsOf(path)
  return Object.fromEntries(
    entries.map(([name, value]) => {
      const input = inputNamed(inputs, name)
      return [name, readTensor(value, () => literalType(input), name)] as const
    }),
  )
}

/** An option's value that is a number and not negative. */
export function nonNegative(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value < Infinity))
    throw new InvalidArgumentError('It is not a number from 0.')
  return value
}

/** An option's value that is a number above 0. */
export function positive(text: string): number {
  if (nonNegative(text) === 0) throw new InvalidArgumentError('It is not a number above 0.')
  return Number(text)
}

/** Reads a whole number from `least` to `most`. */
export const wholeNumber =
  (least: number, most: number) =>
  (text: string): number => {
    const value = /^\d+$/.test(text) ? Number(text) : NaN
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`It is not a whole number from ${least} to ${most}.`)
    return value
  }

/** Seeds have 32 bits. */
export const seedNumber = wholeNumber(0, 2 ** 32 - 1)
