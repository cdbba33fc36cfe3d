import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readDataset, type Dataset, type PreprocessOptions } from '../../compiler/data/index.ts'
import { importModel, quantize, type Metric } from '../../compiler/index.ts'

/** Real models, and data for some of them beside; neither is part of the repository. */
const root = process.env.ATTAR_CASES
const fashion = '/usr/share/datasets/fashion-mnist'

interface Judge {
  readonly model: string
  readonly dims?: Readonly<Record<string, number>>
  readonly calibration: string
  readonly validation: string
  readonly preprocess?: PreprocessOptions
  readonly metric: Metric
  readonly allowed: number
  /** Weights alone are integers, of so many bits. */
  readonly bits?: 4 | 8
}

const data = (name: string): string => join(root ?? '', '..', 'data', name)
const imageNet = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] }

const judges: readonly Judge[] = [
  {
    model: 'mlperf-kws-float-bn',
    ...{ calibration: data('kws-features.npz'), validation: data('kws-features.npz'), metric: 'top1', allowed: 0.01 },
  },
  {
    ...{ model: 'fashion-cnn', dims: { N: 1 }, preprocess: { mean: 0.286, std: 0.353 } },
    calibration: join(fashion, 'train-images-idx3-ubyte.gz'),
    validation: join(fashion, 't10k-images-idx3-ubyte.gz'),
    ...{ metric: 'top1', allowed: 0.002 },
  },
  {
    ...{ model: 'cifar-resnet20', dims: { N: 1 }, preprocess: imageNet },
    ...{ calibration: data('cats-dogs'), validation: data('cats-dogs'), metric: 'agreement', allowed: 0.05 },
  },
  {
    model: 'bert-tiny-sms-static',
    ...{ calibration: data('sms-wordpiece-train.npz'), validation: data('sms-wordpiece-test.npz') },
    ...{ metric: 'top1', allowed: 0.005 },
  },
]

/** Two parts of a data set that have no sample in common. */
function halves({ samples, labels }: Dataset, first: number): [Dataset, Dataset] {
  const part = (from: number, to?: number): Dataset => ({
    samples: samples.slice(from, to),
    ...(labels && { labels: labels.slice(from, to) }),
  })
  return [part(0, first), part(first)]
}

const weightsOnly = ['mlperf-kws-float-bn', 'bert-tiny-sms-static']
const all: readonly (Judge & { readonly form: string })[] = [
  ...judges.map((judge) => ({ ...judge, form: 'int8' })),
  ...judges
    .filter(({ model }) => weightsOnly.includes(model))
    .map((judge) => ({ ...judge, bits: 4 as const, allowed: 0.01, form: 'weights of 4 bits' })),
]

describe.skipIf(root === undefined)('real models', () => {
  it.each(all)('$model, $form, loses no more than $allowed of $metric', async (judge) => {
    const { model, dims, calibration, validation, preprocess, metric, allowed, bits } = judge
    if (!existsSync(calibration)) return
    const { graph } = importModel(readFileSync(join(root!, model, 'model.onnx')), { ...(dims && { dims }) })
    const inputs = graph.inputs.map(({ name, value }) => ({ name, ...value.type }))
    const one = calibration === validation
    const all = await readDataset(calibration, inputs, { preprocess, limit: one ? 600 : 300 })
    const [seen, unseen] = one
      ? halves(all, 300)
      : [all, await readDataset(validation, inputs, { preprocess, limit: 1000 })]
    const { quantization } = await quantize(graph, {
      ...(bits ? { mode: 'weights', bits } : { mode: 'int8' }),
      ...{ calibration: seen.samples, metric },
      validation: { samples: unseen.samples, labels: unseen.labels },
    })
    expect(quantization.accuracy!.drop).toBeLessThanOrEqual(allowed)
    const kept = quantization.layers.filter((layer) => layer.kept !== null).length
    expect(kept / quantization.layers.length).toBeLessThan(0.01)
  })
})
