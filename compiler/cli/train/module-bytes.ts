import type { Settings } from '../../config/schema.ts'
import type { Compiled, Imported, Sparsity, Tensor } from '../../index.ts'
import type { TrainableModel } from '../../train/index.ts'
import type { Splits } from './data.ts'
import type { Prepared } from './prepare.ts'
import { metadataOf } from './results.ts'

/** What of integers the bytes of a module depend on. */
export type Quantization = Pick<NonNullable<Settings['quantize']>, 'mode' | 'bits'>

/** How `attar compile` is told to make the module. */
export interface Making {
  readonly sparse?: Sparsity
  readonly quantize?: Quantization | undefined
}

/** Samples that a candidate is quantized with whose bytes are asked for: ranges change numbers, hardly how many there are. */
const sizingSamples = 4

/** Bytes of the larger module. */
export const largest = ({ modules }: Pick<Compiled, 'modules'>): number =>
  Math.max(...Object.values(modules).map(({ length }) => length))

/** Bytes of the larger module that a model with the values from which it starts is compiled to. */
export async function bytesOf(
  model: TrainableModel,
  prepared: Prepared,
  data: Splits,
  { sparse, quantize }: Making = {},
): Promise<number> {
  const { compile } = await import('../../index.ts')
  const { inferenceOf, tensorsOf, trainedGraph } = await import('../../train/index.ts')
  const values = tensorsOf(model).map(({ name, start }) => [name, distinct(start.data)] as const)
  const { graph } = trainedGraph(model, Object.fromEntries(values))
  const source = { graph: inferenceOf(graph, 1), metadata: await metadataOf(prepared, data) }
  return largest(
    await compile(quantize ? await quantized(source, quantize, data) : source, { ...(sparse && { sparse }) }),
  )
}

/** How a training's `quantize`, or the one that comes behind it, is told to `attar compile`. */
export const formOf = ({ mode, bits }: Quantization) => ({
  mode: mode ?? (bits === undefined ? ('int8' as const) : ('weights' as const)),
  ...(bits !== undefined && { bits }),
})

async function quantized(source: Imported, quantize: Quantization, { train }: Splits): Promise<Imported> {
  const { quantize: quantizeModel } = await import('../../index.ts')
  const form = formOf(quantize)
  const calibration = await tensorsIn(train, source.graph, Math.min(sizingSamples, train.count))
  const result = await quantizeModel(source.graph, { ...form, calibration, sensitivity: false })
  return { ...source, ...result, metadata: { ...source.metadata, ...result.metadata } }
}

/** `count` samples, spread over all, as tensors of the inputs of `graph`: data is often sorted by class. */
export async function tensorsIn(samples: Splits['train'], { inputs }: Imported['graph'], count: number) {
  return Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const { inputs: data } = await samples.at(Math.floor((i * samples.count) / count), 0)
      return Object.fromEntries(
        inputs.map(({ name, value: { type } }): [string, Tensor] => [name, { ...type, data: data[name]! }]),
      )
    }),
  )
}

type Numbers = TrainableModel['parameters'][number]['start']['data']

/** Zeros and ones that training will change would not be stored: numbers that differ stand for them. */
const distinct = (data: Numbers): Numbers =>
  data instanceof Float32Array && data.every((value) => value === data[0])
    ? data.map((value, i) => value + (i + 1) / 1024)
    : data
