/** What scripts have beside the runtime whose models have lengths that are known at run time, within bounds: `attar compile --bound`. */
import type { Model, Port, Source, Spec, View } from './index.ts'

interface LengthsSpec extends Spec {
  /** After a run each i32 at `address` must be within `bound`, or the outputs are wrong. */
  readonly limits?: readonly {
    readonly name: string
    readonly address: number
    readonly bound: readonly [number, number]
  }[]
}

export interface SizedModel extends Model {
  /** The shapes that the outputs have after the last run. */
  readonly shapes: Readonly<Record<string, readonly number[]>>
}

interface Exports {
  instantiate(source?: WebAssembly.Module | BufferSource): Model
  load(source?: Source | PromiseLike<Source>): Promise<Model>
}

/** What the script exports, with models that check their bounds. */
export const withLengths = <T extends Exports>(exports: T, spec: LengthsSpec) => ({
  ...exports,
  instantiate: (source?: WebAssembly.Module | BufferSource) => sized(exports.instantiate(source), spec),
  load: async (source?: Source | PromiseLike<Source>) => sized(await exports.load(source), spec),
})

/**
 * A model whose `run` throws a RangeError for an input beyond its bound, before it runs, and for a length that the model computed
 * beyond its bound, behind it.
 */
export function sized(model: Model, { inputs: ports, outputs, limits = [] }: LengthsSpec): SizedModel {
  // A model may have none, of strings alone: nothing is counted then.
  const view = Object.values({ ...model.outputs, ...model.inputs }).find(ArrayBuffer.isView) as View
  const count = (address: number): number => new Int32Array(view.buffer, address)[0]!
  const check = (what: string, value: number | bigint, [least, most]: readonly [number, number]): void => {
    if (!(value >= least && value <= most))
      throw new RangeError(`attar: ${what} is ${value}; it was compiled for ${least} to ${most}`)
  }
  /** Even `__proto__` is one of the object's own. */
  const now = () =>
    Object.fromEntries(
      outputs.map(({ name, shape, extents = [] }) => [
        name,
        shape.map((d, i) => {
          const extent = extents.find(({ axis }) => axis === i)
          return extent ? count(extent.address) : d
        }),
      ]),
    )
  const shapes = now()
  return {
    ...model,
    shapes,
    run(given, options) {
      // Read once: what is checked is what runs.
      const inputs = given && ({ ...given } as Record<string, ArrayLike<number | bigint>>)
      for (const { name, bounds } of ports as Port[]) {
        if (!bounds) continue
        const own = (inputs ?? model.inputs)[name]!
        const values = Array.isArray(own) ? [...(own as number[])] : own
        if (inputs) inputs[name] = values
        // What is no array, the model itself refuses.
        for (let i = 0; i < values?.length; i++)
          check(`element ${i} of input "${name}"`, values[i]!, bounds[i] ?? bounds[0]!)
      }
      const results = model.run(inputs as Parameters<Model['run']>[0], options)
      Object.assign(shapes, now())
      for (const { name, address, bound } of limits) check(`"${name}"`, count(address), bound)
      return results
    },
  }
}
