import { integerRange, isBigInt, isFloat } from '../core/scalar/dtype.ts'
import { writer, zeros, type Tensor } from '../core/tensor.ts'
import { axesOf, eachValue, type Preprocess } from '../../runtime/pixels.ts'
import type { Image } from './image.ts'
import type { InputType } from './samples.ts'
import { completeFeatures, featureChecks, type FeatureOptions, type Features } from '../features/index.ts'
import {
  noPictureInput,
  notAnObject,
  notJson,
  wrongChannels,
  wrongNumberCount,
  wrongMember,
  unknownMember,
} from './errors.ts'
import { reasonOf } from '../core/diagnostics/errors.ts'

export const filters = ['nearest', 'bilinear', 'antialias'] as const satisfies readonly Preprocess['resize'][]
export const fits = ['stretch', 'crop', 'letterbox'] as const satisfies readonly Preprocess['fit'][]
export const layouts = ['NCHW', 'NHWC'] as const satisfies readonly Preprocess['layout'][]
export const channelOrders = ['RGB', 'BGR', 'gray'] as const satisfies readonly Preprocess['channels'][]

export type { Preprocess }

/**
 * How a sound becomes a model's input: at this rate, samples a second; cut after the input's length, or filled up with zeros. With
 * features, the input takes these of it.
 */
export interface SoundPreprocess {
  readonly rate: number
  readonly features?: Features
}

/** How a row of integers becomes a model's input: cut after the input's length, or filled up with `pad`. */
export interface SequencePreprocess {
  readonly pad: number
  /** The file of the tokenizer that makes ids of texts. Models do not say it of themselves. */
  readonly tokenizer?: string
}

export type Preprocessing = Preprocess | SoundPreprocess | SequencePreprocess

/** What a user may leave open. */
export type PreprocessOptions = Partial<
  Omit<Preprocess, 'mean' | 'std'> & Omit<SoundPreprocess, 'features'> & SequencePreprocess
> & {
  readonly mean?: number | readonly number[]
  readonly std?: number | readonly number[]
  readonly features?: FeatureOptions
}

/** What data sets hold, so far as it matters for how that becomes inputs. */
export type DataKind = 'pictures' | 'sounds' | 'arrays'

const kindOfMember = (name: string): DataKind =>
  name === 'rate' || name === 'features' ? 'sounds' : name === 'pad' || name === 'tokenizer' ? 'arrays' : 'pictures'

/** What is wrong with options of which some have no effect on data of such kinds, as a sentence; undefined where all have. */
export function withoutEffect(options: PreprocessOptions, kinds: readonly DataKind[]): string | undefined {
  for (const kind of ['pictures', 'sounds', 'arrays'] as const) {
    const names = Object.keys(options).filter((name) => kindOfMember(name) === kind)
    if (names.length > 0 && !kinds.includes(kind))
      return `${names.join(', ')}: has no effect on data that is not ${kind}`
  }
  return undefined
}

const oneOf = (values: readonly string[], x: unknown): boolean => typeof x === 'string' && values.includes(x)
const isNumber = (x: unknown): x is number => typeof x === 'number' && Number.isFinite(x)
const isNumbers = (x: unknown): boolean => isNumber(x) || (Array.isArray(x) && x.length <= 4 && x.every(isNumber))

const isObject = (x: unknown): x is object => typeof x === 'object' && x !== null && !Array.isArray(x)

type Check = readonly [legal: (x: unknown) => boolean, wanted: string]

