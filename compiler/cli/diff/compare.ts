import { basename } from 'node:path'
import type { Sizes } from '../../bench/index.ts'
import { inspectModule, moduleFile, targets, type Target } from '../../index.ts'
import { codeParts } from '../inspect/code-parts.ts'
import { bytesOfKernels } from '../inspect/layer-bytes.ts'
import { kernelsBeside } from '../inspect/report-beside.ts'

/** Bytes on both sides; 0 where one has no such thing. */
export interface Change {
  readonly name: string
  readonly before: number
  readonly after: number
}

/** A file of both sides. */
export interface FileChange {
  readonly name: string
  readonly raw: Omit<Change, 'name'>
  readonly gzip: Omit<Change, 'name'>
}

/** Two modules, by what their bytes are for; the largest changes first. */
export interface ModuleChange {
  readonly name: string
  readonly sections: readonly Change[]
  /** The code by templates and other kinds of functions. */
  readonly kernels: readonly Change[]
  /** Code and weights by the last ONNX node that a kernel computes; undefined where a module has no report beside it. */
  readonly layers?: readonly Change[]
}

/** A file to compare. */
export interface Side {
  readonly path: string
  readonly content: Uint8Array
}

/** Files of one kind on both sides, of which one may lack it. */
export interface Pair {
  readonly name: string
  readonly target?: Target
  readonly before?: Side | undefined
  readonly after?: Side | undefined
}

/** Bytes by name on both sides, in the order of what they changed. */
function changes(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): Change[] {
  const names = [...new Set([...before.keys(), ...after.keys()])]
  return names
    .map((name) => ({ name, before: before.get(name) ?? 0, after: after.get(name) ?? 0 }))
    .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before))
}

function sum(entries: Iterable<readonly [string, number]>): Map<string, number> {
  const sums = new Map<string, number>()
  for (const [name, bytes] of entries) sums.set(name, (sums.get(name) ?? 0) + bytes)
  return sums
}

interface Parts {
  readonly sections: ReadonlyMap<string, number>
  readonly kernels: ReadonlyMap<string, number>
  readonly layers?: ReadonlyMap<string, number>
}

const none: Parts = { sections: new Map(), kernels: new Map(), layers: new Map() }

function partsOf({ path, content }: Side): Parts {
  const inspection = inspectModule(content)
  const kernels = kernelsBeside(path)
  const bytes = kernels && bytesOfKernels(inspection, kernels)
  const layers = bytes?.map(({ code, weights }, i) => {
    const { nodes, names } = kernels![i]!
    return [nodes.at(-1) ?? names[0], code + weights] as const
  })
  return {
    sections: sum(inspection.sections.map(({ name, bytes }) => [name, bytes] as const)),
    kernels: sum((codeParts(path, inspection) ?? []).map(({ part, bytes }) => [part, bytes] as const)),
    ...(layers && { layers: sum(layers) }),
  }
}

export function moduleChange({ name, before, after }: Pair): ModuleChange {
  const [a, b] = [before, after].map((side) => (side ? partsOf(side) : none)) as [Parts, Parts]
  return {
    name,
    sections: changes(a.sections, b.sections),
    kernels: changes(a.kernels, b.kernels),
    ...(a.layers && b.layers && { layers: changes(a.layers, b.layers) }),
  }
}

export async function fileChange({ name, before, after }: Pair): Promise<FileChange> {
  const { compressedSizes, thorough } = await import('../../bench/index.ts')
  const sizesOf = async (side: Side | undefined): Promise<Sizes> =>
    side ? compressedSizes(side.content, thorough) : { raw: 0, gzip: 0, brotli: 0 }
  const [a, b] = await Promise.all([sizesOf(before), sizesOf(after)])
  return { name, raw: { before: a.raw, after: b.raw }, gzip: { before: a.gzip, after: b.gzip } }
}

/** The files of a compiled model that are downloaded: its script and its modules. */
export async function filesOf(folder: string): Promise<{ name: string; files: Map<string, Side> }> {
  const { existsSync, readdirSync } = await import('node:fs')
  const { join } = await import('node:path')
  const { readFile } = await import('../../data/files.ts')
  const { readModules } = await import('../modules.ts')
  readModules(folder)
  const module = readdirSync(folder).find((entry) => entry.endsWith('.wasm'))!
  const name = basename(module).replace(/(\.relaxed)?\.wasm$/, '')
  const kinds = [
    ['script', `${name}.js`] as const,
    ...targets.map((target) => [target, moduleFile(name, target)] as const),
  ]
  const present = kinds.flatMap(([kind, file]) => {
    const path = join(folder, file)
    return existsSync(path) ? [[kind, { path, content: readFile(path) }] as const] : []
  })
  return { name, files: new Map(present) }
}
