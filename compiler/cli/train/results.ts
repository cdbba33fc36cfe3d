import { join } from 'node:path'
import type { Settings } from '../../config/schema.ts'
import type { Fit, Score } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import { percent } from './progress.ts'
import type { Prepared } from './prepare.ts'
import type { Splits } from './data.ts'

/** The score of the test data, with the 95 % interval of its accuracy. */
export interface TestScore extends Score {
  readonly interval?: readonly [low: number, high: number]
}

/** Everything that a training came to. */
export interface Results {
  readonly settings: Settings
  readonly prepared: Prepared
  readonly data: Splits
  readonly fit: Fit
  /** Of the model before, the data and the settings. */
  readonly fingerprint: string
  readonly test: TestScore | undefined
  readonly parameters: { readonly all: number; readonly trained: number }
}

export const reportOf = ({ settings, prepared, data, fit, fingerprint, test, parameters }: Results): object => ({
  ...{ loss: prepared.loss, seed: settings.seed ?? 1, epochs: fit.history.length, ended: fit.ended, fingerprint },
  best: { epoch: fit.best.epoch, ...fit.best.validation },
  samples: {
    train: data.train.count,
    validation: data.validation.count,
    ...(data.test && { test: data.test.count }),
  },
  parameters,
  ...(data.classes && { classes: data.classes }),
  ...(test && { test }),
  history: fit.history,
  settings: {
    ...settings,
    network: undefined,
    train: settings.train && { ...settings.train, workers: undefined },
    augment: settings.augment?.map(({ name }) => name),
  },
})

/** The bytes of the trained model, with what it needs in use in its metadata. */
export async function modelOf({ prepared, data, fit, fingerprint }: Results): Promise<Uint8Array> {
  const { classesKey, fixedLayersKey, preprocessKey, trainingKey, writeBatchedModel } = await import('../../index.ts')
  const { inferenceOf, trainedGraph } = await import('../../train/index.ts')
  const { fixedLayers = [] } = prepared.model
  const { graph, names } = trainedGraph(prepared.model, fit.best.values)
  return writeBatchedModel((size) => inferenceOf(graph, size), {
    names,
    metadata: {
      ...prepared.metadata,
      ...(data.classes && { [classesKey]: JSON.stringify(data.classes) }),
      ...(fixedLayers.length > 0 && { [fixedLayersKey]: JSON.stringify(fixedLayers) }),
      ...(data.preprocess && { [preprocessKey]: JSON.stringify(data.preprocess) }),
      [trainingKey]: fingerprint,
    },
  })
}

export function describe({ fit: { best }, data, test }: Results, output: string, bytes: number): string[] {
  const score = ({ loss, accuracy }: Score): string =>
    `loss ${loss.toFixed(4)}${accuracy === undefined ? '' : `, ${percent(accuracy)} right`}`
  const interval = test?.interval?.map(percent).join(' to ')
  const sure = interval === undefined ? '' : ` (95 % interval ${interval}, ${formatCount(data.test!.count)} samples)`
  return [
    `best epoch ${best.epoch + 1}: validation ${score(best.validation)}`,
    ...(test ? [`test: ${score(test)}${sure}`] : []),
    `${join(output, 'model.onnx')}: ${formatCount(bytes)} bytes`,
  ]
}
