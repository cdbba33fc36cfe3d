import type { Settings } from '../../config/schema.ts'
import type { QuantizedTraining, QuantizedTrainingReport, QuantizeTrainingOptions } from '../../compress/qat/index.ts'
import type { ThreadedExecutor } from '../../threads.ts'
import type { Fit, FitOptions, TrainableModel } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import type { Terminal } from '../terminal.ts'
import type { Splits } from './data.ts'
import { scoreText } from './progress.ts'

interface QuantizedRunContext {
  readonly fitting: FitOptions
  readonly data: Splits
  readonly executor: ThreadedExecutor
  readonly terminal: Terminal
  readonly train: (model: TrainableModel, epochs: number, others: Partial<FitOptions>) => Promise<Fit>
}

/** How the model is trained with integers, where the settings say so. */
export function quantizeOptions({ quantize }: Settings, fitting: FitOptions): QuantizeTrainingOptions | undefined {
  if (!quantize) return undefined
  const { bits, mode = bits === undefined ? 'int8' : 'weights', ...given } = quantize
  const { epochs = fitting.epochs, learningRate = fitting.learningRate / 100 } = given
  return { mode, bits, epochs, learningRate }
}

/** Quantizes a model as it was trained, or as it came, and trains it further. */
export async function quantizedRun(
  model: TrainableModel,
  fit: Fit | undefined,
  options: QuantizeTrainingOptions,
  { fitting, data, executor, terminal, train }: QuantizedRunContext,
): Promise<QuantizedTraining> {
  const { quantizationAware } = await import('../../compress/qat/index.ts')
  const { tensorsOf } = await import('../../train/index.ts')
  const values = fit?.best.values ?? Object.fromEntries(tensorsOf(model).map(({ name, start }) => [name, start.data]))
  return quantizationAware(model, values, options, {
    ...{ fitting, train: data.train, validation: data.validation, executor },
    onProgress: (step, done, of) => terminal.status(`${step} ${done + 1}/${of}`),
    fit: (own, { epochs, ...others }) => train(own, epochs, others),
  })
}

/** Samples on which a written model is compared with what was trained. */
const compared = 32

/** Tells where the module that a written model is compiled to gives other numbers than training had. */
export async function checkBits(
  bytes: Uint8Array,
  training: QuantizedTraining,
  { validation }: Splits,
  executor: ThreadedExecutor,
  terminal: Terminal,
): Promise<void> {
  const { compile, instantiate } = await import('../../index.ts')
  const { predictionOf } = await import('../../compress/qat/index.ts')
  terminal.status('comparing the compiled model with what was trained')
  const { modules, spec } = await compile(bytes, { dims: { batch: 1 }, targets: ['simd'] })
  const module = instantiate(new Uint8Array(modules.simd!), spec)
  const seen = await predictionOf(training, executor)
  const { name } = training.model.graph.outputs[0]!
  const count = Math.min(compared, validation.count)
  let [different, largest] = [0, 0]
  for (let i = 0; i < count; i++) {
    const { inputs } = await validation.at(i, 0)
    const expected = seen(inputs)
    const found = module.run(inputs)[name] as Float32Array
    const gap = expected.reduce((most, x, k) => Math.max(most, Math.abs(x - found[k]!)), 0)
    if (gap > 0) different++
    largest = Math.max(largest, gap)
  }
  // Arithmetic in f32 adds in another order.
  const most = training.report.mode === 'int8' ? 0 : 1e-3
  if (largest > most)
    terminal.err(
      `note: on ${different} of ${count} validation samples the compiled model gives other numbers than training had, by ${largest.toPrecision(2)} at most`,
    )
}

export function describeQuantized(report: QuantizedTrainingReport): string[] {
  const { mode, bits, float, before, after, helped, kept, quantization } = report
  const { techniques, notes, floatBytes, bytes } = quantization
  return [
    `quantized: ${mode === 'int8' ? 'weights and activations of 8 bits' : `weights of ${bits} bits`}${techniques.length > 0 ? `; ${techniques.join('; ')}` : ''}`,
    ...notes,
    `weights ${formatCount(floatBytes)} → ${formatCount(bytes)} bytes`,
    `validation in floats: ${scoreText(float)}`,
    `validation of integers before they were trained: ${scoreText(before)}`,
    `validation of integers that were trained: ${scoreText(after)}`,
    ...(helped
      ? []
      : [
          `training with integers did not help: the model is written as it was ${kept ? 'in the last epoch' : 'before'}`,
        ]),
  ]
}
