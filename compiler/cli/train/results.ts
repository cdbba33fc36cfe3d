import { join } from 'node:path'
import type { Settings } from '../../config/schema.ts'
import type { StudentReport } from '../../compress/student/index.ts'
import type { PruneReport } from '../../compress/prune/index.ts'
import type { QuantizedTraining } from '../../compress/qat/index.ts'
import type { Fit, Score, TrainableModel } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import { percent, scoreText } from './progress.ts'
import { describePruned } from '../compile/prune-options.ts'
import { describeTables } from '../compile/vocabulary-options.ts'
import { describeQuantized } from './quantize.ts'
import type { Prepared } from './prepare.ts'
import type { Splits } from './data.ts'
import { describeSparsity, type SparsityReport } from './sparsify.ts'

/** The score of the test data, with the 95 % intervals of its accuracy and of the agreement with the teacher. */
export interface TestScore extends Score {
  readonly interval?: readonly [low: number, high: number]
  readonly agreementInterval?: readonly [low: number, high: number]
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
  readonly quantized: QuantizedTraining | undefined
  readonly sparsity: SparsityReport | undefined
  readonly test: TestScore | undefined
  readonly parameters: { readonly all: number; readonly trained: number }
}

export const reportOf = (results: Results) => {
  const { settings, prepared, data, fit, fingerprint, pruning, quantized, sparsity, test, parameters } = results
  return {
    ...{ loss: prepared.loss, seed: settings.seed ?? 1, epochs: fit.history.length, ended: fit.ended, fingerprint },
    best: { epoch: fit.best.epoch, ...fit.best.validation },
    samples: {
      train: data.train.count,
      validation: data.validation.count,
      ...(data.test && { test: data.test.count }),
    },
    parameters,
    ...(prepared.student && { student: prepared.student }),
    ...(prepared.vocabulary && { vocabulary: prepared.vocabulary }),
    ...(pruning && { pruning }),
    ...(quantized && { quantization: quantized.report }),
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
export async function metadataOf(
  { metadata, model: { fixedLayers = [] } }: Prepared,
  { classes, preprocess }: Splits,
): Promise<Record<string, string>> {
  const { classesKey, fixedLayersKey, preprocessKey, readTokenizer, tokenizerKey } = await import('../../index.ts')
  const { preprocessOfModel, readFile } = await import('../../data/index.ts')
  const tokenizer = preprocess && 'tokenizer' in preprocess ? preprocess.tokenizer : undefined
  return {
    ...metadata,
    ...(classes && { [classesKey]: JSON.stringify(classes) }),
    ...(fixedLayers.length > 0 && { [fixedLayersKey]: JSON.stringify(fixedLayers) }),
    ...(preprocess && { [preprocessKey]: preprocessOfModel(preprocess) }),
    ...(tokenizer !== undefined && { [tokenizerKey]: readTokenizer(readFile(tokenizer), tokenizer).hash }),
  }
}

/** The bytes of the trained model as ONNX. */
export async function modelOf({ prepared, data, model, fit, fingerprint, quantized }: Results): Promise<Uint8Array> {
  const { quantizationKey, trainingKey, writeBatchedModel, writeModel } = await import('../../index.ts')
  const { inferenceOf, trainedGraph } = await import('../../train/index.ts')
  if (quantized) {
    const own = { [trainingKey]: fingerprint, [quantizationKey]: quantized.report.mode }
    const metadata = { ...(await metadataOf(prepared, data)), ...own }
    return writeModel((size) => inferenceOf(quantized.graph, size), { metadata })
  }
  const { graph, names } = trainedGraph(model, fit.best.values)
  const metadata = { ...(await metadataOf(prepared, data)), [trainingKey]: fingerprint }
  return writeBatchedModel((size) => inferenceOf(graph, size), { names, metadata })
}

export function describe(
  { settings, prepared, fit: { best }, data, pruning, quantized, sparsity, test }: Results,
  output: string,
  bytes: number,
): string[] {
  return [
    ...(prepared.vocabulary ? describeTables(prepared.vocabulary) : []),
    ...(prepared.student ? describeStudent(prepared.student) : []),
    ...(pruning && pruning.rounds > 0 ? describePruned(pruning) : []),
    ...(quantized ? describeQuantized(quantized.report) : []),
    ...(sparsity ? describeSparsity(sparsity) : []),
    ...(best.epoch < 0
      ? []
      : [`${settings.train?.keep ?? 'best'} epoch ${best.epoch + 1}: validation ${scoreText(best.validation)}`]),
    ...(test ? [`test: ${scoreText(test)} (${formatCount(data.test!.count)} samples)`] : []),
    `${join(output, 'model.onnx')}: ${formatCount(bytes)} bytes`,
  ]
}

const gone = ({ before, after }: PruneReport['macs']): string =>
  `${formatCount(before)} → ${formatCount(after)} (${percent(1 - after / before)} less)`

const describeStudent = ({ removed, depthwise, macs, parameters }: StudentReport): string[] => [
  ...(removed ? [`blocks that are gone, by their last node: ${removed.join(', ')}`] : []),
  ...(depthwise ? [`convolutions that are depthwise and pointwise now: ${depthwise.join(', ')}`] : []),
  `multiply-adds of a sample: ${gone(macs)}`,
  `parameters: ${gone(parameters)}`,
]
