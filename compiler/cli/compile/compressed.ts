import { basename, dirname } from 'node:path'
import type {
  CompileOptions,
  Imported,
  ImportedModel,
  Pruned,
  Quantized,
  QuantizeModelOptions,
  Validation,
} from '../../index.ts'
import { largest } from '../train/module-bytes.ts'
import { storageOf, type StorageOptions } from '../module-options.ts'
import { budgetOf } from '../optimize/options.ts'
import { readPlan } from '../plan.ts'
import { preprocessOptions, readData, textsBy, type Carry, type CompressCliOptions } from './quantize-options.ts'
import type { Terminal } from '../terminal.ts'
import { vocabularySamples } from './vocabulary-options.ts'

type Importing = Pick<
  CompileOptions,
  'shapes' | 'dims' | 'signatures' | 'bind' | 'readExternal' | 'state' | 'stateStart' | 'targets'
>

/** Samples that candidates are quantized with whose bytes are asked for: ranges change the numbers, hardly how many there are. */
const sizingSamples = 4
const quietly = { metric: undefined, maxDrop: undefined, sensitivity: false, onProgress: undefined }

export const isCompressed = ({ vocabulary, prune, quantize }: CompressCliOptions): boolean =>
  [vocabulary, prune, quantize].some((option) => option !== undefined)

/** A model as the options prune and quantize it, with its preprocessing in its metadata. Of several shapes all, which are quantized as the first. */
export async function compressed(
  model: Uint8Array,
  options: CompressCliOptions & StorageOptions,
  importing: Importing,
  terminal: Terminal,
): Promise<Imported | readonly Imported[]> {
  const { carryStates, fail, importEach, preprocessKey } = await import('../../index.ts')
  const { bind, state, stateStart } = importing
  const targets =
    options.prune &&
    (await pruneTargets({ ...options.prune, ...(typeof options.plan === 'string' && { plan: options.plan }) }))
  const [imported, ...others] = importEach(model, importing) as [ImportedModel, ...ImportedModel[]]
  const { graph, metadata, names } = imported
  const inputs = graph.inputs
    .filter(({ name }) => !Object.hasOwn(state ?? {}, name))
    .map(({ name, value }) => ({ name, ...value.type, range: names.inputs[name]?.range }))
  const onProgress = (step: string, done: number, of: number): void => terminal.status(`${step} ${done + 1}/${of}`)
  const states = { ...(bind && { bind }), ...(state && { state }), ...(stateStart && { stateStart }), names }
  const carry: Carry = (samples, kept) => carryStates(graph, samples, { ...states, kept, onProgress })
  // What is wrong with the states is said before data is read.
  if (state) await carry([], [])
  terminal.status('reading data')
  const { calibration, validation, preprocess } = await readData(inputs, options, metadata, state && carry, terminal)
  if (options.checkIds) {
    const { checkIds } = await import('../../data/index.ts')
    const ports = inputs.map(({ name }) => ({ name, range: names.inputs[name]?.range }))
    checkIds(calibration, ports, '--calib')
    checkIds(validation?.samples ?? [], ports, '--val')
  }
  if (options.metric !== undefined && !validation)
    fail('A501', '--metric: calibration takes all samples of --calib', { hint: 'give more of them, or --val' })
  const { preprocessOfModel } = await import('../../data/preprocess.ts')
  const kept = preprocess && { [preprocessKey]: preprocessOfModel(preprocess) }
  const read = { model: { ...imported, metadata: { ...metadata, ...kept } }, calibration, validation }
  const { model: whole, ...data } = await withVocabulary(read, options, state, terminal)
  const settings: Omit<QuantizeModelOptions, 'mode'> = {
    ...{ ...data, samples: options.samples, seed: options.seed },
    ...{ metric: options.metric, maxDrop: options.maxDrop, sensitivity: options.sensitivity },
    ...{ ...(state && { state }), onProgress },
  }
  const pruned = targets && (await prunedTo(targets, whole, options, importing, settings, terminal))
  if (!options.quantize) return pruned ?? whole
  const [first, ...rest] = await quantizedAs(options, [pruned ?? whole, ...others], importing, settings)
  return rest.length > 0 ? [first!, ...rest] : first!
}

