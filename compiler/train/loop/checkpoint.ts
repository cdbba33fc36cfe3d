import * as v from 'valibot'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { TypedArray } from '../../core/scalar/dtype.ts'
import { tensor, type Tensor } from '../../core/tensor.ts'
import { hash } from '../../core/bytes/hash.ts'
import { printGraph } from '../../core/print.ts'
import type { Checkpoint } from './fit.ts'
import type { TrainableModel } from '../model/model.ts'
import type { Samples } from './samples.ts'

/** What a checkpoint is of: it goes on only with the same. */
export type Fingerprint = string

/** A hash of the model, its parameters before training, the settings, and how many samples of what kind there are. */
export async function fingerprintOf(model: TrainableModel, samples: Samples, settings: object): Promise<Fingerprint> {
  const rules = model.dropouts.map(({ ratio }) => ratio)
  const text = JSON.stringify([samples.count, settings, rules, printGraph(model.graph)])
  const ends = [await samples.at(0, 0), await samples.at(samples.count - 1, 0)]
  const arrays = ends.flatMap(({ inputs, target }) => [...Object.values(inputs), Float64Array.from(Array.from(target))])
  const bytes = [...model.parameters.map(({ start }) => start.data), ...arrays].map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  )
  return hash([new TextEncoder().encode(text), ...bytes])
}

const meta = 'meta'

/** A checkpoint as named arrays: `state/…`, `best/…`, and `meta`, JSON in bytes. */
export function checkpointArrays(
  { state, best, ...rest }: Checkpoint,
  fingerprint: Fingerprint,
): Record<string, Tensor> {
  const facts = { fingerprint, ...rest, best: best && { epoch: best.epoch, validation: best.validation } }
  const bytes = new TextEncoder().encode(JSON.stringify(facts))
  const named = (prefix: string, values: Readonly<Record<string, TypedArray>>) =>
    Object.entries(values).map(([name, data]) => [`${prefix}/${name}`, vector(data)] as const)
  return Object.fromEntries([
    [meta, tensor('u8', [bytes.length], bytes)],
    ...named('state', state),
    ...(best ? named('best', best.values) : []),
  ])
}

const vector = (data: TypedArray): Tensor => tensor('f32', [data.length], data)

/** JSON has null for a loss that is not a number. */
const real = v.union([
  v.number(),
  v.pipe(
    v.null(),
    v.transform(() => NaN),
  ),
])
const whole = v.pipe(v.number(), v.integer(), v.minValue(0))
const score = v.object({ loss: real, accuracy: v.exactOptional(v.number()), agreement: v.exactOptional(v.number()) })
const factsSchema = v.object({
  fingerprint: v.string(),
  step: whole,
  sums: v.object({ loss: v.number(), correct: v.number(), weight: v.number() }),
  history: v.array(v.object({ epoch: whole, train: score, validation: score, learningRate: v.number() })),
  best: v.optional(v.object({ epoch: whole, validation: score })),
})

function factsIn(bytes: TypedArray | undefined, what: string): v.InferOutput<typeof factsSchema> {
  const refuse = (): never => fail('A502', `${what} is not a checkpoint, or is damaged`)
  if (!(bytes instanceof Uint8Array)) return refuse()
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return refuse()
  }
  const facts = v.safeParse(factsSchema, value)
  return facts.success ? facts.output : refuse()
}

/** The checkpoint in `arrays`. A702 where it is of another training, A502 where it is damaged. */
export function checkpointFrom(
  arrays: Readonly<Record<string, Tensor>>,
  fingerprint: Fingerprint,
  what: string,
): Checkpoint {
  const { fingerprint: own, best, ...rest } = factsIn(arrays[meta]?.data, what)
  if (own !== fingerprint)
    fail('A702', `${what} is of another training: its model, data or settings differ`, {
      hint: 'go on with the same ones, or without --resume',
    })
  const named = (prefix: string): Record<string, TypedArray> =>
    Object.fromEntries(
      Object.entries(arrays)
        .filter(([name]) => name.startsWith(`${prefix}/`))
        .map(([name, { data }]) => [name.slice(prefix.length + 1), data]),
    )
  return { ...rest, state: named('state'), best: best && { ...best, values: named('best') } }
}
