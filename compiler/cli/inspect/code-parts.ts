import type { Inspection } from '../../index.ts'
import { kernelsBeside } from './report-beside.ts'

/** Functions of one kind. */
export interface CodePart {
  /** A template's name, `nest`, `run`, or `functions that kernels call`. */
  readonly part: string
  readonly functions: number
  /** Of their bodies. */
  readonly bytes: number
  /** How often `run` calls them, of several shapes all together. */
  readonly calls: number
}

const shared = 'functions that kernels call'

/**
 * A module's code by what it is for, the largest part first. What the kernels are called stands in the report.json beside
 * the module; without it they are all `kernel`. Undefined where `run` cannot be read.
 */
export function codeParts(path: string, { functions, run }: Inspection): CodePart[] | undefined {
  if (!run) return undefined
  const beside = kernelsBeside(path)
  const kernels = beside?.length === run.calls.length ? beside.map(({ names }) => names) : run.calls.map(() => [])
  const partOf = new Map(run.indices.map((index) => [index, 'run']))
  for (const [i, callee] of run.calls.entries()) {
    const [name = 'kernel', other = name] = kernels[i]!
    partOf.set(callee, name)
    const [dot, plain] = run.choices.get(callee) ?? []
    if (dot === undefined || plain === undefined) continue
    partOf.set(dot, name)
    partOf.set(plain, other)
  }
  const parts = new Map<string, CodePart>()
  for (const [i, bytes] of functions.entries()) {
    const part = partOf.get(i) ?? shared
    const before = parts.get(part) ?? { part, functions: 0, bytes: 0, calls: 0 }
    const calls = before.calls + run.calls.filter((callee) => callee === i).length
    parts.set(part, { part, functions: before.functions + 1, bytes: before.bytes + bytes, calls })
  }
  return [...parts.values()].sort((a, b) => b.bytes - a.bytes)
}
