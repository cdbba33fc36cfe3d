import { basename, dirname, extname } from 'node:path'
import type { Samples } from '../../train/index.ts'
import { formatCount, toJson } from '../format.ts'
import { notEmpty, seedNumber, wholeNumber } from '../options.ts'
import type { AddCommand } from '../program.ts'
import { labelOption } from '../compile/quantize-options.ts'
import type { Drawing } from './draw.ts'
import type { Row } from './sheet.ts'

interface Options {
  readonly preview: string
  readonly train?: string
  readonly label?: string
  readonly seed?: number
  readonly samples: number
  readonly epochs: number
  readonly json?: boolean
}

const usage = `
attar augment attar.config.ts --preview sheet.html   training samples beside what augment makes of them

Look at it before you train: a change that a person could not tell from another class teaches the
model that class. Mirrored digits, for instance, are no digits. The validation and test data are
never changed.`

export const addAugment: AddCommand = (program, terminal) => {
  program
    .command('augment')
    .description('Show what the augmentations of a configuration make of its training data.')
    .argument('<config>', 'attar.config.ts (or .js, .mjs)')
    .requiredOption(
      '--preview <file>',
      'where to write the contact sheet: .html, or .png for pictures and sounds',
      notEmpty,
    )
    .option('--train <data>', 'data to take samples from (default: what the configuration says)', notEmpty)
    .addOption(labelOption())
    .option('--samples <number>', 'samples to show, a row each', wholeNumber(1, 100), 8)
    .option('--epochs <number>', 'epochs to show, a column each', wholeNumber(1, 100), 8)
    .option('--seed <number>', 'seed of all that is chosen at random (default: 1)', seedNumber)
    .option('--json', 'print what is shown as JSON')
    .addHelpText('after', usage)
    .action(async (path: string, { preview, samples, epochs, json, ...flags }: Options) => {
      const { fail } = await import('../../index.ts')
      const { checkWritable, writeFiles, writePng } = await import('../../data/index.ts')
      const { augmented, shuffled } = await import('../../train/index.ts')
      const { augmentOptions } = await import('../train/augment.ts')
      const { trainingSplits } = await import('../train/splits.ts')
      const { prepare } = await import('../train/prepare.ts')
      const { overridden, readConfig } = await import('../train/settings.ts')
      const { draw } = await import('./draw.ts')
      const { sheetImage, sheetPage } = await import('./sheet.ts')
      const kind = extname(preview).toLowerCase()
      if (kind !== '.html' && kind !== '.png')
        fail('A501', `--preview writes .html or .png, not "${basename(preview)}"`)
      checkWritable(dirname(preview), [basename(preview)])
      const settings = await overridden(await readConfig(path), flags)
      const prepared = await prepare(settings, {})
      const { behind, data } = await trainingSplits(settings, prepared, {}, terminal)
      const options = await augmentOptions(settings, behind, data)
      if (!options)
        return fail('A702', 'there is nothing to show: the configuration has no augment', {
          hint: "for example augment: [flip('horizontal')]",
        })
      const { preprocess } = data
      const blueFirst = preprocess !== undefined && 'channels' in preprocess && preprocess.channels === 'BGR'
      const shown = augmented(data.train, options)
      const drawn = async (source: Samples, index: number, epoch: number) => {
        const { inputs, target } = await source.at(index, epoch)
        const drawing: Drawing = draw(inputs[options.input]!, options.layout, blueFirst)
        return { drawing, caption: targetText(target, data.classes, options.softClasses) }
      }
      const isMixed = options.augmentations.some((one) => 'mix' in one)
      const chosen = [...shuffled(data.train.count, settings.seed ?? 1, 0)].slice(0, samples)
      const rows: Row[] = []
      for (const index of chosen) {
        const all = [await drawn(data.train, index, 0)]
        for (let epoch = 0; epoch < epochs; epoch++) all.push(await drawn(shown, index, epoch))
        const [label, ...captions] = all.map(({ caption }) => caption) as [string, ...string[]]
        rows.push({
          label,
          drawings: all.map(({ drawing }) => drawing),
          ...(isMixed && label !== '' && { captions: [label, ...captions] }),
        })
      }
      if (kind === '.png' && rows.some(({ drawings }) => drawings.some((one) => 'text' in one)))
        fail('A501', 'tokens and plain numbers are text: give --preview a name that ends in .html')
      const names = options.augmentations.map(({ name }) => name)
      const content =
        kind === '.png'
          ? await writePng(sheetImage(rows))
          : await sheetPage(rows, `Augmentations in ${basename(path)}`, names, writePng)
      writeFiles(dirname(preview), { [basename(preview)]: content })
      if (json) terminal.out(toJson({ preview, augmentations: names, rows: rows.map(({ label }) => label) }))
      else
        terminal.out(
          `${preview}: ${formatCount(rows.length)} training samples, as they are and as ${formatCount(epochs)} epochs show them (${names.join(', ')})`,
        )
    })
}

/** A target as a person reads it: the name of its class, or the shares of those that were mixed. */
function targetText(
  target: ArrayLike<number>,
  classes: readonly string[] | undefined,
  softClasses: number | undefined,
): string {
  const all = Array.from(target)
  if (softClasses === undefined || all.length !== softClasses)
    return all.length === 1 ? (classes?.[all[0]!] ?? shortNumber(all[0]!)) : all.map(shortNumber).join(', ')
  const shares = all.flatMap((share, k) => (share > 0 ? [{ share, name: classes?.[k] ?? `${k}` }] : []))
  if (shares.length === 1) return shares[0]!.name
  return shares
    .sort((a, b) => b.share - a.share)
    .map(({ share, name }) => `${name} ${Math.round(share * 100)} %`)
    .join(', ')
}

const shortNumber = (value: number): string => `${Number(value.toFixed(3))}`
