import { gzipSync, strToU8 } from 'fflate'
import type { Report, Target } from '../core/artefact.ts'
import { inspectModule } from '../inspect/index.ts'

/** What `report.json` holds: what the user ships, byte by byte, and what the compiler did. */
export interface PackageReport {
  /** Version of the compiler. */
  readonly attar: string
  readonly files: readonly FileReport[]
  readonly compilation: Report
}

/** Sizes in bytes; gzip at its highest level. */
export interface FileReport {
  readonly name: string
  readonly bytes: number
  readonly gzip: number
  readonly module?: {
    readonly target: Target
    /** In file order; with the 8 bytes before them they make up the file. */
    readonly sections: readonly { readonly name: string; readonly bytes: number }[]
    readonly functions: number
  }
}

export function fileReport(name: string, content: Uint8Array | string, target?: Target): FileReport {
  const bytes = typeof content === 'string' ? strToU8(content) : content
  const sizes = { name, bytes: bytes.length, gzip: gzipSync(bytes, { level: 9, mtime: 0 }).length }
  if (!target) return sizes
  const { sections, functions } = inspectModule(bytes)
  return {
    ...sizes,
    module: {
      target,
      sections: sections.map((section) => ({ name: section.name, bytes: section.bytes })),
      functions: functions.length,
    },
  }
}
