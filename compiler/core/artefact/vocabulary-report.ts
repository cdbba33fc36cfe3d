import type { Accuracy } from './quantization-report.ts'

/** A table of embeddings that lost the rows that data does not read. */
export interface VocabularyTable {
  /** What the model calls it, or the node that reads it. */
  readonly table: string
  readonly rows: { readonly before: number; readonly after: number }
  /** Of the table as the model stores it; after with what finds the rows. */
  readonly bytes: { readonly before: number; readonly after: number }
}

export interface VocabularyReport {
  readonly samples: number
  readonly tables: readonly VocabularyTable[]
  /** What stands for an id that has no row: the mean of the rows that went, or the row of this id. */
  readonly unknown: number | 'mean'
  /** Of `float`, the model before, and `quantized`, the model after; null where there were no samples for it. */
  readonly accuracy: Accuracy | null
}
