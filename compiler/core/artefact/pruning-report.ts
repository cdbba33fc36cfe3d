import type { RemovedChannels } from './artefact.ts'
import type { Accuracy } from './quantization-report.ts'

export interface BeforeAndAfter {
  readonly before: number
  readonly after: number
}

/** What pruning took from a model. */
export interface PruningReport {
  /** The layers that have fewer output channels. */
  readonly layers: readonly RemovedChannels[]
  /** Multiply-adds of the products of one sample. */
  readonly macs: BeforeAndAfter
  readonly parameters: BeforeAndAfter
  /** Of the compiled module, where its size is limited. */
  readonly bytes?: number
  /** Milliseconds of a run, before as they were measured, after as they follow from that; where they are limited. */
  readonly latency?: BeforeAndAfter
}

/** The same of a model that was not trained behind it. */
export interface PrunedReport extends PruningReport {
  /** Samples whose mean of what is gone went into the biases behind it; 0 without calibration. */
  readonly samples: number
  /** Layers whose results were shifted so. */
  readonly corrected: number
  /** Of `float`, the model before, and `quantized`, the model after; null where there were no samples for it. */
  readonly accuracy: Accuracy | null
  readonly maxDrop: number | null
  readonly withinBudget: boolean | null
  readonly notes: readonly string[]
}
