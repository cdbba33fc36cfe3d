import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Settings } from '../../config/schema.ts'

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
  readonly prune?: number
  readonly sparsify?: number
  readonly seed?: number
}

/** The settings in a configuration file, with paths that start from its folder. A702 where something is wrong in it. */
export async function readConfig(path: string): Promise<Settings> {
  const { createJiti } = await import('jiti')
  const { existsSync } = await import('node:fs')
  const { fail } = await import('../../index.ts')
  const file = resolve(path)
  if (!existsSync(file)) fail('A502', `"${path}" cannot be read: there is no such file`)
  // So that a configuration outside of any package finds attar's layers, which are those that are loaded here.
  const virtualModules = { 'attar/config': await import('../../config/index.ts') }
  let value: unknown
  try {
    value = await createJiti(pathToFileURL(file).href, { virtualModules, fsCache: false, moduleCache: false }).import(
      file,
      {
        default: true,
      },
    )
  } catch (error) {
    fail('A702', `"${path}" cannot be run: ${error instanceof Error ? error.message : String(error)}`)
  }
  const settings = await checked(value, `"${path}"`)
  const from = (name: string): string => resolve(dirname(file), name)
  const { data, model, output } = settings
  const paths = Object.fromEntries(
    (['train', 'val', 'test'] as const).flatMap((key) => {
      const value = data?.[key]
      return value === undefined ? [] : [[key, typeof value === 'string' ? from(value) : value]]
    }),
  )
  return {
    ...settings,
    ...(model !== undefined && { model: from(model) }),
    ...(output !== undefined && { output: from(output) }),
    ...(data && { data: { ...data, ...paths } }),
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
  ...(['clipNorm', 'average', 'patience', 'freeze'] as const),
] satisfies (keyof TrainFlags)[]

/** `settings` with what the command line says instead. A702 where that is out of range. */
export async function overridden(settings: Settings, flags: TrainFlags): Promise<Settings> {
  const { optimizer, weightDecay } = flags
  const before = settings.train?.optimizer
  const chosen = optimizer === undefined || before?.name === optimizer ? before : { name: optimizer }
  const decaying = weightDecay === undefined ? chosen : { ...(chosen ?? { name: 'adamw' as const }), weightDecay }
  const { train, val, test, label, classes, seed, output, prune, sparsify } = flags
  const all = {
    ...settings,
    ...given({ classes, seed, output }),
    ...(sparsify !== undefined && { sparsify: { ...settings.sparsify, share: sparsify } }),
    ...(prune !== undefined && { prune: { ...settings.prune, macs: prune } }),
    data: { ...settings.data, ...given({ train, val, test, label }) },
    train: {
      ...settings.train,
      ...given(Object.fromEntries(trainFields.map((field) => [field, flags[field]]))),
      ...given({ optimizer: decaying }),
    },
  }
  return checked(all, 'the settings')
}
