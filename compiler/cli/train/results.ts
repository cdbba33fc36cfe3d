import { join } from 'node:path'
import type { Settings } from '../../config/schema.ts'
import type { PruneReport } from '../../compress/prune/index.ts'
import type { Sparsity } from '../../index.ts'
import type { Fit, Score, TrainableModel } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import { percent } from './progress.ts'
import type { Prepared } from './prepare.ts'
import type { Splits } from './data.ts'
import { describeSparsity, type SparsityReport } from './sparsify.ts'

/** The score of the test data, with the 95 % interval of its accuracy. */
export interface TestScore extends Score {
  readonly interval?: readonly [low: number, high: number]
}

/** Everything that a training came to. */
export interface Results {
  readonly settings: Settings
  readonly prepared: Prepared
  readonly data: Splits
  /** The model that was trained at last, of which `fit` tells. */
  readonly model: TrainableModel
  readonly fit: Fit
  /** Of the model before, the data and the settings. */
  readonly fingerprint: string
  readonly pruning: PruneReport | undefined
  readonly sparsity: SparsityReport | undefined
  readonly test: TestScore | undefined
  readonly parameters: { readonly all: number; readonly trained: number }
}

export const reportOf = (results: Results): object => {
  const { settings, prepared, data, fit, fingerprint, pruning, sparsity, test, parameters } = results
  return {
    ...{ loss: prepared.loss, seed: settings.seed ?? 1, epochs: fit.history.length, ended: fit.ended, fingerprint },
    best: { epoch: fit.best.epoch, ...fit.best.validation },
    samples: {
      train: data.train.count,
      validation: data.validation.count,
      ...(data.test && { test: data.test.count }),
    },
    parameters,
    ...(pruning && { pruning }),
    ...(sparsity && { sparsity }),
    ...(data.classes && { classes: data.classes }),
    ...(test && { test }),
    history: fit.history,
    settings: {
      ...settings,
      network: undefined,
      train: settings.train && { ...settings.train, workers: undefined },
      augment: settings.augment?.map(({ name }) => name),
    },
  }
}

/** What a trained model has to say of itself when it is used. */
async function metadataOf(
  { metadata, model: { fixedLayers = [] } }: Prepared,
  { classes, preprocess }: Splits,
): Promise<Record<string, string>> {
  const { classesKey, fixedLayersKey, preprocessKey } = await import('../../index.ts')
  return {
    ...metadata,
    ...(classes && { [classesKey]: JSON.stringify(classes) }),
    ...(fixedLayers.length > 0 && { [fixedLayersKey]: JSON.stringify(fixedLayers) }),
    ...(preprocess && { [preprocessKey]: JSON.stringify(preprocess) }),
  }
}

/** The bytes of the trained model as ONNX. */
export async function modelOf({ prepared, data, model, fit, fingerprint }: Results): Promise<Uint8Array> {
  const { trainingKey, writeBatchedModel } = await import('../../index.ts')
  const { inferenceOf, trainedGraph } = await import('../../train/index.ts')
  const { graph, names } = trainedGraph(model, fit.best.values)
  const metadata = { ...(await metadataOf(prepared, data)), [trainingKey]: fingerprint }
  return writeBatchedModel((size) => inferenceOf(graph, size), { names, metadata })
}

/** Bytes of the module that a model with the values from which it starts is compiled to: the one that every engine runs. */
export async function bytesOf(
  model: TrainableModel,
  prepared: Prepared,
  data: Splits,
  sparse?: Sparsity,
): Promise<number> {
  const { compile } = await import('../../index.ts')
  const { inferenceOf, tensorsOf, trainedGraph } = await import('../../train/index.ts')
  const { graph } = trainedGraph(
    model,
    Object.fromEntries(tensorsOf(model).map(({ name, start }) => [name, start.data])),
  )
  const { modules } = await compile(
    { graph: inferenceOf(graph, 1), metadata: await metadataOf(prepared, data) },
    { targets: ['simd'], ...(sparse && { sparse }) },
  )
  return modules.simd!.length
}

export function describe(
  { fit: { best }, data, pruning, sparsity, test }: Results,
  output: string,
  bytes: number,
): string[] {
  const score = ({ loss, accuracy }: Score): string =>
    `loss ${loss.toFixed(4)}${accuracy === undefined ? '' : `, ${percent(accuracy)} right`}`
  const interval = test?.interval?.map(percent).join(' to ')
  const sure = interval === undefined ? '' : ` (95 % interval ${interval}, ${formatCount(data.test!.count)} samples)`
  return [
    ...(pruning && pruning.rounds > 0 ? describePruning(pruning) : []),
    ...(sparsity ? describeSparsity(sparsity) : []),
    `best epoch ${best.epoch + 1}: validation ${score(best.validation)}`,
    ...(test ? [`test: ${score(test)}${sure}`] : []),
    `${join(output, 'model.onnx')}: ${formatCount(bytes)} bytes`,
  ]
}

function describePruning({ layers, macs, parameters, bytes }: PruneReport): string[] {
  const gone = ({ before, after }: PruneReport['macs']): string =>
    `${formatCount(before)} → ${formatCount(after)} (${percent(1 - after / before)} less)`
  const names = layers.map(({ node }) => node.length)
  return [
    'output channels of layers:',
    ...layers.map(({ node, before, after }) => `  ${node.padEnd(Math.max(...names))}  ${before} → ${after}`),
    `multiply-adds of a sample: ${gone(macs)}`,
    `parameters: ${gone(parameters)}`,
    ...(bytes === undefined ? [] : [`bytes of the compiled module: ${formatCount(bytes)}`]),
  ]
}
