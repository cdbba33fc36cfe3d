import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Settings } from '../../config/schema.ts'
import type { Point, Space, Trial } from '../../tune/index.ts'
import type { PruneFlag } from '../compile/prune-options.ts'

/** What the command line says of a training. */
export interface TrainFlags {
  readonly output?: string
  readonly train?: string
  readonly val?: string | number
  readonly test?: string
  readonly label?: string
  readonly classes?: number
  readonly freeze?: readonly string[]
  readonly epochs?: number
  readonly batch?: number
  readonly accumulate?: number
  readonly workers?: number
  readonly optimizer?: 'adamw' | 'sgd'
  readonly learningRate?: number
  readonly weightDecay?: number
  readonly schedule?: NonNullable<Settings['train']>['schedule']
  readonly loss?: NonNullable<Settings['train']>['loss']
  readonly labelSmoothing?: number
  readonly clipNorm?: number
  readonly average?: number
  readonly patience?: number
  readonly keep?: 'best' | 'last'
  readonly prune?: PruneFlag
  readonly plan?: string
  readonly vocabulary?: string
  readonly unknown?: number | 'mean'
  readonly teacher?: string
  readonly temperature?: number
  readonly alpha?: number
  readonly labels?: boolean
  readonly quantize?: 'int8' | 'weights'
  readonly sparsify?: number
  readonly seed?: number
  readonly tune?: {
    readonly [Field in keyof NonNullable<Settings['tune']>]?: NonNullable<Settings['tune']>[Field] | undefined
  }
}

/** The settings in a configuration file, with the values of its parameters in the file `params`, else with their defaults. */
export async function readConfig(path: string, params?: string): Promise<Settings> {
  const { trialOf } = await import('../../tune/index.ts')
  const { at, configure } = await readTunable(path)
  return at(params === undefined ? undefined : trialOf(configure, await valuesIn(params)).point)
}

async function valuesIn(path: string): Promise<Readonly<Record<string, unknown>>> {
  const { fail } = await import('../../index.ts')
  const { readFile } = await import('../../data/index.ts')
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder().decode(readFile(path)))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : fail('A502', `"${path}" is no JSON object of values by name`)
}

/** A configuration file that may ask for values. */
export interface Tunable {
  /** What it asks for where all has its default. */
  readonly space: Space
  readonly configure: (trial: Trial) => unknown
  /**
   * The settings with given values, else with defaults; their paths start from the configuration's folder.
   * @throws CompileError A702 where something is wrong in them, or a value is none that its parameter has.
   */
  at(point?: Point): Promise<Settings>
}

/** Reads a configuration file. A702 where it cannot be run. */
export async function readTunable(path: string): Promise<Tunable> {
  const { spaceOf, trialAt } = await import('../../tune/index.ts')
  const value = await evaluated(path)
  const configure = typeof value === 'function' ? (value as (trial: Trial) => unknown) : () => value
  return {
    configure,
    space: spaceOf(configure),
    at: async (point) => placed(path, await checked(configure(trialAt(point)), `"${path}"`)),
  }
}

