import { fail } from '../core/diagnostic.ts'
import { allocate, type TypedArray } from '../core/dtype.ts'
import { tensor, type Tensor } from '../core/tensor.ts'
import { hash } from '../core/hash.ts'
import type { Checkpoint } from './fit.ts'
import type { TrainableModel } from './model.ts'
import type { Samples } from './samples.ts'

/** What a checkpoint is of: it goes on only with the same. */
export type Fingerprint = string

/** A hash of the parameters before training, the settings, and how many samples of what kind there are. */
export async function fingerprintOf(model: TrainableModel, samples: Samples, settings: object): Promise<Fingerprint> {
  const text = JSON.stringify([samples.count, settings, model.parameters.map(({ name }) => name)])
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

/** The checkpoint in `arrays`. A702 where it is of another training. */
export function checkpointFrom(
  arrays: Readonly<Record<string, Tensor>>,
  fingerprint: Fingerprint,
  what: string,
): Checkpoint {
  const bytes = arrays[meta]?.data
  if (!(bytes instanceof Uint8Array)) fail('A502', `${what} is no checkpoint`)
  const facts = JSON.parse(new TextDecoder().decode(bytes)) as Omit<Checkpoint, 'state' | 'best'> & {
    readonly fingerprint: string
    readonly best?: { readonly epoch: number; readonly validation: { readonly loss: number } }
  }
  if (facts.fingerprint !== fingerprint)
    fail('A702', `${what} is of another training: its model, data or settings differ`, {
      hint: 'go on with the same ones, or without --resume',
    })
  const named = (prefix: string): Record<string, TypedArray> =>
    Object.fromEntries(
      Object.entries(arrays)
        .filter(([name]) => name.startsWith(`${prefix}/`))
        .map(([name, { data }]) => {
          const copy = allocate('f32', data.length)
          copy.set(data as never)
          return [name.slice(prefix.length + 1), copy]
        }),
    )
  const { step, history, sums, best } = facts
  return { step, history, sums, state: named('state'), best: best && { ...best, values: named('best') } }
}
