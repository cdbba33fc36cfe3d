import * as v from 'valibot'
import { objectives } from './objectives.ts'
import type { Augmentation, Mixing } from '../train/augment/index.ts'
import { losses, type LossName } from '../train/losses/index.ts'
import type { Network } from '../train/network/index.ts'
import { schedules, type ScheduleName } from '../train/schedules/index.ts'
import { noSuchField } from '../train/network/no-such-field.ts'
import { samplers, stoppers, type SamplerName, type StopperName } from '../tune/index.ts'

/** An object with these fields and no others. */
const strictObject = <const E extends v.ObjectEntries>(entries: E) =>
  v.strictObject(entries, ({ path }) => noSuchField(String(path?.at(-1)?.key), Object.keys(entries)))

const names = <N extends string>(table: Readonly<Record<N, unknown>>) => Object.keys(table) as N[]

/** `0.1`, or `'10%'`. */
const share = v.union([
  v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  v.pipe(
    v.string(),
    v.regex(/^\d+(\.\d+)?\s*%$/, 'a share such as "10%"'),
    v.transform((text) => Number.parseFloat(text) / 100),
    v.maxValue(1),
  ),
])
const whole = (least: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(2 ** 31 - 1))
const above0 = v.pipe(v.number(), v.gtValue(0), v.finite())
const fraction = v.pipe(v.number(), v.minValue(0), v.ltValue(1))
const path = v.pipe(v.string(), v.minLength(1))
const pathOrShare = v.union([
  share,
  v.pipe(
    path,
    v.check((text) => !text.endsWith('%'), 'a share is at most 100%'),
  ),
])
const dims = v.pipe(v.array(whole(1)), v.minLength(1))

const optimizer = v.variant('name', [
  strictObject({
    name: v.literal('adamw'),
    beta1: v.optional(fraction),
    beta2: v.optional(fraction),
    epsilon: v.optional(above0),
    weightDecay: v.optional(v.pipe(v.number(), v.minValue(0))),
  }),
  strictObject({
    name: v.literal('sgd'),
    momentum: v.optional(fraction),
    nesterov: v.optional(v.boolean()),
    weightDecay: v.optional(v.pipe(v.number(), v.minValue(0))),
  }),
])

const train = strictObject({
  epochs: v.optional(whole(1)),
  batch: v.optional(whole(1)),
  accumulate: v.optional(whole(1)),
  workers: v.optional(v.pipe(whole(1), v.maxValue(256))),
  optimizer: v.optional(
    v.union([
      v.pipe(
        v.picklist(['adamw', 'sgd']),
        v.transform((name) => ({ name })),
      ),
      optimizer,
    ]),
  ),
  learningRate: v.optional(above0),
  schedule: v.optional(v.picklist(names<ScheduleName>(schedules))),
  warmup: v.optional(share),
  loss: v.optional(v.picklist(names<LossName>(losses))),
  labelSmoothing: v.optional(fraction),
  clipNorm: v.optional(above0),
  average: v.optional(fraction),
  patience: v.optional(whole(1)),
  keep: v.optional(v.picklist(['best', 'last'])),
  freeze: v.optional(v.array(v.string())),
  freezeStatistics: v.optional(v.boolean()),
  classWeights: v.optional(v.union([v.literal('balanced'), v.array(above0)])),
})

/** A share of what there is that goes. */
const goes = v.pipe(share, v.gtValue(0), v.ltValue(1))

/** A number, or text that has a number and a unit, as `units` counts it. */
const quantity = (number: v.GenericSchema<number, number>, units: Readonly<Record<string, number>>, what: string) => {
  const form = new RegExp(`^(\\d+(?:\\.\\d+)?)\\s*(${Object.keys(units).join('|')})$`)
  const text = v.pipe(
    v.string(),
    v.regex(form, what),
    v.transform((text) => {
      const [, count, unit] = form.exec(text)!
      return Number(count) * units[unit!]!
    }),
  )
  return v.union([number, text])
}

/** The same where a number comes as text. */
const numeric = <T>(schema: v.GenericSchema<number | string, T>) =>
  v.pipe(
    v.union([v.string(), v.number()]),
    v.transform((value) => (typeof value === 'string' && /^[\d.]+$/.test(value) ? Number(value) : value)),
    schema,
  )

/** No model is asked to have fewer: a number such as 60 lacks its unit. */
const leastBytes = 1000

/** `60000`, or `'60 kB'`. */
const bytes = v.pipe(
  quantity(whole(1), { B: 1, kB: 1e3, MB: 1e6 }, 'bytes such as "60 kB"'),
  v.transform(Math.floor),
  v.check((count) => count >= leastBytes, `it is less than ${leastBytes} bytes; give a unit, as in "60 kB"`),
)

