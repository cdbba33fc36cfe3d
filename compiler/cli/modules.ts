import { readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { cannotRead, readFile } from '../data/index.ts'
import { fail, inspectModule, moduleFile, targets, type ModuleSpec, type Target } from '../index.ts'

/** By its magic number. */
export const isModule = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 && new TextDecoder().decode(bytes.subarray(1, 4)) === 'asm'

/** Where one compiled model is. A501 for a folder in which it is not clear which is meant. */
function place(path: string): { readonly folder: string; readonly name: string } {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory()
  const folder = isFolder ? path : dirname(path)
  const files = isFolder ? readdirSync(path).filter((file) => file.endsWith('.wasm')) : [basename(path)]
  const names = [...new Set(files.map((file) => file.replace(/(\.relaxed)?\.wasm$/, '')))]
  const [name] = names
  if (name === undefined || names.length > 1) {
    fail(
      'A501',
      `"${path}" holds ${names.length} compiled models${names.length > 1 ? `: name one of ${files.join(', ')}` : ''}`,
    )
  }
  return { folder, name }
}

const targetsIn = (folder: string, name: string): Target[] =>
  targets.filter((target) => statSync(join(folder, moduleFile(name, target)), { throwIfNoEntry: false }))

/** The file of the module that `path` is, or of the model in that folder the baseline if it is there. The script that loads it is `script`. */
export function moduleAt(path: string): { readonly file: string; readonly script: string } {
  const { folder, name } = place(path)
  const script = join(folder, `${name}.js`)
  if (folder !== path) return { file: path, script }
  return { file: join(folder, moduleFile(name, targetsIn(folder, name)[0]!)), script }
}

/**
 * The modules of one compiled model: in a folder with one model, or those of the model whose module `path` is. A501 where
 * it is not clear which model is meant, A502 where its modules are not of one compilation.
 */
export function readModules(path: string): { modules: Partial<Record<Target, Uint8Array>>; spec: ModuleSpec } {
  const { folder, name } = place(path)
  const read = targetsIn(folder, name).map(
    (target) => [target, readFile(join(folder, moduleFile(name, target)))] as const,
  )
  const specs = read.map(([, bytes]) => inspectModule(bytes).spec)
  if (!specs[0]) cannotRead(path, 'there is no such module')
  if (specs.some((spec) => JSON.stringify(spec) !== JSON.stringify(specs[0]))) {
    fail('A502', `the modules of "${name}" in "${folder}" are not of the same compilation`)
  }
  return { modules: Object.fromEntries(read), spec: specs[0] }
}
