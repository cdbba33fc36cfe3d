import type { Settings } from '../../config/schema.ts'
import { preprocessOptions, type PictureOptions } from '../compile/quantize-options.ts'
import type { Terminal } from '../terminal.ts'
import { checkTeacherData } from './distill.ts'
import { readSplits, type Splits } from './data.ts'
import type { Prepared } from './prepare.ts'

/**
 * The data sets, each sample behind what depends on it alone, and what takes them there. Sounds that are augmented change in each
 * epoch, and so does what is computed of them; what is for any data is done behind that. Pruning and quantization go over the whole model.
 */
export async function trainingSplits(
  settings: Settings,
  prepared: Prepared,
  options: PictureOptions,
  terminal: Terminal,
): Promise<{ readonly data: Splits; readonly behind: Prepared }> {
  const { partedAtFront, partedTeacher, runFront } = await import('../../train/index.ts')
  const { compiledExecutor } = await import('../../execute.ts')
  const isChanging = settings.augment?.some(({ of }) => of !== undefined && of !== 'spectrogram') ?? false
  const { model, distilling } = prepared
  let parted = isChanging || settings.prune || settings.quantize ? undefined : partedAtFront(model)
  const teacher = parted && distilling && partedTeacher(distilling.distillation.teacher, parted)
  // A teacher with another beginning is given what stands before it.
  if (distilling && !teacher) parted = undefined
  const front = parted && (await runFront(parted.front, compiledExecutor))
  const preparation = { ...(await preparing(settings, options, prepared)), front }
  const data = await readSplits(settings, prepared, preparation, terminal)
  await checkTeacherData(prepared, data)
  return {
    data,
    behind: {
      ...prepared,
      model: parted?.model ?? model,
      ...(distilling &&
        teacher && { distilling: { ...distilling, distillation: { ...distilling.distillation, teacher } } }),
    },
  }
}

/** How data becomes inputs: what the configuration says, the command line instead, and where they leave it open the model. */
export async function preparing(
  { preprocess = {} }: Settings,
  options: PictureOptions,
  { metadata }: Pick<Prepared, 'metadata'>,
) {
  const { parsePreprocess } = await import('../../data/index.ts')
  const configured = parsePreprocess(JSON.stringify(preprocess), 'preprocess in the configuration')
  const flags = await preprocessOptions(options, {})
  const { all } = await preprocessOptions({}, metadata)
  const given = { ...configured, ...flags.given }
  return { given, all: { ...all, ...given } }
}
