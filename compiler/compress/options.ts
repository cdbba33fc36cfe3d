import type { Executor } from '../core/executor.ts'
import type { Graph } from '../core/graph.ts'
import type { Metric } from '../core/artefact/quantization-report.ts'
import type { Progress, Sample } from './calibrate.ts'
import { measuredOutput, type Validation } from './accuracy/metric.ts'
import { bitsOfWeights, type Bits } from './weights.ts'
import {
  bitsOfActivations,
  budgetNeedsSamples,
  missingInput,
  noCalibration,
  noMeasuredOutput,
  sizeOfActivations,
  wrongBits,
} from './errors.ts'
import { metricNeedsLabels } from '../core/diagnostics/errors.ts'

export interface SizeBudget {
  readonly bytes: number
  /** Bytes of the module that a graph compiles to. */
  readonly measure: (graph: Graph) => Promise<number>
}

export interface QuantizeOptions {
  /** `int8` stores activations and weights as integers, `weights` only the weights. */
  readonly mode: 'int8' | 'weights'
  /** Of weights, in mode `weights`: 8 unless given. Layers that sum up few products have 8 all the same. Those of 3 bits are stored in 4. */
  readonly bits?: Bits | undefined
  /** Inputs of runs that are like those to come. `weights` can do without. */
  readonly calibration: readonly Sample[]
  /** How many of them are used; 300 unless given. */
  readonly samples?: number | undefined
  readonly executor: Executor
  readonly validation?: Validation | undefined
  /** Without it: top1 where there are labels, else agreement, or mse for outputs of one element. */
  readonly metric?: Metric | undefined
  /** The drop of the metric that is allowed, e.g. 0.01: layers that hurt are given back to f32 until it is kept. */
  readonly maxDrop?: number | undefined
  /**
   * The bytes that are allowed, of what `measure` measures: layers are given back as far as they fit, those first that lose most for the
   * bytes they save.
   */
  readonly maxSize?: SizeBudget | undefined
  /** Whether to measure what each layer alone does; always done where the budget needs it. */
  readonly sensitivity?: boolean | undefined
  readonly seed?: number | undefined
  readonly onProgress?: Progress | undefined
}

/** A501 where the options do not go together, A506 where the graph has nothing to judge by. */
export function check(graph: Graph, options: QuantizeOptions): void {
  const { mode, bits, calibration, validation, metric, maxDrop, maxSize, samples } = options
  if (bits !== undefined && mode !== 'weights') bitsOfActivations()
  if (bits !== undefined && !bitsOfWeights.includes(bits)) wrongBits(bits)
  const lacking = [...calibration, ...(validation?.samples ?? [])].flatMap((sample) =>
    graph.inputs.filter(({ name }) => !Object.hasOwn(sample, name)),
  )
  if (lacking[0]) missingInput(lacking[0].name)
  if (!measuredOutput(graph)) noMeasuredOutput()
  if (mode === 'int8' && (calibration.length === 0 || samples === 0)) noCalibration()
  if (maxDrop !== undefined && (!validation || validation.samples.length === 0)) budgetNeedsSamples()
  if (maxSize && mode !== 'weights') sizeOfActivations()
  if (maxSize && calibration.length === 0 && !validation?.samples.length) budgetNeedsSamples()
  if ((metric === 'top1' || metric === 'auc') && validation && !validation.labels) metricNeedsLabels(metric)
}