const checks: Readonly<Record<keyof PreprocessOptions, Check>> = {
  resize: [(x) => oneOf(filters, x), filters.join(', ')],
  fit: [(x) => oneOf(fits, x), fits.join(', ')],
  layout: [(x) => oneOf(layouts, x), layouts.join(', ')],
  channels: [(x) => oneOf(channelOrders, x), channelOrders.join(', ')],
  scale: [isNumber, 'a number'],
  mean: [isNumbers, 'a number or a list of them'],
  std: [(x) => isNumbers(x) && [x].flat().every((s) => Number(s) > 0), 'a positive number or a list of them'],
  rate: [(x) => Number.isInteger(x) && Number(x) >= 1 && Number(x) <= 2 ** 20, 'samples a second, a whole number'],
  pad: [(x) => Number.isSafeInteger(x), 'a whole number'],
  tokenizer: [(x) => typeof x === 'string' && x !== '', 'the name of a file'],
  features: [(x) => isObject(x) && 'window' in x && 'hop' in x, 'an object with at least window and hop, in samples'],
}

/** What a model says of itself: without files, which are the user's. */
export function preprocessOfModel(preprocess: Preprocessing): string {
  if (!('tokenizer' in preprocess)) return JSON.stringify(preprocess)
  const { tokenizer: _, ...rest } = preprocess
  return JSON.stringify(rest)
}

/** Reads options from JSON. A501 for an unknown member or one of the wrong kind; `what` names where they stand. */
export function parsePreprocess(json: string, what: string): PreprocessOptions {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    notJson(what, reasonOf(error))
  }
  if (!isObject(value)) notAnObject(what)
  checkMembers(value, checks, what)
  if ('features' in value) checkMembers(value.features as object, featureChecks, `${what}, features`)
  return value
}

function checkMembers(value: object, legal: Readonly<Record<string, Check>>, what: string): void {
  for (const [name, member] of Object.entries(value)) {
    if (!Object.hasOwn(legal, name)) unknownMember(what, name, Object.keys(legal))
    const [isLegal, wanted] = legal[name]!
    if (!isLegal(member)) wrongMember(what, name, member, wanted)
  }
}

/** Options with all that was left open filled in for `input`. A504 where it takes no pictures, or other ones. */
export function completePreprocess(options: PreprocessOptions, input: InputType): Preprocess {
  const { shape } = input
  if (shape.length !== 4 || shape[0] !== 1) noPictureInput(input)
  const fitting = options.channels === undefined ? [1, 3] : [options.channels === 'gray' ? 1 : 3]
  const layout = options.layout ?? (fitting.includes(shape[1]!) ? 'NCHW' : 'NHWC')
  const [count] = axesOf(shape, layout)
  const channels = options.channels ?? (count === 1 ? 'gray' : 'RGB')
  if (count !== (channels === 'gray' ? 1 : 3)) {
    wrongChannels(input, layout, count, channels)
  }
  const each = (x: number | readonly number[] | undefined, otherwise: number, name: string): readonly number[] => {
    const list = [x ?? otherwise].flat()
    if (list.length !== 1 && list.length !== count) wrongNumberCount(name, list.length, count)
    return list.length === count ? list : new Array<number>(count).fill(list[0]!)
  }
  return {
    ...{ resize: options.resize ?? 'antialias', fit: options.fit ?? 'stretch', layout, channels },
    scale: options.scale ?? (isFloat(input.dtype) ? 1 / 255 : 1),
    mean: each(options.mean, 0, 'mean'),
    std: each(options.std, 1, 'std'),
  }
}

/** The same for sounds that `rate` is known of. */
export const completeSound = ({ features }: PreprocessOptions, rate: number): SoundPreprocess => ({
  rate,
  ...(features && { features: completeFeatures(features, rate) }),
})

/** A picture as a value of `input`. */
export function imageTensor(image: Image, p: Preprocess, input: InputType): Tensor {
  const { min, max } = isFloat(input.dtype) ? { min: 0, max: 0 } : integerRange(input.dtype)
  const store = isFloat(input.dtype)
    ? (x: number) => x
    : (x: number) => Math.min(Number(max), Math.max(Number(min), Math.round(x)))
  const result = zeros(input.dtype, input.shape)
  const write = writer(result)
  const big = isBigInt(input.dtype)
  eachValue(image, p, input.shape, (place, value) => write(place, big ? BigInt(store(value)) : store(value)))
  return result
}
