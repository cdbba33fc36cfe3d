import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { kernelName, type KernelReport, type Target } from '../index.ts'

/** What the report.json beside a module says of a kernel. Earlier versions of attar did not tell its bytes. */
export interface KernelBeside {
  /** What the module runs, and where that depends on the engine, what else. */
  readonly names: readonly [string, string]
  /** The ONNX nodes that it computes. */
  readonly nodes: readonly string[]
  readonly macs: number
  readonly weights?: number
  readonly live?: number
}

interface ReportFile {
  readonly files: readonly { readonly name: string; readonly module?: { readonly target: Target } }[]
  readonly compilation: { readonly kernels: readonly Partial<KernelReport>[]; readonly arena?: number }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** The kernels of the module at `path`, in the order they run, where a report.json of its compilation stands beside it. */
export function kernelsBeside(path: string): KernelBeside[] | undefined {
  try {
    const report = JSON.parse(readFileSync(join(dirname(path), 'report.json'), 'utf8')) as ReportFile
    const module = report.files.find((file) => file.name === basename(path))?.module
    return module && report.compilation.kernels.map((kernel) => kernelOf(kernel, module.target))
  } catch {
    return undefined
  }
}

function kernelOf(
  { kernel, relaxed, nodes, macs, weights, live }: Partial<KernelReport>,
  target: Target,
): KernelBeside {
  const isText = (value: unknown): boolean => typeof value === 'string'
  if (!isText(kernel) || !(relaxed === undefined || isText(relaxed)) || !Array.isArray(nodes) || !nodes.every(isText))
    throw new TypeError('not a report')
  return {
    names: [kernelName({ kernel: kernel!, ...(relaxed !== undefined && { relaxed }) }, target), kernel!],
    nodes: nodes as readonly string[],
    macs: isCount(macs) ? macs : 0,
    ...(isCount(weights) && { weights }),
    ...(isCount(live) && { live }),
  }
}
