import type { ChangedSample } from '../../report/optimization.ts'
import { draw } from '../augment/draw.ts'
import type { Answers, Judge } from './judge.ts'
import type { Subject } from './subject.ts'

/** Two modules' answers to the same samples. */
interface Judged {
  readonly judge: Judge
  readonly original: Answers
  readonly best: Answers
}

/** As many samples are shown. */
const shown = 24

const largest = (row: readonly number[]): number => row.reduce((best, value, i) => (value > row[best]! ? i : best), 0)

/** One answer of several classes for each sample: what has confusions. */
const isClassified = ({ judge: { width }, original }: Judged): boolean =>
  width > 1 && original.every((row) => row.length === width)

const classNames = ({ judge: { width } }: Judged, { data: { classes } }: Subject): string[] =>
  Array.from({ length: width }, (_, i) => classes?.[i] ?? `class ${i}`)

/** How often each class is taken for each other, before and after. Undefined without classes or labels. */
export function confusions(judged: Judged, subject: Subject) {
  const { judge, original, best } = judged
  const { labels, width } = judge
  if (!isClassified(judged) || !labels) return undefined
  const matrix = (answers: Answers): number[][] => {
    const counts = Array.from({ length: width }, () => new Array<number>(width).fill(0))
    answers.forEach((row, i) => counts[labels[i]![0]!]![largest(row)]!++)
    return counts
  }
  return { classes: classNames(judged, subject), before: matrix(original), after: matrix(best) }
}

/** The samples that get another answer, those first whose answer was right or became so. */
export async function changedSamples(judged: Judged, subject: Subject) {
  if (!isClassified(judged)) return { changed: [], changedCount: 0 }
  const { judge, original, best } = judged
  const names = classNames(judged, subject)
  const all = original.flatMap((row, i) => {
    const [before, after] = [largest(row), largest(best[i]!)]
    const label = judge.labels?.[i]?.[0]
    return before === after ? [] : [{ i, before, after, label, matters: label === before || label === after }]
  })
  const drawn = await drawerOf(subject)
  const chosen = all.sort((a, b) => Number(b.matters) - Number(a.matters)).slice(0, shown)
  const changed: ChangedSample[] = []
  for (const { i, before, after, label } of chosen)
    changed.push({
      ...{ label: label === undefined ? '' : names[label]!, before: names[before]!, after: names[after]! },
      ...(await drawn(judge.samples[i]!.inputs)),
    })
  return { changed, changedCount: all.length }
}

/** Draws samples as `attar augment` does; tells nothing of those that are no pictures, sounds or tokens. */
async function drawerOf({ prepared: { model }, data: { preprocess } }: Subject) {
  const { layoutOf, pictureLayout } = await import('../../train/index.ts')
  const { writePng } = await import('../../data/index.ts')
  const [input, ...others] = model.data as [string, ...string[]]
  const { dtype, shape } = model.graph.inputs.find(({ name }) => name === input)!.value.type
  const isPicture = preprocess !== undefined && 'layout' in preprocess
  const layout = isPicture ? pictureLayout(shape, preprocess) : layoutOf(dtype, shape)
  const blueFirst = isPicture && preprocess.channels === 'BGR'
  return async (inputs: Readonly<Record<string, ArrayLike<number | bigint>>>): Promise<Partial<ChangedSample>> => {
    if (!layout || others.length > 0) return {}
    const drawing = draw(inputs[input]!, layout, blueFirst)
    if ('text' in drawing) return { text: drawing.text.slice(0, 200) }
    return { picture: Buffer.from(await writePng(drawing.image)).toString('base64') }
  }
}
