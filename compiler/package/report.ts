import type { Report, Target } from '../core/artefact/artefact.ts'
import { inspectModule } from '../inspect/index.ts'

/** What `report.json` holds: what the user ships, byte by byte, and what the compiler did. */
export interface PackageReport {
  /** Version of the compiler. */
  readonly attar: string
  readonly files: readonly FileReport[]
  readonly compilation: Report
}

/** Sizes in bytes, uncompressed. */
export interface FileReport {
  readonly name: string
  readonly bytes: number
  readonly module?: {
    readonly target: Target
    /** In file order; with the 8 bytes before them they make up the file. */
    readonly sections: readonly { readonly name: string; readonly bytes: number }[]
    readonly functions: number
  }
}

export function fileReport(name: string, content: Uint8Array | string, target?: Target): FileReport {
  const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
  const size = { name, bytes: bytes.length }
  if (!target) return size
  const { sections, functions } = inspectModule(bytes)
  return {
    ...size,
    module: {
      target,
      sections: sections.map((section) => ({ name: section.name, bytes: section.bytes })),
      functions: functions.length,
    },
  }
}
