import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { kernelName, type KernelReport, type Target } from '../../index.ts'

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
  readonly compilation: {
    readonly kernels: readonly Partial<KernelReport>[]
    readonly signatures?: readonly { readonly kernels: readonly Partial<KernelReport>[] }[]
    readonly weights?: number
    readonly arena?: number
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0

/** The report.json beside the module at `path`, as far as it is one of that module. */
function reportBeside<T>(path: string, read: (report: ReportFile, target: Target) => T): T | undefined {
  try {
    const report = JSON.parse(readFileSync(join(dirname(path), 'report.json'), 'utf8')) as ReportFile
    const module = report.files.find((file) => file.name === basename(path))?.module
    return module && read(report, module.target)
  } catch {
    return undefined
  }
}

/** The kernels of the module at `path`, in the order they run, shape by shape, where a report.json of its compilation stands beside it. */
export const kernelsBeside = (path: string): KernelBeside[] | undefined =>
  reportBeside(path, ({ compilation: { kernels, signatures } }, target) =>
    (signatures?.flatMap((each) => each.kernels) ?? kernels).map((kernel) => kernelOf(kernel, target)),
  )

/** What the module at `path` was compiled for, where a report tells. */
export const targetBeside = (path: string): Target | undefined => reportBeside(path, (_, target) => target)

/** Bytes of weights and of the memory that activations share; 0 where no report tells. */
export const memoryBeside = (path: string): { readonly weights: number; readonly arena: number } => {
  const known = (value: unknown): number => (isCount(value) ? value : 0)
  const found = reportBeside(path, ({ compilation: { weights, arena } }) => ({ weights, arena }))
  return { weights: known(found?.weights), arena: known(found?.arena) }
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
