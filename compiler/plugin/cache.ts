import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { checkStorage, storageOf, targetOf } from '../cli/module-options.ts'
import { importOptions, oneShape, stateOptions } from '../cli/options.ts'
import { describeAccuracy } from '../cli/compile/quantization.ts'
import { preparedSource } from '../cli/compile/source.ts'
import { readFile, writeFiles } from '../data/files.ts'
import {
  artefacts,
  checkName,
  CompileError,
  compile,
  encoderSource,
  fail,
  formatDiagnostic,
  warningLines,
} from '../index.ts'
import { printable } from '../core/diagnostics/printable.ts'
import { version } from '../version.ts'
import { asDiagnostic, parseQuery, type ModelImport, type Query } from './query.ts'

/** A compiled model in a folder. */
export interface Entry {
  readonly folder: string
  /** Its files are called `NAME.js`, `NAME.wasm` and so on. */
  readonly name: string
  /** Names of its modules' files; none where the script carries the module. */
  readonly modules: readonly string[]
  /** What was read besides the model: files with its weights, and data that options name. */
  readonly files: readonly string[]
  readonly warnings: readonly string[]
}

/** What an entry's folder says of how it was made. */
interface Made {
  /** Digests of files with weights, by path relative to the model's folder: known when the model has been read. */
  readonly external: Readonly<Record<string, string>>
  readonly modules: readonly string[]
  readonly warnings: readonly string[]
}

const madeFile = 'made.json'

const digest = (...parts: readonly (Uint8Array | string)[]): string => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${part.length}\0`).update(part)
  return hash.digest('hex')
}

/** A file, or the files of a folder and those inside of it. */
function filesAt(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat?.isDirectory() !== true) return stat ? [path] : []
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).sort()
  return names.map((name) => join(path, name)).filter((file) => statSync(file).isFile())
}

/** Compilations that are under way, by folder: bundlers ask for a module several times at once. */
const running = new Map<string, Promise<Entry>>()

let last: Promise<unknown> = Promise.resolve()

/** One compilation after the other, so that there is memory for one, and time for signals in between. */
function inTurn<T>(job: () => Promise<T>): Promise<T> {
  const result = last.then(job)
  // Signals are told between two turns of the event loop.
  last = result
    .catch(() => {})
    .then(() => setImmediate())
    .then(() => setImmediate())
  return result
}

/**
 * What an import of a model compiles to, from a folder below `root` if it stands there already: its name is a digest of all that
 * goes in. Throws a CompileError where the model, the query or the data will not do.
 */
export async function compiledImport(from: ModelImport, root: string): Promise<Entry> {
  const query = await parseQuery(from)
  const model = readFile(from.path)
  const data = query.data.flatMap(filesAt)
  const name = nameOf(from.path)
  const read = data.flatMap((file) => [file, digest(readFile(file))])
  const key = digest(version, name, from.query, model, ...read).slice(0, 20)
  const folder = join(root, key)
  const found = earlier(folder, name, from.path, data)
  if (found) return found
  const started =
    running.get(folder) ??
    inTurn(() => make(from, query, model, { folder, name, data })).finally(() => running.delete(folder))
  running.set(folder, started)
  return started
}

/** What artefacts are called: as the model, where that can be the name of a file and of an asset. */
function nameOf(path: string): string {
  const name = basename(path, extname(path))
  try {
    if (/^[\w.-]+$/.test(name)) checkName(name)
    else return 'model'
    return name
  } catch {
    return 'model'
  }
}

/** What stands in the folder, if it was made of the same files. */
function earlier(folder: string, name: string, path: string, data: readonly string[]): Entry | undefined {
  try {
    const made = JSON.parse(readFileSync(join(folder, madeFile), 'utf8')) as Made
    const external = Object.entries(made.external).map(([file, hash]) => [join(dirname(path), file), hash] as const)
    if (external.some(([file, hash]) => digest(readFileSync(file)) !== hash)) return undefined
    const { modules, warnings } = made
    if (![...modules, `${name}.js`, `${name}.d.ts`].every((file) => existsSync(join(folder, file)))) return undefined
    return { folder, name, modules, warnings, files: [...external.map(([file]) => file), ...data] }
  } catch {
    // Never made, half removed, or files of weights are gone, which compiling tells.
    return undefined
  }
}

async function make(
  { path, query: text }: ModelImport,
  { options: given, command }: Query,
  model: Uint8Array,
  { folder, name, data }: { readonly folder: string; readonly name: string; readonly data: readonly string[] },
): Promise<Entry> {
  const warnings: string[] = []
  const terminal = {
    out: () => {},
    err: (lines: string | readonly string[]) => void warnings.push([lines].flat().map(printable).join('\n')),
    status: () => {},
  }
  try {
    const { signatures, ...options } = await oneShape(given)
    const target = targetOf(command, options)
    const external: Record<string, string> = {}
    const importing = await importOptions(path, options)
    const readExternal = (file: string): Uint8Array => {
      const bytes = importing.readExternal!(file)
      external[file] = digest(bytes)
      return bytes
    }
    const states = await stateOptions(path, options)
    const made = {
      ...{ ...importing, readExternal, ...states, ...(signatures && { signatures }) },
      ...(target !== 'both' && { targets: [target] }),
    }
    const { source, tokenizer, warnings: ofTexts, options: more } = await preparedSource(model, options, made, terminal)
    const compiled = await compile(source, { ...{ ...made, ...storageOf(options) }, ...more })
    checkStorage(command, options, compiled)
    const { pruning, quantization } = compiled.report
    for (const judged of [pruning, quantization])
      if (judged?.withinBudget === false)
        fail('A506', `the budget is not kept: ${describeAccuracy(judged.accuracy!)}`, {
          hint: 'allow more with max-drop, or ask for less',
        })
    for (const warning of [...compiled.warnings, ...ofTexts]) terminal.err(warningLines(warning))
    const files = artefacts(compiled, name, {
      inline: options.inline ?? false,
      ...(tokenizer && { encoder: encoderSource(tokenizer) }),
    })
    const modules = Object.keys(files).filter((file) => file.endsWith('.wasm'))
    const record: Made = { external, modules, warnings }
    writeFiles(folder, { ...files, [madeFile]: JSON.stringify(record) })
    const read = Object.keys(external).map((file) => join(dirname(path), file))
    return { folder, name, modules, warnings, files: [...read, ...data] }
  } catch (error) {
    return asDiagnostic(text, error)
  }
}

/** What bundlers are told of an error: all diagnostics, or that it is none of the user's making. */
export const messageOf = (error: CompileError): string => error.diagnostics.map(formatDiagnostic).join('\n')