/** Milliseconds, or `'1.5 ms'`. */
const time = v.pipe(quantity(above0, { us: 1e-3, ms: 1, s: 1e3 }, 'a time such as "1.5 ms"'), v.gtValue(0))

/** Seconds, or `'10 min'`. */
const duration = v.pipe(quantity(above0, { s: 1, min: 60, h: 3600 }, 'a time such as "10 min"'), v.gtValue(0))

/** What a compiled model may cost. */
const budget = strictObject({
  size: v.optional(numeric(bytes)),
  latency: v.optional(numeric(time)),
  drop: v.optional(v.pipe(v.number(), v.minValue(0)), 0.01),
  time: v.optional(numeric(duration)),
})

/** Bytes of the module, milliseconds of a run, share of the accuracy that may be lost, and seconds to look for it. */
export type Budget = v.InferOutput<typeof budget>

const pruneTargets = {
  macs: v.optional(goes),
  params: v.optional(goes),
  size: v.optional(bytes),
  latency: v.optional(time),
  plan: v.optional(path),
}

/** What a model may cost when it is pruned. */
type Targets = v.InferOutput<v.StrictObjectSchema<typeof pruneTargets, undefined>>

const hasTarget = <T extends Targets>() =>
  v.check<T, string>(
    ({ macs, params, size, latency }) => [macs, params, size, latency].some((target) => target !== undefined),
    'give a target: macs or params as shares that go, size, or latency',
  )
const hasPlan = <T extends Targets>() =>
  v.check<T, string>(
    ({ latency, plan }) => (latency === undefined) === (plan === undefined),
    'latency needs a plan, and a plan a latency: attar bench --layers --plan writes one',
  )

const quantization = {
  mode: v.optional(v.picklist(['int8', 'weights'])),
  bits: v.optional(v.picklist([3, 4, 8])),
}

const hasBits = <T extends { readonly mode?: string | undefined; readonly bits?: number | undefined }>() =>
  v.check<T, string>(
    ({ mode, bits }) => mode !== 'int8' || bits === undefined,
    "bits are for mode 'weights': with int8 weights and activations have 8",
  )

/** How a model is pruned that is not trained. */
const pruneOnce = v.pipe(strictObject(pruneTargets), hasTarget(), hasPlan())

const prune = v.pipe(
  strictObject({
    ...pruneTargets,
    importance: v.optional(v.picklist(['l2', 'taylor'])),
    scope: v.optional(v.picklist(['global', 'layer'])),
    steps: v.optional(whole(1)),
    epochs: v.optional(whole(1)),
    from: v.optional(v.picklist(['trained', 'scratch'])),
    quantize: v.optional(v.pipe(strictObject(quantization), hasBits())),
  }),
  hasTarget(),
  hasPlan(),
  v.check(
    ({ steps = 1, epochs }) => steps > 1 || epochs === undefined,
    'epochs are for trainings between rounds, and have no effect with steps 1',
  ),
  v.check(
    ({ quantize, size }) => quantize === undefined || size !== undefined,
    'quantize says what size is of, and has no effect without it',
  ),
)

const tune = strictObject({
  trials: v.optional(whole(1)),
  jobs: v.optional(v.pipe(whole(1), v.maxValue(256))),
  objectives: v.optional(v.pipe(v.array(v.picklist(objectives)), v.minLength(1))),
  maxSize: v.optional(bytes),
  sampler: v.optional(v.picklist(names<SamplerName>(samplers))),
  stopper: v.optional(v.picklist(names<StopperName>(stoppers))),
  seeds: v.optional(v.pipe(whole(1), v.maxValue(100))),
})
const distill = v.pipe(
  strictObject({
    teacher: v.optional(path),
    temperature: v.optional(above0),
    alpha: v.optional(v.pipe(above0, v.maxValue(1))),
    labels: v.optional(v.boolean()),
  }),
  v.check(
    ({ alpha, labels }) => labels !== false || alpha === undefined,
    'alpha has no effect without labels: all of the loss is of the teacher',
  ),
)

const student = v.pipe(
  strictObject({ blocks: v.optional(v.literal('half')), depthwise: v.optional(v.literal(true)) }),
  v.check(({ blocks, depthwise }) => Boolean(blocks ?? depthwise), "say how: blocks: 'half', or depthwise: true"),
)
const vocabulary = strictObject({
  data: v.optional(path),
  unknown: v.optional(v.union([v.literal('mean'), whole(0)])),
})