/** A model and the data that it is calibrated and judged with. */
interface Source {
  readonly model: ImportedModel
  readonly calibration: Validation['samples']
  readonly validation: Validation | undefined
}

/** The model with the rows of tables that the options keep, and the data as it takes it. */
async function withVocabulary(
  source: Source,
  options: CompressCliOptions,
  state: Importing['state'],
  terminal: Terminal,
): Promise<Source> {
  const { vocabulary, unknown = 'mean', vocabularyMap, metric, seed } = options
  if (vocabulary === undefined) return source
  const { checkWritable, writeFiles } = await import('../../data/files.ts')
  const { pruneVocabulary } = await import('../../index.ts')
  const { model, calibration, validation } = source
  const [folder, file] = [dirname(vocabularyMap ?? ''), basename(vocabularyMap ?? '')]
  if (vocabularyMap !== undefined) checkWritable(folder, [file])
  terminal.status(`reading ${vocabulary}`)
  const { all } = await preprocessOptions(options, model.metadata)
  const samples = await vocabularySamples(vocabulary, model, await textsBy(all, options, vocabulary))
  const found = await pruneVocabulary(model, { samples, unknown, validation, metric, seed, ...(state && { state }) })
  if (vocabularyMap === undefined) return { model: found.model, calibration, validation }
  const { model: mapped, maps, mapped: withIds } = found.newIds()
  writeFiles(folder, { [file]: new TextEncoder().encode(`${JSON.stringify(maps)}\n`) })
  return {
    model: mapped,
    calibration: calibration.map(withIds),
    validation: validation && { ...validation, samples: validation.samples.map(withIds) },
  }
}

/** A501 for everything that is wrong with what `--prune` says. */
async function pruneTargets(prune: NonNullable<CompressCliOptions['prune']>) {
  const { CompileError } = await import('../../index.ts')
  const { checkPruneTargets } = await import('../../config/schema.ts')
  const found = checkPruneTargets(prune)
  if ('targets' in found) return found.targets
  throw new CompileError(found.problems.map((message) => ({ code: 'A501', message: `--prune: ${message}` })))
}

async function quantizedAs(
  { quantize: mode, bits, maxSize, ...storage }: CompressCliOptions & StorageOptions,
  models: readonly Imported[],
  importing: Importing,
  settings: Omit<QuantizeModelOptions, 'mode'>,
): Promise<readonly Quantized[]> {
  const { compile, quantizationKey, quantizeEach } = await import('../../index.ts')
  const { graph: _, ...rest } = models[0]!
  const metadata = { ...rest.metadata, [quantizationKey]: mode! }
  // Of one shape: --max-size takes no more.
  const measure = async (candidate: Imported['graph']): Promise<number> =>
    largest(await compile({ ...rest, metadata, graph: candidate }, { ...importing, ...storageOf(storage) }))
  const { size } = maxSize === undefined ? {} : await budgetOf({ maxSize })
  return quantizeEach(models, {
    ...{ ...settings, mode: mode! },
    ...(bits !== undefined && { bits: Number(bits) as 3 | 4 | 8 }),
    ...(size !== undefined && { maxSize: { bytes: size, measure } }),
  })
}

async function prunedTo(
  targets: Awaited<ReturnType<typeof pruneTargets>>,
  imported: ImportedModel,
  options: CompressCliOptions & StorageOptions,
  importing: Importing,
  settings: Omit<QuantizeModelOptions, 'mode'>,
  terminal: Terminal,
): Promise<Pruned> {
  const { compile, prune } = await import('../../index.ts')
  terminal.status('looking for channels that can go')
  const { training: _, ...rest } = imported
  const small = {
    ...settings,
    calibration: settings.calibration.slice(0, sizingSamples),
    validation: undefined,
    ...quietly,
  }
  let tried = 0
  const bytesOf = async (graph: Imported['graph']): Promise<number> => {
    terminal.status(`looking for channels that can go, module ${++tried}`)
    const candidate = { ...rest, graph }
    const source = options.quantize ? (await quantizedAs(options, [candidate], importing, small))[0]! : candidate
    return largest(await compile(source, importing))
  }
  const plan = targets.plan === undefined ? undefined : await readPlan(targets.plan, importing.targets)
  return prune(imported, { ...settings, targets: { ...targets, plan }, measure: bytesOf })
}
