import { Option, type Command } from 'commander'
import type { Activation } from '../../index.ts'
import { checkClasses } from './class-names.ts'

/** What makes scores of classes of an output. */
export interface ScoreOptions {
  /** True where the model itself must show what its scores are. */
  classify?: Activation | true
  classes?: string
}

export const addScoreOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--classify [activation]',
        'the script has classify(picture) or classify(text), which gives classes with scores: softmax or sigmoid of the output, or none, which is right where the model ends in one',
      ).choices(['softmax', 'sigmoid', 'none'] satisfies readonly Activation[]),
    )
    .option(
      '--classes <names>',
      'what the classes are called: cat,dog, or a file with a name on each line, or a JSON list',
    )

/** The names that `--classes` gives, `least` at least; undefined where it is not there. */
export const givenClasses = async (
  { classes }: Pick<ScoreOptions, 'classes'>,
  least = 2,
): Promise<readonly string[] | undefined> => (classes === undefined ? undefined : parseClasses(classes, least))

/** Names with commas between them, or those in a file: a JSON list, or one on each line. Where one is enough, it need not have a comma. */
async function parseClasses(text: string, least: number): Promise<readonly string[]> {
  const isList = text.includes(',') || (least === 1 && !/[./\\]/.test(text))
  return checkClasses(isList ? text.split(',').map((name) => name.trim()) : await fromFile(text), text, least)
}

async function fromFile(path: string): Promise<readonly string[]> {
  const { readFile } = await import('../../data/files.ts')
  const text = new TextDecoder().decode(readFile(path)).trim()
  if (!text.startsWith('[')) return text.split(/\r?\n/).map((line) => line.trim())
  const { fail, reasonOf } = await import('../../index.ts')
  try {
    const value: unknown = JSON.parse(text)
    if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value
  } catch (error) {
    fail('A502', `"${path}" is no JSON: ${reasonOf(error)}`)
  }
  return fail('A502', `"${path}" is no JSON list of names`)
}
