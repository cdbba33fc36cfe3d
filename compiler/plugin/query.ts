import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { Command, CommanderError, type Option } from 'commander'
import { addModuleOptions, type ModuleOptions } from '../cli/module-options.ts'
import { addEachShapeOptions, addStateOptions, type EachShape, type StateOptions } from '../cli/options.ts'
import { addPixelOptions, type PixelOptions } from '../cli/processing/pictures.ts'
import { checkOptions, refuseRepeats } from '../cli/preconditions.ts'
import { addCompressOptions, type CompressCliOptions } from '../cli/compile/quantize-options.ts'
import { addSoundOptions, type SoundOptions } from '../cli/processing/sound.ts'
import { addTokenizerOptions, type TokenizerOptions } from '../cli/processing/texts.ts'
import { fail } from '../index.ts'

/** What an import of a model may say: options of `attar compile`. */
export type QueryOptions = EachShape &
  StateOptions &
  CompressCliOptions &
  PixelOptions &
  SoundOptions &
  TokenizerOptions &
  ModuleOptions

/** An import of a model: `model.onnx?attar&quantize=weights`. */
export interface ModelImport {
  /** The model's file. */
  readonly path: string
  /** Behind the question mark, as it was written. */
  readonly query: string
}

/** What says that an import is meant for attar. Bundlers test ids against it. */
export const marked = /^[^?]*\?(?:[^#]*&)?attar=?(?:&|#|$)/

/** What Vite adds to queries for itself: `import` and `t` (a time), and `v` (a version). */
const ofBundlers = /^(?:import|[tv]=.*)$/

/** An id taken apart, without the parts that bundlers add. */
export function modelImport(id: string): ModelImport {
  const at = id.indexOf('?')
  const [query = ''] = id.slice(at + 1).split('#')
  const parts = query.split('&').filter((part) => !ofBundlers.test(part))
  return { path: id.slice(0, at), query: parts.join('&') }
}

/** Options whose value is a file or a folder. */
const paths = new Set(['calib', 'val', 'vocabulary', 'plan', 'preprocess', 'tokenizer'])
/** Options `NAME=VALUE` whose value may be a file. */
const boundPaths = new Set(['bind', 'state-init'])
/** What of the command's writes a file that is no module. */
const writing = new Set(['vocabulary-map'])

export interface Query {
  readonly options: QueryOptions
  /** The command that parsed them, which tells where each comes from. */
  readonly command: Command
  /** Files and folders that the options name. */
  readonly data: readonly string[]
}

/**
 * The options of an import. Files in them are relative to the model's folder. Throws a CompileError A501 for an option that is
 * unknown, has a wrong value, is given twice or would have no effect.
 */
export async function parseQuery({ path, query }: ModelImport): Promise<Query> {
  const command = new Command('compile').exitOverride().allowExcessArguments(false)
  command.configureOutput({ writeErr: () => {}, writeOut: () => {} }).helpOption(false)
  addCompressOptions(addStateOptions(addEachShapeOptions(command)))
  addModuleOptions(addTokenizerOptions(addSoundOptions(addPixelOptions(command))))
  refuseRepeats(command)
  const known = new Map(command.options.map((option) => [option.long!.slice(2), option]))
  for (const name of writing) known.delete(name)
  const data: string[] = []
  const beside = (value: string): string => {
    const file = isAbsolute(value) ? value : join(dirname(path), value)
    data.push(file)
    return file
  }
  const args = query.split('&').flatMap((part) => {
    const [name, value] = cut(part)
    if (name === 'attar' || part === '') return []
    const option = known.get(name)
    if (!option) return unknownOption(query, name, known)
    return argument(query, option, name, resolved(name, value, beside))
  })
  try {
    command.parse(args, { from: 'user' })
    await checkOptions(command)
  } catch (error) {
    asDiagnostic(query, error)
  }
  return { options: command.opts<QueryOptions>(), command, data }
}

/** A usage error of the command line as a diagnostic; does not return. */
export function asDiagnostic(query: string, error: unknown): never {
  if (!(error instanceof CommanderError)) throw error
  fail('A501', `"?${query}": ${error.message.replace(/^error: /, '')}`, {
    hint: 'a part NAME=VALUE of the query is the option --NAME VALUE of attar compile',
  })
}

function unknownOption(query: string, name: string, known: ReadonlyMap<string, Option>): never {
  fail('A501', `"?${query}": there is no option "${name}"`, {
    hint: writing.has(name)
      ? 'it writes a file: run attar compile --' + name
      : `the options are ${[...known.keys()].sort().join(', ')}`,
  })
}

/** Name and value of a part of a query, decoded. A percent sign may stand for itself, as in `prune=50%`. */
function cut(part: string): [name: string, value: string | undefined] {
  const decoded = (text: string): string =>
    text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (bytes) => {
      try {
        return decodeURIComponent(bytes)
      } catch {
        return bytes
      }
    })
  const at = part.indexOf('=')
  return at < 0 ? [decoded(part), undefined] : [decoded(part.slice(0, at)), decoded(part.slice(at + 1))]
}

function resolved(name: string, value: string | undefined, beside: (value: string) => string): string | undefined {
  if (value === undefined || value === '') return value
  if (paths.has(name)) return value === 'random' && name === 'calib' ? value : beside(value)
  // Names, or a file that has them.
  if (name === 'classes') return value.includes(',') ? value : beside(value)
  const at = value.lastIndexOf('=')
  if (!boundPaths.has(name) || at < 0 || !/\.(npy|pb)$/.test(value)) return value
  return value.slice(0, at + 1) + beside(value.slice(at + 1))
}

/** An option for the command's parser. Bundlers write a flag as `inline` or `inline=`. */
function argument(query: string, option: Option, name: string, value: string | undefined): string[] {
  if (option.required) {
    if (value === undefined)
      fail('A501', `"?${query}": ${name} takes a value: ${name}=${option.flags.split(' ').at(-1)}`)
    return [`--${name}=${value}`]
  }
  if (option.optional) return [value === undefined || value === '' ? `--${name}` : `--${name}=${value}`]
  if (value !== undefined && value !== '') fail('A501', `"?${query}": ${name} takes no value`)
  return [`--${name}`]
}

/** The folder of the nearest package.json above a file, or else the file's own. */
export function packageFolder(path: string): string {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder
    if (folder === dirname(folder)) return dirname(path)
  }
}
