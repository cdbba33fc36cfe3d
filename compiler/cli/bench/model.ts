import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { BenchModel } from '../../bench/index.ts'
import { importOptions, stateOptions, type ShapeOptions, type StateOptions } from '../options.ts'
import type { Terminal } from '../terminal.ts'

/** A model to measure, and its files where they are not in a folder yet: then the model's folder is empty. */
export interface ModelFiles {
  readonly model: BenchModel
  readonly files: Readonly<Record<string, Uint8Array | string>>
}

/** Compiles an ONNX model. */
export async function compiledModel(
  path: string,
  options: ShapeOptions & StateOptions & { readonly name?: string },
  terminal: Terminal,
): Promise<ModelFiles> {
  const { readFile } = await import('../../data/index.ts')
  const { artefacts, checkName, compile } = await import('../../index.ts')
  const name = options.name ?? basename(path, '.onnx')
  checkName(name)
  terminal.status('compiling')
  const result = await compile(readFile(path), {
    ...(await importOptions(path, options)),
    ...(await stateOptions(path, options)),
    onPhase: terminal.status,
  })
  return { model: { folder: '', name, spec: result.spec, work: result.report }, files: artefacts(result, name) }
}

/** Of a folder that attar compiled into, or of a module in it. */
export async function existingModel(path: string, name: string | undefined): Promise<ModelFiles> {
  const { readModules } = await import('../modules.ts')
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  const { spec } = readModules(isFolder && name !== undefined ? join(path, `${name}.wasm`) : path)
  const folder = isFolder ? path : dirname(path)
  const file = isFolder ? readdirSync(path).find((entry) => entry.endsWith('.wasm'))! : basename(path)
  const found = name ?? file.replace(/(\.relaxed)?\.wasm$/, '')
  return { model: { folder, name: found, spec, work: workIn(folder, found) }, files: {} }
}

/** What the folder's report says, if it is one on this model. */
function workIn(folder: string, name: string): BenchModel['work'] {
  try {
    const { files, compilation } = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8')) as {
      readonly files: readonly { readonly name: string }[]
      readonly compilation: NonNullable<BenchModel['work']>
    }
    const { macs, integerMacs, dotMacs } = compilation
    const isOwn = files.some((file) => file.name === `${name}.js`)
    return isOwn && [macs, integerMacs, dotMacs].every(Number.isFinite) ? compilation : null
  } catch {
    return null
  }
}
