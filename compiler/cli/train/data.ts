import type { InputType, PreprocessOptions, Source } from '../../data/index.ts'
import type { Settings } from '../../config/schema.ts'
import type { RunFront, Sample, Samples } from '../../train/index.ts'
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

/** How data becomes inputs. */
export interface Preparation {
  /** What the user says of it, which must have an effect. */
  readonly given: PreprocessOptions
  /** With what the model says. */
  readonly all: PreprocessOptions
  /** What is computed of each sample once. */
  readonly front: RunFront | undefined
}

/** A data set with checked labels; none where a teacher judges. */
interface Labelled {
  readonly source: Source
  readonly labels: readonly (readonly number[])[] | undefined
}

/** The three data sets that the settings name. */
export async function readSplits(
  { data = {}, seed = 1, distill }: Settings,
  { model, loss: name, classes: given }: Prepared,
  { given: said, all: preprocess, front }: Preparation,
  terminal: Terminal,
): Promise<Splits> {
  const { dataKind, openDataset, withoutEffect } = await import('../../data/index.ts')
  const { elementCount, fail } = await import('../../index.ts')
  const { checkIds, checkTarget, losses, scoreShape, scoresOf, shuffled, tablesOf } =
    await import('../../train/index.ts')
  const { label } = data
  const loss = losses[name]
  const outputs = elementCount(scoreShape(scoresOf(model, name).type.shape))
  const tables = tablesOf(model)
  const inputs = model.graph.inputs
    .filter((port) => model.data.includes(port.name))
    .map((port): InputType => ({ name: port.name, ...port.value.type, range: tables.get(port.name) }))
  let names = given
  let rate = preprocess.rate ?? model.rate
  if (model.rate !== undefined && rate !== model.rate)
    fail('A702', `preprocess: rate is ${rate} Hz, that of the network ${model.rate} Hz`)
  const read = async (path: string, what: string): Promise<Labelled> => {
    terminal.status(`reading ${path}`)
    const how = { ...preprocess, ...(rate !== undefined && { rate }) }
    const source = await openDataset(path, inputs, { preprocess: how, label })
    // Without another, the rate of all sounds is that of the first one.
    if (source.preprocess && 'rate' in source.preprocess) ({ rate } = source.preprocess)
    if (tables.size > 0)
      for (let i = 0; i < source.count; i++) checkIds(await source.sample(i), tables, `sample ${i} of "${path}"`)
    source.notes?.forEach((note) => terminal.err(note))
    if (distill?.labels === false) return { source, labels: undefined }
    const { labels, classes } = source
    if (!labels)
      return fail('A704', `the ${what} data "${path}" has no labels`, {
        hint: 'labels are the array or column "y" (or the one that --label names), folders of pictures or sounds, or an IDX file beside them; with a teacher, --no-labels (distill: { labels: false }) needs none',
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
  const paths = [data.train, data.val, data.test].filter((path) => typeof path === 'string')
  const misfit = withoutEffect(said, paths.map(dataKind))
  if (misfit !== undefined) fail('A702', misfit)
  const training = await read(data.train, 'training')
  const { val = 0.1 } = data
  const all = places(training)
  let [chosen, held] = [all, all.subarray(0, 0)]
  let validation: Labelled = training
  if (typeof val === 'string') validation = await read(val, 'validation')
  else {
    // An order that no epoch has.
    const order = shuffled(all.length, seed, 2 ** 32 - 1)
    const count = Math.round(all.length * val)
    ;[held, chosen] = [order.slice(0, count).sort(), order.slice(count).sort()]
  }
  if (typeof val === 'string') held = places(validation)
  if (chosen.length === 0 || held.length === 0)
    fail('A702', `${all.length} samples do not divide into data to train on and to validate with`)
  const test = data.test === undefined ? undefined : await read(data.test, 'test')
  const counts = loss.classes && training.labels ? countsOf(training.labels, chosen, outputs) : undefined
  if (counts && counts.filter((n) => n > 0).length < 2)
    fail('A704', `all ${chosen.length} training samples are of one class`, { hint: 'there is nothing to tell apart' })
  return {
    train: samplesIn(training, chosen, front),
    validation: samplesIn(validation, held, front),
    test: test && samplesIn(test, places(test), front),
    ...{ classes: names, preprocess: training.source.preprocess, counts },
  }
}

/** Bytes of samples that are kept once they have been read, of each data set. */
const mostKept = 2 ** 30

/** The samples of a data set at some places, behind `front`. As many as fit are kept. */
function samplesIn({ source, labels }: Labelled, places: Uint32Array, front: RunFront | undefined): Samples {
  const kept = new Map<number, Sample>()
  let room = mostKept
  const made = (sample: Awaited<ReturnType<Source['sample']>>, place: number): Sample => {
    const read = Object.fromEntries(Object.entries(sample).map(([name, { data }]) => [name, data]))
    const inputs = front ? front(read) : read
    const result = { inputs, target: labels?.[place] ?? [] }
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

const places = ({ source }: Labelled): Uint32Array => Uint32Array.from({ length: source.count }, (_, i) => i)

function countsOf(labels: NonNullable<Labelled['labels']>, places: Uint32Array, classes: number): number[] {
  const counts = new Array<number>(classes).fill(0)
  for (const place of places) counts[labels[place]![0]!]!++
  return counts
}
