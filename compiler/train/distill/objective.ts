import type { Builder } from '../../core/builder.ts'
import * as f from '../../core/scalar/formula.ts'
import type { Port, Value } from '../../core/graph.ts'
import { losses, targetFrom, targetType, type Loss, type LossName, type LossOptions } from '../losses/index.ts'
import { input, ports } from '../model/ports.ts'
import { teacherScores, type Distillation } from './teacher.ts'

export interface ObjectiveOptions extends LossOptions {
  readonly loss: LossName
  /** Targets of classes are a probability for each, as samples that were mixed have them. */
  readonly softTargets?: boolean | undefined
  readonly distillation?: Distillation | undefined
}

/** What N scores are compared with, and what comes of it. */
export interface Term {
  /** f32[N]. */
  readonly perSample: Value
  /** d perSample / d scores, of the scores' type. */
  readonly derivative: Value
  /** bool[N], whether a sample is right; undefined for regression. */
  readonly correct: Value | undefined
}

/** Comparison with labels: `target` is an input of the program. */
export function labelTerm(b: Builder, scores: Value, options: ObjectiveOptions): Term & { readonly target: Port } {
  const loss = losses[options.loss]
  const [size, ...shape] = scores.type.shape
  const type = targetType(loss, shape, options.softTargets ?? false)
  const port = input(ports.target, type.dtype, [size!, ...type.shape])
  const target = targetFrom(b, loss, port.value, scores)
  return {
    target: port,
    perSample: loss.perSample(b, scores, target.values, options),
    derivative: loss.derivative(b, scores, target.values, options),
    correct: loss.correct?.(b, scores, target),
  }
}

/**
 * Comparison with a teacher, which is given the same `data` [N, …]: T² KL(teacher ‖ student), both divided by the temperature T (Hinton et
 * al., 2015); with a loss of values, that loss.
 */
export function teacherTerm(
  b: Builder,
  scores: Value,
  data: readonly Value[],
  { loss: name, distillation: { teacher, temperature } }: { loss: LossName; distillation: Distillation },
): Term {
  const loss: Loss = losses[name]
  const by = (x: Value, factor: number): Value => (factor === 1 ? x : b.map([x], (v) => f.mul(v, factor)))
  const taught = teacherScores(b, teacher, data, scores.type.shape[0]!)
  const [own, others] = [by(scores, 1 / temperature), by(taught, 1 / temperature)]
  const values = loss.prediction(b, others)
  // The entropy of the teacher's answer is what is left of the loss where both agree.
  const [found, least] = [own, others].map((x) => loss.perSample(b, x, values, {})) as [Value, Value]
  return {
    perSample: by(b.binary('sub', found, least), temperature * temperature),
    derivative: by(loss.derivative(b, own, values, {}), temperature),
    correct: loss.agree?.(b, scores, taught),
  }
}

/** What a training makes small: (1 − α) of the comparison with labels and α of that with the teacher. */
export function objective(
  b: Builder,
  scores: Value,
  data: readonly Value[],
  options: ObjectiveOptions,
): Term & { readonly target: Port | undefined } {
  const { distillation } = options
  if (!distillation) return labelTerm(b, scores, options)
  const teacher = teacherTerm(b, scores, data, { ...options, distillation })
  if (!distillation.labels) return { ...teacher, target: undefined }
  const labels = labelTerm(b, scores, options)
  const { alpha } = distillation
  const mixed = (l: Value, t: Value): Value => b.map([l, t], (x, y) => f.add(f.mul(x, 1 - alpha), f.mul(y, alpha)))
  return {
    ...labels,
    perSample: mixed(labels.perSample, teacher.perSample),
    derivative: mixed(labels.derivative, teacher.derivative),
  }
}
