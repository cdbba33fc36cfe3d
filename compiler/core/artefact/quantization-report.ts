/** What quantization did to a model and what that cost, for `report.json` and those who draw it. */

export const metrics = ['top1', 'auc', 'mse', 'agreement'] as const
/**
 * top1: share of samples whose largest output is the labelled one. auc: area under the ROC curve of a two-class score. mse:
 * mean squared error against labels, or without labels against the float model, relative to its mean square. agreement:
 * share of samples with the same largest output as the float model.
 */
export type Metric = (typeof metrics)[number]

/** One figure of the model before and after. */
export interface Accuracy {
  readonly metric: Metric
  readonly samples: number
  readonly float: number
  readonly quantized: number
  /** What was lost: of mse the relative increase, of the others the difference. */
  readonly drop: number
  /** The drop's 95 % interval over resampled samples (bootstrap). */
  readonly interval: readonly [low: number, high: number]
  /** Share of samples whose largest output stands where it stood; null for outputs of one element. */
  readonly agreement: number | null
  /** Signal to noise of the outputs against the float model's, in decibels; null where they are equal. */
  readonly sqnrDb: number | null
}

/** The range in which values are stored. */
export interface RangeReport {
  readonly low: number
  readonly high: number
  readonly scale: number
  readonly zero: number
  /** The share of elements that may lie beyond the range at either end. */
  readonly clip: number
  readonly sqnrDb: number | null
  /** What was seen: counts over equal bins from `from` to `to`. */
  readonly histogram: { readonly from: number; readonly to: number; readonly counts: readonly number[] }
}

export interface LayerReport {
  readonly name: string
  readonly operator: string
  /** Why something of it is in f32 that was to be in integers: its activations, or its weights as well. */
  readonly kept: string | null
  /** Of the weights as they are stored. */
  readonly bits: 3 | 4 | 8 | 32
  /** Of the activations that it multiplies; null for lookups, which do not. */
  readonly inputBits: 8 | 32 | null
  /** Bytes of weights and bias in f32, and as they are stored. */
  readonly floatBytes: number
  readonly bytes: number
  /** Signal to noise in decibels: of the weights, and of the layer's result from exact inputs; null where it has none. */
  readonly weightsSqnrDb: number | null
  readonly resultSqnrDb: number | null
  /** Of the activations that it reads. */
  readonly inputs: readonly RangeReport[]
  /** Noise of the model's outputs, relative to their mean square, if this layer alone is quantized; null if not measured. */
  readonly sensitivity: number | null
}

export interface QuantizationReport {
  readonly mode: 'int8' | 'weights'
  readonly samples: number
  readonly seed: number
  /** What was done besides rounding, in order. */
  readonly techniques: readonly string[]
  readonly floatBytes: number
  readonly bytes: number
  readonly accuracy: Accuracy | null
  /** The drop that was allowed, and whether it was kept; null where none was given. */
  readonly maxDrop: number | null
  readonly withinBudget: boolean | null
  /** What a reader should know, e.g. that there are too few samples to tell. */
  readonly notes: readonly string[]
  readonly layers: readonly LayerReport[]
}
