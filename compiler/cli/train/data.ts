import type { Dataset, InputType, PreprocessOptions } from '../../data/index.ts'
import type { Settings } from '../../config/schema.ts'
import type { Loss, Sample, Samples } from '../../train/index.ts'
import type { Terminal } from '../terminal.ts'

export interface Splits {
  readonly train: Samples
  readonly validation: Samples
  readonly test: Samples | undefined
  readonly classes: readonly string[] | undefined
  readonly preprocess: Dataset['preprocess']
  /** How many training samples each class has; undefined without classes. */
  readonly counts: readonly number[] | undefined
}

/** The three data sets that the settings name. */
export async function readSplits(
  inputs: readonly InputType[],
  { data = {}, seed = 1 }: Settings,
  preprocess: PreprocessOptions,
  loss: Loss,
  outputs: number,
  terminal: Terminal,
): Promise<Splits> {
  const { readDataset } = await import('../../data/index.ts')
  const { fail } = await import('../../index.ts')
  const { checkTarget, samplesOf, shuffled } = await import('../../train/index.ts')
  const { label } = data
  const read = async (path: string, what: string): Promise<Dataset> => {
    terminal.status(`reading ${path}`)
    const set = await readDataset(path, inputs, { preprocess, seed, label })
    set.notes?.forEach((note) => terminal.err(note))
    if (!set.labels)
      return fail('A704', `the ${what} data "${path}" has no labels`, {
        hint: 'labels are the array or column "y" (or the one that --label names), folders of pictures, or an IDX file beside them',
      })
    return set
  }
  const source = data.train
  if (source === undefined)
    return fail('A702', 'there is no data to train on', {
      hint: 'name it with --train, or data.train in the configuration',
    })
  const training = await read(source, 'training')
  const names = training.classes
  const samples = (set: Dataset, path: string): Sample[] => {
    if (set.classes && names && set.classes.join('\n') !== names.join('\n'))
      fail('A704', `"${path}" has the classes ${set.classes.join(', ')}, the training data ${names.join(', ')}`)
    return set.samples.map((sample, i) => {
      const target = set.labels![i]!
      checkTarget(target, `sample ${i} of "${path}"`, loss, outputs)
      return { inputs: Object.fromEntries(Object.entries(sample).map(([name, { data }]) => [name, data])), target }
    })
  }
  const all = samples(training, source)
  const { val = 0.1 } = data
  const parts =
    typeof val === 'string'
      ? { train: all, validation: samples(await read(val, 'validation'), val) }
      : divided(all, val, shuffled(all.length, seed, -1 >>> 0))
  if (parts.train.length === 0 || parts.validation.length === 0)
    fail('A702', `${all.length} samples do not divide into data to train on and to validate with`)
  const test = data.test === undefined ? undefined : samples(await read(data.test, 'test'), data.test)
  const counts = loss.classes ? countsOf(parts.train, outputs) : undefined
  if (counts && counts.filter((n) => n > 0).length < 2)
    fail('A704', `all ${parts.train.length} training samples are of one class`, {
      hint: 'there is nothing to tell apart',
    })
  return {
    train: samplesOf(parts.train),
    validation: samplesOf(parts.validation),
    test: test && samplesOf(test),
    ...{ classes: training.classes, preprocess: training.preprocess, counts },
  }
}

function divided(all: readonly Sample[], share: number, order: Uint32Array): { train: Sample[]; validation: Sample[] } {
  const count = Math.round(all.length * share)
  const held = new Set(order.subarray(0, count))
  return { train: all.filter((_, i) => !held.has(i)), validation: all.filter((_, i) => held.has(i)) }
}

function countsOf(samples: readonly Sample[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0)
  for (const { target } of samples) counts[target[0]!]!++
  return counts
}
