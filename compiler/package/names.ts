import { targets } from '../core/artefact/artefact.ts'
import { CompileError, fail } from '../core/diagnostics/diagnostic.ts'
import { inspectModule } from '../inspect/index.ts'
import { moduleDeclarations } from './declarations.ts'
import { moduleFile } from './script.ts'

export const reportFile = 'report.json'
export const quantizationFile = 'quantization.html'
/** What a search for a small model tried, as a page and for programs. */
export const searchFiles = { page: 'optimization.html', data: 'optimization.json' } as const

/** How a page says that attar made it. */
export const generator = '<meta name="generator" content="attar">'

/** Bytes of a file's name on the file systems in use. */
const longest = 255

/** A501 if files of a model cannot be called `name`. */
export function checkName(name: string): void {
  const refuse = (why: string): never => fail('A501', `${JSON.stringify(name.slice(0, 80))} ${why}`)
  if (!/^(?!\.+$)[^\\/\p{C}\p{Zl}\p{Zp}]+$/u.test(name)) refuse("can't stand in a file name")
  if (name.endsWith('.relaxed')) refuse('would be the name of another model’s module')
  if (artefactNames(name).some((file) => new TextEncoder().encode(file).length > longest))
    refuse(`is too long: names of files have at most ${longest} bytes`)
}

/** All files that a model of this name can have. */
export function artefactNames(name: string): string[] {
  const modules = targets.map((target) => moduleFile(name, target))
  const types = modules.map((file) => `${file}.d.ts`)
  return [
    ...modules,
    ...types,
    `${name}.js`,
    `${name}.d.ts`,
    reportFile,
    quantizationFile,
    ...Object.values(searchFiles),
  ]
}

/** Whether attar wrote this: a module with its specification, the types of one, a page that says so, or what a search found. */
export function isArtefact(file: string, bytes: Uint8Array): boolean {
  if (file.endsWith('.wasm.d.ts')) return new TextDecoder().decode(bytes) === moduleDeclarations
  if (file.endsWith('.html')) return new TextDecoder().decode(bytes.subarray(0, 4096)).includes(generator)
  if (file === searchFiles.data) return /^\{\s*"budget"/.test(new TextDecoder().decode(bytes.subarray(0, 64)))
  if (!file.endsWith('.wasm')) return false
  try {
    inspectModule(bytes)
    return true
  } catch (error) {
    if (error instanceof CompileError) return false
    throw error
  }
}
