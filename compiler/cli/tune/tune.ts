import { Option } from 'commander'
import { join } from 'node:path'
import type { Objective } from '../../config/objectives.ts'
import { toJson } from '../format.ts'
import { notEmpty, seedNumber, wholeNumber } from '../options.ts'
import type { AddCommand } from '../program.ts'
import { labelOption } from '../compile/quantize-options.ts'
import type { TrainFlags } from '../train/settings.ts'
import { comparisonLine, finalLines } from './finals.ts'
import { tuneRun } from './run-study.ts'

interface Options extends TrainFlags {
  readonly trials?: number
  readonly jobs?: number
  readonly objectives?: Objective[]
  readonly queue?: string
  readonly lease?: number
  readonly resume?: boolean
  readonly json?: boolean
}

const usage = `
attar tune attar.config.ts -o search/     tries values, then trains with the best on three seeds
attar tune attar.config.ts -o search/ --resume
                                          goes on with a search that was ended, by whatever
attar tune attar.config.ts -o search/ --queue redis://host:6379
                                          leaves the trials to workers, on this machine or others:
                                          attar worker redis://host:6379 attar.config.ts
attar train attar.config.ts --params search/params.json
                                          trains with the values that were found

The configuration is a function that asks for values:

  export default defineConfig((trial) => ({
    network: sequential([dense(trial.int('width', 16, 128, { step: 16 })), relu(), dense(10)]),
    train: { learningRate: trial.float('rate', 1e-4, 1e-1, { log: true }) },
  }))

The first trial has the defaults. The test data is scored when the search is done, for the best and
for the defaults.`

export const addTune: AddCommand = (program, terminal, done) => {
  program
    .command('tune')
    .description(
      'Search for the values that a configuration asks for: model.onnx, params.json, tune.html, tune.json, journal.jsonl.',
    )
    .argument('<config>', 'attar.config.ts (or .js, .mjs), a function that asks for values')
    .option(
      '-o, --output <folder>',
      'folder for what is written (default: out, or what the configuration says)',
      notEmpty,
    )
    .option('--trials <number>', 'values to try (default: 30)', wholeNumber(1, 1_000_000))
    .option(
      '--jobs <number>',
      'trials at the same time, each in a thread (default: 1); with --queue the most, of all workers together (default: as many as they take)',
      wholeNumber(1, 256),
    )
    .option(
      '--queue <redis>',
      'run trials in workers (attar worker) by way of a Redis server: redis://host:port',
      notEmpty,
    )
    .option(
      '--lease <seconds>',
      'when a worker that gives no sign is taken to be gone (default: 30)',
      wholeNumber(1, 3600),
    )
    .addOption(
      new Option(
        '--objectives <names>',
        'what is to be good: of accuracy,loss,bytes,ms; the first one chooses (default: accuracy)',
      ).argParser((text) => text.split(',') as Objective[]),
    )
    .option('--train <data>', 'data to train on', notEmpty)
    .option('--val <data>', 'data to validate with', notEmpty)
    .option('--test <data>', 'data that is scored once, at the end', notEmpty)
    .addOption(labelOption())
    .option('--epochs <number>', 'epochs of a trial', wholeNumber(1, 1_000_000))
    .option('--seed <number>', 'seed of all that is chosen at random (default: 1)', seedNumber)
    .option('--resume', 'go on with the search in the output folder')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', usage)
    .action(
      async (path: string, { trials, jobs, objectives, resume = false, json, queue, lease, ...rest }: Options) => {
        const { checkWritable, readFile, writeFiles } = await import('../../data/index.ts')
        const { isBetter } = await import('../../train/index.ts')
        const { overridden, readConfig } = await import('../train/settings.ts')
        const { searchPage } = await import('../../report/search.ts')
        const { pageContent } = await import('./page-content.ts')
        const flags = { ...rest, tune: { trials, jobs, objectives } }
        const settings = await overridden(await readConfig(path), flags)
        const output = settings.output ?? 'out'
        checkWritable(output)
        const say = (line: string): void => (json ? terminal.err(line) : terminal.out(line))
        const run = await tuneRun(
          path,
          { flags, resume, say, queue: queue === undefined ? undefined : { url: queue, lease } },
          output,
          terminal,
        )
        if (!run) {
          terminal.err(
            `interrupted: "${join(output, 'journal.jsonl')}" holds all that was done; the same command with --resume goes on`,
          )
          return done(1)
        }
        const { comparison, report, parameters, finals, front } = run
        const chosen = finals.filter(({ of }) => of === 'best')
        const shipped = chosen.reduce((a, b) => (isBetter(b.best, a.best) ? b : a))
        writeFiles(output, {
          'model.onnx': readFile(join(shipped.folder, 'model.onnx')),
          'params.json': `${JSON.stringify(parameters, null, 2)}\n`,
          'tune.json': `${JSON.stringify(report, null, 2)}\n`,
          'tune.html': await searchPage(pageContent(report, path, output)),
        })
        if (json) return terminal.out(toJson(report))
        if (report.objectives.length > 1) terminal.out(['', 'nothing beats these in all objectives:', ...front])
        terminal.out([
          ...finalLines(finals),
          ...(comparison ? [comparisonLine(comparison)] : []),
          `${join(output, 'model.onnx')}: of seed ${shipped.seed}`,
          `${join(output, 'params.json')}: ${JSON.stringify(parameters)}`,
        ])
      },
    )
}
