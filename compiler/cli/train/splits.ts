import type { Settings } from '../../config/schema.ts'
import { preprocessOptions, type PictureOptions } from '../quantize-options.ts'
import type { Terminal } from '../terminal.ts'
import { readSplits, type Splits } from './data.ts'
import type { Prepared } from './prepare.ts'

/**
 * The data sets, each sample behind what depends on it alone, and what takes them there. Sounds that are augmented change in each
 * epoch, and so does what is computed of them. Pruning and quantization go over the whole model.
 */
export async function trainingSplits(
  settings: Settings,
  prepared: Prepared,
  options: PictureOptions,
  terminal: Terminal,
): Promise<{ readonly data: Splits; readonly behind: Prepared }> {
  const { partedAtFront, runFront } = await import('../../train/index.ts')
  const { compiledExecutor } = await import('../../execute.ts')
  const isChanging = settings.augment?.some(({ of }) => of !== 'spectrogram') ?? false
  const parted = isChanging || settings.prune || settings.quantize ? undefined : partedAtFront(prepared.model)
  const front = parted && (await runFront(parted.front, compiledExecutor))
  const preparation = { ...(await preparing(settings, options, prepared)), front }
  return {
    data: await readSplits(settings, prepared, preparation, terminal),
    behind: { ...prepared, model: parted?.model ?? prepared.model },
  }
}

/** How data becomes inputs: what the configuration says, the command line instead, and where they leave it open the model. */
async function preparing({ preprocess = {} }: Settings, options: PictureOptions, { metadata }: Prepared) {
  const { parsePreprocess } = await import('../../data/index.ts')
  const configured = parsePreprocess(JSON.stringify(preprocess), 'preprocess in the configuration')
  const flags = await preprocessOptions(options, {})
  const { all } = await preprocessOptions({}, metadata)
  const given = { ...configured, ...flags.given }
  return { given, all: { ...all, ...given } }
}
