import type { Value } from '../core/graph.ts'
import type { LayerReport, QuantizationReport, RangeReport } from '../core/artefact/quantization-report.ts'
import { typeBytes } from '../core/tensor.ts'
import type { Observation } from './calibrate.ts'
import type { LayerErrors } from './techniques/correct-bias.ts'
import type { Layer } from './layers.ts'
import { decibels, type Choice } from './range.ts'
import { weightsOf } from './rewrite.ts'
import type { Study, Trial } from './study.ts'
import { channelOf, type Bits, type QuantizedWeights } from './weights.ts'

/** Bins of the histograms in the report. */
const shownBins = 64

/** What `quantize` found out besides the trial it settled on. */
interface Findings {
  readonly sensitivity: ReadonlyMap<Layer, number>
  /** Of each level. */
  readonly errors: readonly LayerErrors[]
  readonly techniques: readonly string[]
  readonly notes: readonly string[]
  readonly withinBudget: boolean
}

/** The bins with anything in them, joined to `shownBins` or fewer. */
function shown(observations: readonly Observation[]): RangeReport['histogram'] {
  const from = Math.min(...observations.map((o) => o.min))
  const to = Math.max(...observations.map((o) => o.max))
  const counts = new Array<number>(shownBins).fill(0)
  for (const { histogram } of observations) {
    const width = (histogram.high - histogram.low) / histogram.counts.length
    histogram.counts.forEach((n, i) => {
      const at = (histogram.low + (i + 0.5) * width - from) / (to - from || 1)
      counts[Math.min(shownBins - 1, Math.max(0, Math.floor(at * shownBins)))]! += n
    })
  }
  return { from, to, counts }
}

function rangeReport(choice: Choice, observations: readonly Observation[]): RangeReport {
  const { low, high, scale, zero, clip } = choice
  return { low, high, scale, zero, clip, sqnrDb: decibels(choice), histogram: shown(observations) }
}

function weightsNoise(layer: Layer, { data, scales }: QuantizedWeights): { signal: number; noise: number } {
  const weights = layer.weights!
  const channel = channelOf(weights)
  let [signal, noise] = [0, 0]
  ;(weights.tensor.data as Float32Array).forEach((w, i) => {
    const difference = w - data[i]! * scales[channel(i)]!
    signal += w * w
    noise += difference * difference
  })
  return { signal, noise }
}

/** Four bytes for a weight become one, or a half with 4 bits or 3, and a scale for each channel; a bias keeps its size. */
function bytesOf({ weights, bias }: Layer, bits: Bits): { float: number; quantized: number } {
  if (!weights) return { float: 0, quantized: 0 }
  const { tensor, channels } = weights
  const rest = bias ? typeBytes(bias.tensor) : 0
  return {
    float: typeBytes(tensor) + rest,
    quantized: Math.ceil((tensor.data.length * (bits === 8 ? 8 : 4)) / 8) + 4 * channels + rest,
  }
}

export function reportOf(study: Study, trial: Trial, findings: Findings): QuantizationReport {
  const { plan, decisions } = trial
  const levels = study.together(trial.levels)
  const fitting = new Set(study.fitting())
  const groups = study.groups(plan)
  const ranges = decisions.parameters as ReadonlyMap<Value, Choice>

  const layerReport = (layer: Layer): LayerReport => {
    const form = study.form(layer, levels.get(layer))
    const own = layer.weights && weightsOf(plan, decisions, layer)
    const bits = form === 'float' ? 32 : (own?.bits ?? 8)
    const bytes = bytesOf(layer, own?.bits ?? 8)
    const integers = form === 'integers'
    // Of a layer in f32, what it would lose.
    const error = (findings.errors[form === 'float' ? 0 : levels.get(layer)!] ?? findings.errors[0])?.get(layer)
    const roots = layer.data.map((i) => plan.stored.get(layer.node.operands[i]!)).filter((root) => root !== undefined)
    const reason = fitting.has(layer) ? 'it costs too much accuracy' : 'its activations are not finite'
    const asked = study.options.mode === 'int8' ? integers : form !== 'float'
    return {
      ...{ name: layer.name, operator: layer.operator, kept: asked ? null : reason, bits },
      inputBits: layer.data.length === 0 ? null : integers ? 8 : 32,
      floatBytes: bytes.float,
      bytes: form === 'float' ? bytes.float : bytes.quantized,
      weightsSqnrDb: own ? decibels(weightsNoise(layer, own)) : null,
      resultSqnrDb: error ? decibels(error) : null,
      inputs: integers ? roots.map((root) => rangeReport(ranges.get(root)!, groups.get(root)!)) : [],
      sensitivity: findings.sensitivity.get(layer) ?? null,
    }
  }
  const layers = study.layers.map(layerReport)
  const sum = (of: (layer: LayerReport) => number): number => layers.reduce((total, layer) => total + of(layer), 0)
  const { mode, maxDrop } = study.options
  return {
    ...{ mode, samples: study.calibration.length, seed: study.seed, techniques: findings.techniques },
    floatBytes: sum((layer) => layer.floatBytes),
    bytes: sum((layer) => layer.bytes),
    accuracy: trial.accuracy,
    maxDrop: maxDrop ?? null,
    withinBudget: maxDrop === undefined ? null : findings.withinBudget,
    notes: findings.notes,
    layers,
  }
}
