/** Compiled models at work in this browser. */
import { randomInputs } from '../../compiler/data/samples.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import * as attar from '../../compiler/index.ts'
import { withPictures, type PictureModel } from '../../runtime/pictures.ts'
import type { Built } from './compile.ts'
import { samplesOf, type Samples } from './data.ts'
import type { Ran, ShownOutput, Timing } from './protocol.ts'

type Values = Parameters<attar.Model['run']>[0]

/** Elements of an output that are shown. */
const mostShown = 64
const mostClasses = 5

/** Of the modules that were compiled, those that this browser takes, the fastest first. */
export const runnable = ({ modules }: attar.Compiled): attar.Target[] =>
  (attar.target === 'relaxed-simd' ? (['relaxed-simd', 'simd'] as const) : (['simd'] as const)).filter(
    (each) => modules[each],
  )

export class Runner {
  readonly #compiled: attar.Compiled
  readonly #preprocess: Built['choices']['preprocess']
  readonly #targets: readonly attar.Target[]
  readonly #models = new Map<attar.Target, PictureModel>()
  #values: Values | undefined

  constructor({ compiled, choices }: Built) {
    this.#compiled = compiled
    this.#preprocess = choices.preprocess
    this.#targets = runnable(compiled)
  }

  async run(files: readonly File[], seed: number): Promise<Ran> {
    const { spec } = this.#compiled
    const target = this.#target()
    const given: Samples =
      files.length > 0
        ? await samplesOf(files, spec.inputs, this.#preprocess)
        : { samples: [randomInputs(spec.inputs, seed)], notes: [] }
    const values = given.samples[0]!
    // Labels are shown and taken as such; what is read are their places in the list.
    const arrayOf = (port: attar.PortSpec) => {
      const { data, ...rest } = values[port.name]!
      return port.labels ? toNumbers({ data, ...rest }).map((at) => port.labels![at] ?? '') : data
    }
    this.#values = Object.fromEntries(spec.inputs.map((port) => [port.name, arrayOf(port)])) as Values
    const model = this.#model(target)
    model.reset?.()
    const classes = given.picture && model.classify?.(given.picture, { top: mostClasses })
    model.reset?.()
    const outputs = model.run(this.#values)
    return {
      source: files.length > 0 ? files[0]!.name : `random values of seed ${seed}`,
      target,
      outputs: spec.outputs.map((port) => shown(port, outputs[port.name]!)),
      ...(classes && { classes }),
    }
  }

  /** Milliseconds of a run on the values of the last, in all modules that run here, in turns. */
  measure(progress: (text: string) => void): Timing[] {
    const target = this.#target()
    if (!this.#values) attar.fail('A501', 'there are no values to run on')
    const values = this.#values
    const sides = this.#targets.map((each) => {
      progress(`loading ${each}`)
      const [load, model] = timed(() => this.#load(each))
      const [first] = timed(() => model.run(values))
      progress(`warming up ${each}`)
      const from = performance.now()
      let runs = 0
      while (runs < 3 || performance.now() - from < warmUp) runs += Number(model.run(values) !== undefined)
      const each1 = (performance.now() - from) / runs
      return { target: each, model, load, first, each: Math.max(1, Math.ceil(batch / each1)), times: [] as number[] }
    })
    const until = performance.now() + measuring * sides.length
    for (let round = 0; round < mostRounds && (round < 3 || performance.now() < until); round++) {
      if (round % 10 === 0) progress(`measuring, batch ${round + 1}`)
      for (const { model, each, times } of sides) {
        const [ms] = timed(() => {
          for (let i = 0; i < each; i++) model.run(values)
        })
        times.push(ms / each)
      }
    }
    this.#model(target).reset?.()
    return sides.map(({ target, load, first, each, times }) => {
      const sorted = times.toSorted((a, b) => a - b)
      const at = (p: number): number => sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]!
      return { target, load, first, each, median: at(0.5), low: at(0.1), high: at(0.9), batches: times.length }
    })
  }

  #target(): attar.Target {
    const [target] = this.#targets
    return (
      target ??
      attar.fail('A501', 'this browser has no relaxed SIMD, and that is all that was compiled', {
        hint: 'compile for both targets, or for simd',
      })
    )
  }

  #model(target: attar.Target): PictureModel {
    const model = this.#models.get(target) ?? this.#load(target)
    this.#models.set(target, model)
    return model
  }

  #load(target: attar.Target): PictureModel {
    const { modules, spec } = this.#compiled
    const instantiate = () => attar.instantiate(new Uint8Array(modules[target]!), spec)
    if (!spec.pictures) return instantiate()
    const load = (): never => attar.fail('A601', 'modules are at hand')
    return withPictures(
      { instantiate, load },
      spec as attar.ModuleSpec & Parameters<typeof withPictures>[1],
    ).instantiate()
  }
}

/** Milliseconds: how long engines get to optimize, how long is measured, and of how many runs at once, since clocks of pages are coarse. */
const [warmUp, measuring, batch, mostRounds] = [400, 800, 4, 101]

function timed<T>(body: () => T): [ms: number, result: T] {
  const begin = performance.now()
  const result = body()
  return [performance.now() - begin, result]
}

function shown(port: attar.PortSpec, output: attar.Output): ShownOutput {
  const isLabels = (value: attar.Output): value is readonly string[] => Array.isArray(value)
  const first = output.slice(0, mostShown) as attar.Output
  const values = isLabels(first)
    ? first
    : toNumbers(tensorOf(port.dtype, [first.length], Array.from(first as ArrayLike<number>))).map((x) =>
        digits(x, port),
      )
  return { name: port.name, type: attar.formatType(port), values, count: output.length }
}

/** As few digits as tell a number of the type from its neighbours. */
const digits = (x: number, { dtype }: attar.PortSpec): string =>
  String(dtype === 'f32' && Number.isFinite(x) ? Number(x.toPrecision(9)) : x)