/** What a configuration file exports. */
async function evaluated(path: string): Promise<unknown> {
  const { createJiti } = await import('jiti')
  const { existsSync } = await import('node:fs')
  const { CompileError, fail } = await import('../../index.ts')
  const file = resolve(path)
  if (!existsSync(file)) fail('A502', `"${path}" cannot be read: there is no such file`)
  // So that a configuration outside of any package finds attar's layers, which are those that are loaded here.
  const virtualModules = { 'attar/config': await import('../../config/index.ts') }
  try {
    return await createJiti(pathToFileURL(file).href, { virtualModules, fsCache: false, moduleCache: false }).import(
      file,
      {
        default: true,
      },
    )
  } catch (error) {
    // Of a layer, which says all that there is to say.
    if (error instanceof CompileError)
      throw new CompileError(error.diagnostics.map((each) => ({ ...each, message: `"${path}": ${each.message}` })))
    return fail('A702', `"${path}" cannot be run: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Settings with paths that start from the folder of their file. */
function placed(path: string, settings: Settings): Settings {
  const from = (name: string): string => resolve(dirname(resolve(path)), name)
  const { output } = settings
  return { ...mapPaths(settings, from), ...(output !== undefined && { output: from(output) }) }
}

/** What settings name that is read. */
export type InputField = 'model' | 'train' | 'val' | 'test' | 'teacher' | 'vocabulary' | 'plan' | 'tokenizer'

/** Settings with other paths of what is read. */
export function mapPaths(settings: Settings, to: (path: string, field: InputField) => string): Settings {
  const { data, model, distill, prune, vocabulary, preprocess } = settings
  const paths = Object.fromEntries(
    (['train', 'val', 'test'] as const).flatMap((key) => {
      const value = data?.[key]
      return value === undefined ? [] : [[key, typeof value === 'string' ? to(value, key) : value]]
    }),
  )
  return {
    ...settings,
    ...(model !== undefined && { model: to(model, 'model') }),
    ...(prune?.plan !== undefined && { prune: { ...prune, plan: to(prune.plan, 'plan') } }),
    ...(vocabulary?.data !== undefined && { vocabulary: { ...vocabulary, data: to(vocabulary.data, 'vocabulary') } }),
    ...(typeof preprocess?.['tokenizer'] === 'string' && {
      preprocess: { ...preprocess, tokenizer: to(preprocess['tokenizer'], 'tokenizer') },
    }),
    ...(data && { data: { ...data, ...paths } }),
    ...(distill?.teacher !== undefined && { distill: { ...distill, teacher: to(distill.teacher, 'teacher') } }),
  }
}

/** A702 for everything wrong with settings, with its field. */
async function checked(value: unknown, what: string): Promise<Settings> {
  const { CompileError } = await import('../../index.ts')
  const { checkConfig } = await import('../../config/schema.ts')
  const found = checkConfig(value)
  if ('settings' in found) return found.settings
  throw new CompileError(found.problems.map((message) => ({ code: 'A702', message: `${what}: ${message}` })))
}

const given = <T extends object>(values: T): T =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as T

/** What the command line calls as a field of `train` is called. */
const trainFields = [
  ...(['epochs', 'batch', 'accumulate', 'workers', 'learningRate', 'schedule', 'loss', 'labelSmoothing'] as const),
  ...(['clipNorm', 'average', 'patience', 'keep', 'freeze'] as const),
] satisfies (keyof TrainFlags)[]

/** Other targets replace all that the configuration has. */
function withoutTargets(prune: Settings['prune']): Partial<NonNullable<Settings['prune']>> {
  const { macs: _m, params: _p, size: _s, latency: _l, plan: _f, ...rest } = prune ?? {}
  return rest
}

/** `settings` with what the command line says instead. A702 where that is out of range. */
export async function overridden(settings: Settings, flags: TrainFlags): Promise<Settings> {
  const { optimizer, weightDecay } = flags
  const before = settings.train?.optimizer
  const chosen = optimizer === undefined || before?.name === optimizer ? before : { name: optimizer }
  const decaying = weightDecay === undefined ? chosen : { ...(chosen ?? { name: 'adamw' as const }), weightDecay }
  const { train, val, test, label, classes, seed, output, prune, tune, plan, vocabulary, unknown, quantize, sparsify } =
    flags
  const all = {
    ...settings,
    ...given({ classes, seed, output }),
    ...(prune !== undefined && { prune: { ...withoutTargets(settings.prune), ...prune, ...given({ plan }) } }),
    ...(vocabulary !== undefined && {
      vocabulary: { ...settings.vocabulary, data: vocabulary, ...given({ unknown }) },
    }),
    ...(quantize !== undefined && { quantize: { ...settings.quantize, mode: quantize } }),
    ...(sparsify !== undefined && { sparsify: { ...settings.sparsify, share: sparsify } }),
    ...(tune && { tune: { ...settings.tune, ...given(tune) } }),
    ...(await distilling(settings, flags)),
    data: { ...settings.data, ...given({ train, val, test, label }) },
    train: {
      ...settings.train,
      ...given(Object.fromEntries(trainFields.map((field) => [field, flags[field]]))),
      ...given({ optimizer: decaying }),
    },
  }
  return checked(all, 'the settings')
}

/** What the command line says of a teacher. A702 for what says how to learn where there is none. */
async function distilling({ distill }: Settings, { teacher, temperature, alpha, labels }: TrainFlags) {
  // Commander has the value true where --no-labels is not given.
  const flags = given({ teacher, temperature, alpha, labels: labels === false ? false : undefined })
  const [first] = Object.keys(flags)
  if (first === undefined) return {}
  if (teacher === undefined && !distill) {
    const { fail } = await import('../../index.ts')
    fail('A702', `--${first === 'labels' ? 'no-labels' : first} has no effect without a teacher`, {
      hint: 'name one with --teacher, or distill in the configuration',
    })
  }
  return { distill: { ...distill, ...flags } }
}
