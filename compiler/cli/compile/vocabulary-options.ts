import { InvalidArgumentError, type Command } from 'commander'
import type { Dataset, PreprocessOptions } from '../../data/index.ts'
import type { ImportedModel, VocabularyReport } from '../../index.ts'
import { formatCount } from '../format.ts'
import { notEmpty } from '../options.ts'
import { describeAccuracy } from './quantization.ts'

/** What says which rows of tables of embeddings stay. */
export interface VocabularyCliOptions {
  vocabulary?: string
  unknown?: number | 'mean'
  vocabularyMap?: string
}

function idOrMean(text: string): number | 'mean' {
  if (text === 'mean') return text
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It is neither an id nor "mean".')
  return Number(text)
}

/** Those of a model that is trained, too: its data has the ids that the model takes. */
export const addTableOptions = (command: Command): Command =>
  command
    .option(
      '--vocabulary <data>',
      'keep only the rows of tables of embeddings that this data reads, such as the training data',
      notEmpty,
    )
    .option(
      '--unknown <id>',
      'what stands for other ids: the row of this id, or mean (default): that of the rows that go',
      idOrMean,
    )

export const addVocabularyOptions = (command: Command): Command =>
  addTableOptions(command).option(
    '--vocabulary-map <file.json>',
    'let run take new ids, which this file tells: the module does without what finds the rows of old ones',
    notEmpty,
  )

/** The samples of the data at `path`, with the inputs by which the model looks up rows. */
export async function vocabularySamples(
  path: string,
  { graph }: Pick<ImportedModel, 'graph'>,
  preprocess: PreprocessOptions,
): Promise<Dataset['samples']> {
  const { readDataset } = await import('../../data/index.ts')
  const { idInputs } = await import('../../index.ts')
  const names = await idInputs(graph)
  const inputs = graph.inputs
    .filter(({ name }) => names.includes(name))
    .map(({ name, value }) => ({ name, ...value.type }))
  if (inputs.length === 0) return []
  const { samples } = await readDataset(path, inputs, { preprocess, seed: 1 })
  return samples
}

/** Which tables have fewer rows. */
export const describeTables = ({ samples, tables, unknown }: VocabularyReport): string[] => [
  ...tables.map(
    ({ table, rows, bytes }) =>
      `rows of ${table}: ${formatCount(rows.before)} → ${formatCount(rows.after)}, ${formatCount(bytes.before)} → ${formatCount(bytes.after)} bytes`,
  ),
  `read by ${formatCount(samples)} samples; other ids take ${unknown === 'mean' ? 'the mean of the rows that went' : `the row of id ${unknown}`}`,
]

/** The same, and what that cost. */
export const describeVocabulary = (report: VocabularyReport): string[] => [
  ...describeTables(report),
  report.accuracy ? describeAccuracy(report.accuracy) : 'accuracy was not measured: there were no samples for it',
]
