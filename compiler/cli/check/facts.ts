import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { BenchModel, Sizes } from '../../bench/index.ts'
import { inspectModule, moduleFile, targets, type Target } from '../../index.ts'
import { existingModel, type ModelFiles } from '../bench/model.ts'

/** What is known of a compiled model without running it. */
export interface Facts {
  readonly name: string
  /** What a user downloads: the script, if there is one, and the larger of the modules, which it loads one of. */
  readonly download: { readonly files: readonly string[]; readonly sizes: Sizes }
  /** Bytes of an instance's memory, which never grows. */
  readonly memory: number
  readonly targets: readonly Target[]
  /** Bytes of the largest module. */
  readonly moduleBytes: number
  /** Whether the script carries the module. */
  readonly inline: boolean
  /** Of NAME.js, if it is there. */
  readonly script?: string
}

/** A model to check: what is known of it, and how it can be run. */
export interface Subject extends ModelFiles {
  /** The script carries the module, which is among the files only so that it can be measured. */
  readonly inline: boolean
}

/** In a folder that attar compiled into. */
export async function subjectIn(path: string, name: string | undefined): Promise<Subject> {
  const { readFile } = await import('../../data/index.ts')
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  const entries = isFolder ? readdirSync(path) : []
  if (isFolder && !entries.some((entry) => entry.endsWith('.wasm'))) {
    for (const entry of entries.filter((each) => each.endsWith('.js'))) {
      const found = basename(entry, '.js')
      const script = new TextDecoder().decode(readFile(join(path, entry)))
      const module = moduleIn(script)
      if (!module || (name !== undefined && name !== found)) continue
      const { spec } = inspectModule(module)
      const model: BenchModel = { folder: '', name: found, spec, work: null }
      return { model, files: { [entry]: script, [`${found}.wasm`]: module }, inline: true }
    }
  }
  return { ...(await existingModel(path, name)), inline: false }
}

/** The module that a script of attar's carries. */
function moduleIn(script: string): Uint8Array | undefined {
  const base64 = /decode\('([A-Za-z0-9+/]+)'\)/.exec(script)?.[1]
  return script.startsWith('// Compiled by attar ') && base64 !== undefined ? Buffer.from(base64, 'base64') : undefined
}

/** Reads a subject's files from its folder, where it has one. */
export async function factsOf({ model, files, inline }: Subject): Promise<Facts> {
  const { readFile } = await import('../../data/index.ts')
  const { compressedSizes, thorough } = await import('../../bench/index.ts')
  const { folder, name } = model
  const contentOf = (file: string): Uint8Array | undefined => {
    const content = files[file]
    if (content !== undefined) return typeof content === 'string' ? new TextEncoder().encode(content) : content
    const path = join(folder, file)
    return folder !== '' && statSync(path, { throwIfNoEntry: false }) ? readFile(path) : undefined
  }
  const scriptFile = `${name}.js`
  const script = contentOf(scriptFile)
  const modules = targets.flatMap((target) => {
    const file = moduleFile(name, target)
    const content = contentOf(file)
    return content ? [{ target, file, content }] : []
  })
  const [largest] = modules.toSorted((a, b) => b.content.length - a.content.length)
  const parts = [
    ...(script ? [{ file: scriptFile, content: script }] : []),
    ...(largest && !inline ? [{ file: largest.file, content: largest.content }] : []),
  ]
  const sizes = await Promise.all(parts.map(({ content }) => compressedSizes(content, thorough)))
  const sum = (form: keyof Sizes): number => sizes.reduce((total, size) => total + size[form], 0)
  return {
    name,
    download: {
      files: parts.map(({ file }) => file),
      sizes: { raw: sum('raw'), gzip: sum('gzip'), brotli: sum('brotli') },
    },
    memory: Math.max(...modules.map(({ content }) => inspectModule(content).memoryPages)) * 2 ** 16,
    targets: modules.map(({ target }) => target),
    moduleBytes: largest?.content.length ?? 0,
    inline,
    ...(script && { script: new TextDecoder().decode(script) }),
  }
}
