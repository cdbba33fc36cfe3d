import type { Graph } from '../core/graph.ts'
import type { QuantizationReport } from '../core/artefact/quantization-report.ts'
import type { RemovedChannels } from '../core/artefact/artefact.ts'
import { quantizedAlike } from './alike.ts'
import { unpacked } from '../passes/index.ts'
import { removedChannels } from '../passes/channels/removed-channels.ts'
import { shiftsOf, type LayerErrors } from './techniques/correct-bias.ts'
import { equalize } from './techniques/equalize.ts'
import { givingBack, withinDrop, withinSize } from './give-back.ts'
import type { Layer } from './layers.ts'
import { check, type QuantizeOptions } from './options.ts'
import { prepare } from './prepare.ts'
import { reportOf } from './report.ts'
import { Study, type Found, type Trial } from './study.ts'
import { noFiniteActivations, noWeights } from './errors.ts'

export interface Quantized {
  readonly graph: Graph
  readonly report: QuantizationReport
  /** Layers that lost channels before they were quantized. */
  readonly removed: readonly RemovedChannels[]
}

/** The trial with less noise in the outputs: counting metrics are too coarse to tell techniques apart. */
const isBetter = (a: Trial, b: Trial): boolean => a.noise < b.noise

/** How many layers were given back, and how far. */
function describeGiven(study: Study, trial: Trial): string[] {
  const levels = study.together(trial.levels)
  const given = [...levels].filter(([, level]) => level > 0).map(([layer, level]) => study.form(layer, level))
  const { mode } = study.options
  const kinds = {
    bits4: 'with weights of 4 bits',
    weights: mode === 'int8' ? 'with f32 activations and weights of 8 bits' : 'with weights of 8 bits',
    float: 'left in f32',
  }
  return (['bits4', 'weights', 'float'] as const).flatMap((form) => {
    const count = given.filter((f) => f === form).length
    return count > 0 ? [`${count} of ${levels.size} layers ${kinds[form]}`] : []
  })
}

/**
 * The graph with its weights, and in mode `int8` its activations, as integers that are dequantized where they are read.
 * Weights are rounded with care and biases corrected where that helps; with `maxDrop` layers that hurt are given back, in
 * mode `int8` to weights of 8 bits with arithmetic in f32 and then to f32, as far as it takes; with `maxSize` as many as fit. A501 where the samples do
 * not suffice or nothing can be quantized.
 */
export async function quantize(source: Graph, given: QuantizeOptions): Promise<Quantized> {
  const { others: _, ...quantized } = await quantizeEach([source], given)
  return quantized
}

/** Graphs of one model at several shapes, by what the first is quantized to. A506 where they do not have the same operations. */
export async function quantizeEach(
  sources: readonly [Graph, ...Graph[]],
  given: QuantizeOptions,
): Promise<Quantized & { readonly others: readonly Graph[] }> {
  const [first, ...rest] = sources
  const { study, trial, optimized, report, removed } = await studied(first, given)
  const { plan, decisions } = trial
  const decided = { graph: optimized, equalized: study.graph, plan, decisions }
  const others = rest.map((source) => quantizedAlike(unpacked(source), decided))
  return { graph: trial.graph, report, removed, others }
}

/** The same, with what is known of the model and what was decided. */
export async function studied(
  source: Graph,
  given: QuantizeOptions,
): Promise<Omit<Quantized, 'graph'> & { readonly optimized: Graph; readonly study: Study; readonly trial: Trial }> {
  check(source, given)
  const { options, notes } = prepare(source, given)
  const { maxDrop } = options
  const techniques: string[] = []
  const optimized = unpacked(source)
  let study = new Study(optimized, options)
  if (study.layers.length === 0) noWeights()
  await study.observe()
  if (study.fitting().length === 0) noFiniteActivations()
  let trial = await study.try(study.all(0), [])
  if (trial.accuracy) notes.push(...study.doubts(trial.accuracy))
  const consider = (technique: string, candidate: Trial): boolean => {
    const helps = isBetter(candidate, trial)
    if (helps) techniques.push(technique)
    else notes.push(`${technique} was left out: it did not help`)
    if (helps) trial = candidate
    return helps
  }

  const { graph, calibration, progress } = study
  if (options.mode === 'int8') {
    const equalized = await equalize(graph, calibration, options.executor, progress)
    if (equalized !== graph) {
      const other = new Study(equalized, options)
      await other.observe()
      if (consider('equalization', await other.try(other.all(0), []))) study = other
    }
  }
  const first = study.all(0)
  if (options.mode === 'int8') {
    study.clipsRare = true
    study.clipsRare = consider('clipping of rare values', await study.try(first, []))
  }
  let found: Found = {}
  let errors: LayerErrors = new Map()
  if (calibration.length > 0) {
    const weights = await study.compensated(first)
    if (weights.size > 0) {
      const helps = consider('rounding that makes up for errors', await study.try(first, [{ weights }]))
      if (helps) found = { weights }
    }
    errors = await study.errors(first, [found])
    const corrected = { ...found, corrections: shiftsOf(errors) }
    if (consider('bias correction', await study.try(first, [corrected]))) found = corrected
  }
  const fits = ({ accuracy }: Trial): boolean => maxDrop === undefined || accuracy!.drop <= maxDrop

  const { maxSize } = options
  const over = maxSize !== undefined || !fits(trial)
  const sensitivity = over || options.sensitivity ? await study.sensitivities(first, [found]) : new Map<Layer, number>()
  const allErrors = [errors]
  if (over) {
    const giving = await givingBack(study, { found, errors, sensitivity })
    allErrors.splice(0, 1, ...giving.errors)
    trial = maxSize ? await withinSize(study, trial, giving, maxSize) : await withinDrop(study, trial, giving, fits)
    techniques.push(...describeGiven(study, trial))
  }
  notes.push(...remarks(trial, maxDrop))
  const findings = { sensitivity, errors: allErrors, techniques, notes, withinBudget: fits(trial) }
  const removed = removedChannels(source, optimized)
  return { optimized, study, trial, removed, report: reportOf(study, trial, findings) }
}

/** What the figures do not say by themselves. */
function remarks({ accuracy }: Trial, maxDrop: number | undefined): string[] {
  if (!accuracy || maxDrop === undefined) return []
  const [low, high] = accuracy.interval
  const decided = high <= maxDrop || low > maxDrop
  return decided ? [] : [`${accuracy.samples} samples are too few to tell whether the drop is within ${maxDrop}`]
}
