/** Which layers are given back, form by form, within a budget of accuracy or of bytes. */
import { typeBytes } from '../core/tensor.ts'
import { tooLarge } from './errors.ts'
import { bitsOfForm } from './forms.ts'
import type { Layer } from './layers.ts'
import type { SizeBudget } from './options.ts'
import { bisect, perByte, stepsOf, type Attempt } from './search.ts'
import type { Found, Levels, Study, Trial } from './study.ts'
import { shiftsOf, type LayerErrors } from './techniques/correct-bias.ts'

/** What is known of the layers on the first level, the form that was asked for. */
export interface First {
  readonly found: Found
  readonly errors: LayerErrors
  readonly sensitivity: ReadonlyMap<Layer, number>
}

/** What was found out for the layers on each level, and the order in which they are given back. */
export interface GivingBack {
  readonly found: readonly Found[]
  readonly errors: readonly LayerErrors[]
  readonly steps: readonly Layer[]
}

/** What it is worth to give layers on a level back to the next. */
function worthOf(study: Study, level: number, noises: ReadonlyMap<Layer, number>): ReadonlyMap<Layer, number> {
  if (study.options.mode === 'int8')
    // Arithmetic in f32 is worth what noise it takes away, weights in f32 by their bytes: small layers go on to them at once.
    return level === 0 ? noises : perByte(noises, ({ weights }) => typeBytes(weights!.tensor))
  const bitsAt = (layer: Layer, at: number): number => bitsOfForm[study.form(layer, at)]
  const bitsMore = (layer: Layer): number =>
    layer.weights!.tensor.data.length * (bitsAt(layer, level + 1) - bitsAt(layer, level))
  return new Map([...noises].map(([layer, noise]) => [layer, noise / bitsMore(layer)]))
}

export async function givingBack(study: Study, { found, errors, sensitivity }: First): Promise<GivingBack> {
  const calibrated = study.calibration.length > 0
  const levels = { found: [found], errors: [errors], worth: [worthOf(study, 0, sensitivity)] }
  for (let level = 1, own = study.all(level); own.size > 0; own = study.all(++level)) {
    // Weights of as many bits stay as they were rounded, others of few are rounded for them; what rounding shifts, without that of
    // activations, does not stay.
    const narrow = new Map([...own].filter(([layer]) => bitsOfForm[study.form(layer, level)] < 8))
    const weights = new Map([
      ...[...(found.weights ?? [])].filter(([, { bits }]) => bits === 8),
      ...(found.weights && narrow.size > 0 ? await study.compensated(narrow) : []),
    ])
    const rounded = { weights }
    const ownErrors: LayerErrors = calibrated ? await study.errors(own, [...levels.found, rounded]) : new Map()
    levels.found.push({ ...rounded, ...(found.corrections && { corrections: shiftsOf(ownErrors) }) })
    if (calibrated) levels.errors.push(ownErrors)
    levels.worth.push(worthOf(study, level, await study.sensitivities(own, levels.found)))
  }
  return { found: levels.found, errors: levels.errors, steps: stepsOf(levels.worth) }
}

/** Each layer as many levels on as it is named in the steps. */
function lowered(from: Levels, steps: readonly Layer[]): Levels {
  const levels = new Map(from)
  for (const layer of steps) levels.set(layer, levels.get(layer)! + 1)
  return levels
}

/** The attempt that loses less, or of equals the one that gives back less. */
function closer(a: Attempt<Trial>, b: Attempt<Trial>): Attempt<Trial> {
  const [x, y] = [a.result.accuracy!.drop, b.result.accuracy!.drop]
  return x < y || (x === y && a.given <= b.given) ? a : b
}

/** The trial with the fewest steps from `first`, whose layers are all on the first level, that `fits`; else the one that loses least. */
export async function withinDrop(
  study: Study,
  first: Trial,
  { found, steps }: GivingBack,
  fits: (trial: Trial) => boolean,
): Promise<Trial> {
  // All of them would leave no model of integers.
  const { best, attempts } = await bisect(
    steps.length,
    (given) => study.try(lowered(first.levels, steps.slice(0, given)), found),
    fits,
  )
  return (best ?? attempts.reduce(closer, { given: 0, result: first })).result
}

/** The trial with the most steps whose module is not too large; A501 where there is none. */
export async function withinSize(
  study: Study,
  first: Trial,
  { found, steps }: GivingBack,
  { bytes, measure }: SizeBudget,
): Promise<Trial> {
  const sized = async (trial: Trial): Promise<{ trial: Trial; size: number }> => ({
    trial,
    size: await measure(trial.graph),
  })
  const least = await sized(first)
  if (least.size > bytes) tooLarge(least.size, bytes)
  const { best } = await bisect(
    steps.length,
    async (left) => sized(await study.try(lowered(first.levels, steps.slice(0, steps.length - left)), found)),
    ({ size }) => size <= bytes,
  )
  return (best?.result ?? least).trial
}
