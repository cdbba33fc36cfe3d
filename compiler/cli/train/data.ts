import type { InputType, PreprocessOptions, Source } from '../../data/index.ts'
import type { Settings } from '../../config/schema.ts'
import type { Sample, Samples } from '../../train/index.ts'
import { pictureOptions, type PictureOptions } from '../quantize-options.ts'
import type { Terminal } from '../terminal.ts'
import type { Prepared } from './prepare.ts'

export interface Splits {
  readonly train: Samples
  readonly validation: Samples
  readonly test: Samples | undefined
  readonly classes: readonly string[] | undefined
  readonly preprocess: Source['preprocess']
  /** How many training samples each class has; undefined without classes. */
  readonly counts: readonly number[] | undefined
}

/** A data set with checked labels. */
interface Labelled {
  readonly source: Source
  readonly labels: readonly (readonly number[])[]
}

/** How pictures become inputs: what the configuration says, and the command line instead. */
export async function preprocessOf({ preprocess = {} }: Settings, options: PictureOptions = {}) {
  const { parsePreprocess } = await import('../../data/index.ts')
  return {
    ...parsePreprocess(JSON.stringify(preprocess), 'preprocess in the configuration'),
    ...(await pictureOptions(options)),
  }
}

/** The three data sets that the settings name. */
export async function readSplits(
  { data = {}, seed = 1 }: Settings,
  { model, loss: name, classes: given }: Prepared,
  preprocess: PreprocessOptions,
  terminal: Terminal,
): Promise<Splits> {
  const { openDataset } = await import('../../data/index.ts')
  const { elementCount, fail } = await import('../../index.ts')
  const { checkTarget, losses, scoreShape, scoresOf, shuffled } = await import('../../train/index.ts')
  const { label } = data
  const loss = losses[name]
  const outputs = elementCount(scoreShape(scoresOf(model, name).type.shape))
  const inputs = model.graph.inputs
    .filter((port) => model.data.includes(port.name))
    .map((port): InputType => ({ name: port.name, ...port.value.type }))
  let names = given
  const read = async (path: string, what: string): Promise<Labelled> => {
    terminal.status(`reading ${path}`)
    const source = await openDataset(path, inputs, { preprocess, label })
    source.notes?.forEach((note) => terminal.err(note))
    const { labels, classes } = source
    if (!labels)
      return fail('A704', `the ${what} data "${path}" has no labels`, {
        hint: 'labels are the array or column "y" (or the one that --label names), folders of pictures, or an IDX file beside them',
      })
    if (classes && names && classes.join('\n') !== names.join('\n'))
      fail('A704', `"${path}" has the classes ${classes.join(', ')}, not ${names.join(', ')}`)
    names ??= classes
    labels.forEach((target, i) => checkTarget(target, `sample ${i} of "${path}"`, loss, outputs))
    return { source, labels }
  }
  if (data.train === undefined)
    return fail('A702', 'there is no data to train on', {
      hint: 'name it with --train, or data.train in the configuration',
    })
  const training = await read(data.train, 'training')
  const { val = 0.1 } = data
  const all = Uint32Array.from(training.labels, (_, i) => i)
  let [chosen, held] = [all, all.subarray(0, 0)]
  let validation: Labelled = training
  if (typeof val === 'string') validation = await read(val, 'validation')
  else {
    // An order that no epoch has.
    const order = shuffled(all.length, seed, 2 ** 32 - 1)
    const count = Math.round(all.length * val)
    ;[held, chosen] = [order.slice(0, count).sort(), order.slice(count).sort()]
  }
  if (typeof val === 'string') held = Uint32Array.from(validation.labels, (_, i) => i)
  if (chosen.length === 0 || held.length === 0)
    fail('A702', `${all.length} samples do not divide into data to train on and to validate with`)
  if (!training.source.preprocess && Object.keys(preprocess).length > 0)
    fail('A702', `${Object.keys(preprocess).join(', ')}: has no effect on data that is not pictures`)
  const test = data.test === undefined ? undefined : await read(data.test, 'test')
  const counts = loss.classes ? countsOf(training, chosen, outputs) : undefined
  if (counts && counts.filter((n) => n > 0).length < 2)
    fail('A704', `all ${chosen.length} training samples are of one class`, { hint: 'there is nothing to tell apart' })
  return {
    train: samplesIn(training, chosen),
    validation: samplesIn(validation, held),
    test:
      test &&
      samplesIn(
        test,
        Uint32Array.from(test.labels, (_, i) => i),
      ),
    ...{ classes: names, preprocess: training.source.preprocess, counts },
  }
}

/** Bytes of samples that are kept once they have been read, of each data set. */
const mostKept = 2 ** 30

/** The samples of a data set at some places. As many as fit are kept. */
function samplesIn({ source, labels }: Labelled, places: Uint32Array): Samples {
  const kept = new Map<number, Sample>()
  let room = mostKept
  const made = (sample: Awaited<ReturnType<Source['sample']>>, place: number): Sample => {
    const inputs = Object.fromEntries(Object.entries(sample).map(([name, { data }]) => [name, data]))
    const result = { inputs, target: labels[place]! }
    room -= Object.values(inputs).reduce((sum, { byteLength }) => sum + byteLength, 0)
    if (room >= 0) kept.set(place, result)
    return result
  }
  return {
    count: places.length,
    at(index) {
      const place = places[index]!
      const known = kept.get(place)
      if (known) return known
      const sample = source.sample(place)
      return sample instanceof Promise ? sample.then((s) => made(s, place)) : made(sample, place)
    },
  }
}

function countsOf({ labels }: Labelled, places: Uint32Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0)
  for (const place of places) counts[labels[place]![0]!]!++
  return counts
}
