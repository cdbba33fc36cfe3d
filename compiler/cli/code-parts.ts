import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Inspection } from '../index.ts'

/** Functions of one kind. */
export interface CodePart {
  /** A template's name, `nest`, `run`, or `functions that kernels call`. */
  readonly part: string
  readonly functions: number
  /** Of their bodies. */
  readonly bytes: number
  /** How often `run` calls them. */
  readonly calls: number
}

const shared = 'functions that kernels call'

/**
 * A module's code by what it is for, the largest part first. What the kernels are called stands in the report.json beside
 * the module; without it they are all `kernel`. Undefined where `run` cannot be read.
 */
export function codeParts(path: string, { functions, run }: Inspection): CodePart[] | undefined {
  if (!run) return undefined
  const kernels = kernelsBeside(path)
  const names = kernels?.length === run.calls.length ? kernels : run.calls.map(() => 'kernel')
  const partOf = new Map(run.calls.map((callee, i) => [callee, names[i]!] as const))
  partOf.set(run.index, 'run')
  const parts = new Map<string, CodePart>()
  for (const [i, bytes] of functions.entries()) {
    const part = partOf.get(i) ?? shared
    const before = parts.get(part) ?? { part, functions: 0, bytes: 0, calls: 0 }
    const calls = before.calls + run.calls.filter((callee) => callee === i).length
    parts.set(part, { part, functions: before.functions + 1, bytes: before.bytes + bytes, calls })
  }
  return [...parts.values()].sort((a, b) => b.bytes - a.bytes)
}

/** Names of the kernels that emit code, in order, from the module's report. */
function kernelsBeside(path: string): string[] | undefined {
  try {
    const report = JSON.parse(readFileSync(join(dirname(path), 'report.json'), 'utf8')) as {
      readonly files: readonly { readonly name: string }[]
      readonly compilation: { readonly kernels: readonly { readonly kernel: string }[] }
    }
    const own = report.files.some((file) => file.name === basename(path))
    return own ? report.compilation.kernels.map(({ kernel }) => kernel) : undefined
  } catch {
    return undefined
  }
}