const quantize = v.pipe(
  strictObject({
    ...quantization,
    epochs: v.optional(whole(1)),
    learningRate: v.optional(above0),
  }),
  hasBits(),
)

const sparsify = v.pipe(
  strictObject({
    share: goes,
    blocks: v.optional(v.picklist(['4x1', 'none'])),
    layers: v.optional(v.pipe(v.array(v.string()), v.minLength(1))),
    start: v.optional(share),
    end: v.optional(share),
  }),
  v.check(({ start = 0, end = 1 }) => start <= end, 'start is before end'),
)

/** What a configuration may hold. */
export const configSchema = v.pipe(
  strictObject({
    model: v.optional(path),
    network: v.optional(
      v.custom<Network>(
        (value) => typeof value === 'object' && value !== null && Array.isArray((value as Network).layers),
        'a network, such as sequential([dense(10)])',
      ),
    ),
    input: v.optional(
      v.union([dims, strictObject({ shape: dims, dtype: v.optional(v.picklist(['f32', 'i32', 'i64'])) })]),
    ),
    names: v.optional(strictObject({ input: v.optional(path), output: v.optional(path) })),
    classes: v.optional(v.union([whole(1), v.pipe(v.array(v.string()), v.minLength(2))])),
    data: v.optional(
      strictObject({
        train: v.optional(path),
        val: v.optional(pathOrShare),
        test: v.optional(path),
        label: v.optional(v.string()),
      }),
    ),
    preprocess: v.optional(v.record(v.string(), v.unknown())),
    augment: v.optional(
      v.array(
        v.custom<Augmentation | Mixing>(
          (value) =>
            [(value as Augmentation | undefined)?.apply, (value as Mixing | undefined)?.mix].some(
              (change) => typeof change === 'function',
            ),
          "an augmentation, such as flip('horizontal')",
        ),
      ),
    ),
    train: v.optional(train),
    vocabulary: v.optional(
      v.union([
        v.pipe(
          v.literal(true),
          v.transform((): v.InferOutput<typeof vocabulary> => ({})),
        ),
        vocabulary,
      ]),
    ),
    prune: v.optional(prune),
    tune: v.optional(tune),
    distill: v.optional(distill),
    student: v.optional(student),
    quantize: v.optional(quantize),
    sparsify: v.optional(sparsify),
    output: v.optional(path),
    seed: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** 32 - 1))),
  }),
  v.check(
    ({ prune, quantize, sparsify }) => !(sparsify && (prune ?? quantize)),
    'sparsify stands alone: prune or quantize in another training',
  ),
  v.check(
    ({ prune, quantize }) => !(prune?.quantize && quantize),
    'prune.quantize is for a model that is quantized when it is compiled; here, quantize says it',
  ),
  v.check(({ model, network }) => !(model && network), 'model and network: give one of the two'),
  v.check(({ network, student }) => !(network && student), 'student: is made of a model; a network is what it says'),
)

/** A configuration as it is written. */
export type Config = v.InferInput<typeof configSchema>
/** The same with shares as numbers. */
export type Settings = v.InferOutput<typeof configSchema>

/** Everything wrong with a configuration, a line each that names the field; the settings where nothing is. */
export function checkConfig(value: unknown): { settings: Settings } | { problems: string[] } {
  const result = v.safeParse(configSchema, value)
  return result.success ? { settings: result.output } : { problems: problemsOf(result.issues) }
}

/** The same of what a model that is not trained is pruned to. */
export function checkPruneTargets(value: unknown): { targets: Targets } | { problems: string[] } {
  const result = v.safeParse(pruneOnce, value)
  return result.success ? { targets: result.output } : { problems: problemsOf(result.issues) }
}

/** The same of what a compiled model may cost. */
export function checkBudget(value: unknown): { budget: Budget } | { problems: string[] } {
  const result = v.safeParse(budget, value)
  return result.success ? { budget: result.output } : { problems: problemsOf(result.issues) }
}

const problemsOf = (issues: readonly v.BaseIssue<unknown>[]): string[] =>
  issues.map((issue) => {
    const field = v.getDotPath(issue)
    const text = messageOf(issue)
    return field === null ? text : `${field}: ${text}`
  })

/** What is wrong, and what would be right. */
function messageOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type === 'strict_object' && issue.expected === 'never') return issue.message
  if (issue.type === 'strict_object' && issue.expected?.startsWith('"')) return 'it is missing'
  if (issue.expected === null || issue.type === 'custom') return issue.message
  const received = issue.received === 'Object' || issue.received === 'Array' ? 'something else' : issue.received
  return `expected ${issue.expected.replaceAll(' | ', ', ').replace(/^\((.*)\)$/, 'one of $1')}, found ${received}`
}
