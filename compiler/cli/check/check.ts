import { basename, dirname, extname } from 'node:path'
import type { Command } from 'commander'
import type { BenchModel, EngineBench } from '../../bench/index.ts'
import { toJson } from '../format.ts'
import { enginesCalled, names } from '../bench/engines.ts'
import {
  addShapeOptions,
  addStateOptions,
  notEmpty,
  seedNumber,
  wholeNumber,
  type ShapeOptions,
  type StateOptions,
} from '../options.ts'
import type { AddCommand } from '../program.ts'
import type { Terminal } from '../terminal.ts'
import type { Budget } from './budget.ts'
import type { Timing } from './checks.ts'
import type { Subject } from './facts.ts'
import { bytes, timeLimit } from './limits.ts'
import { platformList, platformNames } from './platforms.ts'

interface Options extends Budget, ShapeOptions, StateOptions {
  readonly name?: string
  readonly budget?: string
  readonly runs: number
  readonly starts: number
  readonly warmUp: number
  readonly seed: number
  readonly json?: boolean
  readonly junit?: string
}

const usage = `
attar check out/ --max-gzip 60kB --max-memory 1MB
                          sizes and memory, without running the model
attar check out/ --max-latency 40x --max-cold-start 10ms --engines node,workerd
                          runs it too; x is times what a loop of a million multiply-adds takes, measured
                          in turns with the model, so that a slow or busy machine makes no difference
attar check out/ --target workers-free,page-csp
                          the limits that platforms document, and the form that each needs
attar check model.onnx --max-size 60kB
                          compiles it first; --shape, --dim, --bind and --state are for this

Sizes are of what a user downloads: the script and the larger of the modules, of which it loads one. They
count thousands (kB, MB) or 1024s (KiB, MiB). Times are medians.

Limits may stand in attar.check.json in the current folder, or under "attar": { "check": … } in its
package.json: { "maxGzip": "60kB", "maxLatency": "40x", "target": ["workers-free"] }. Options override them.

Platforms: ${platformNames.join(', ')}`

export const addCheck: AddCommand = (program, terminal, done) => {
  const command: Command = program
    .command('check')
    .description('Hold a model against limits of size, memory and time, for CI.')
    .argument('<out | model.wasm | model.onnx>', 'a folder that attar compiled into, a .wasm in it, or an ONNX model')
    .option('--name <name>', 'of the models in the folder, this one')
    .option('--max-size <size>', 'bytes of the download as it is, e.g. 60kB; a number below 1000 needs a unit', bytes)
    .option('--max-gzip <size>', 'bytes of the download after gzip', bytes)
    .option('--max-brotli <size>', 'bytes of the download after brotli', bytes)
    .option('--max-memory <size>', 'bytes of an instance’s memory', bytes)
    .option(
      '--max-cold-start <time>',
      'from the bytes to the first result, in a fresh process: 5ms, or 100x',
      timeLimit,
    )
    .option('--max-latency <time>', 'a warm run: 300us, or 40x', timeLimit)
    .option('--target <platforms>', 'the documented limits of these platforms (below)', platformList)
    .option('--budget <file.json>', 'read limits from this file', notEmpty)
    .option('--engines <names>', 'of node,chromium,firefox,workerd,deno,webkit (default: node)', names)
  addStateOptions(addShapeOptions(command))
    .option('--runs <number>', 'samples of the latency', wholeNumber(1, 1_000_000), 200)
    .option('--starts <number>', 'fresh processes of which the median is the cold start', wholeNumber(1, 1000), 3)
    .option('--warm-up <ms>', 'how long the model runs before it is measured', wholeNumber(0, 600_000), 500)
    .option('--seed <number>', 'of random inputs', seedNumber, 1)
    .option('--json', 'print one JSON object')
    .option('--junit <file.xml>', 'also write the checks as JUnit’s XML', notEmpty)
    .addHelpText('after', usage)
    .action(async (path: string, options: Options) => {
      const { checkWritable, inTemporaryFolder, writeFiles } = await import('../../data/index.ts')
      const { fail } = await import('../../index.ts')
      const { readBudget } = await import('./budget.ts')
      const { checksOf, needsTimes } = await import('./checks.ts')
      const { factsOf, subjectIn } = await import('./facts.ts')
      const { junit: junitFile } = options
      if (junitFile !== undefined) checkWritable(dirname(junitFile), [basename(junitFile)])
      const { file, budget } = await readBudget(options.budget)
      const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
      const limits: Budget = { ...budget, ...given }
      const { target = [] } = limits
      const isLimit = (key: string): boolean => key.startsWith('max') || key === 'target'
      if (!Object.keys({ ...budget, ...given }).some(isLimit))
        fail('A501', 'there is nothing to check', {
          hint: 'give --max-size, --target or another limit, or a budget file',
        })
      const timed = needsTimes(limits, target)
      const isModel = extname(path) === '.onnx'
      const measuring = ['engines', 'runs', 'starts', 'warmUp', 'seed']
      if (!timed && !isModel && options.shape)
        command.error('error: --shape has no effect on a compiled model without a limit of time, which is of one shape')
      const idle = timed ? undefined : measuring.find((name) => command.getOptionValueSource(name) === 'cli')
      if (idle !== undefined)
        command.error(
          `error: --${idle === 'warmUp' ? 'warm-up' : idle} has no effect without a limit of time: give --max-latency or --max-cold-start`,
        )
      const subject = isModel
        ? { ...(await compiledSubject(path, options, terminal)), inline: false }
        : await subjectIn(path, options.name)
      const { atShape } = await import('../bench/shape.ts')
      const facts = await factsOf(subject)
      const timings = timed
        ? await inTemporaryFolder(async (folder) => {
            writeFiles(folder, subject.files)
            const model = isModel ? subject.model : await atShape(subject.model, options, terminal)
            return timingsOf(model, folder, limits.engines ?? ['node'], options, terminal)
          })
        : []
      const checks = checksOf(facts, limits, target, timings)
      const passed = checks.every((check) => check.passed)
      const { describe } = await import('./format.ts')
      if (junitFile !== undefined) {
        const { junit } = await import('./junit.ts')
        writeFiles(dirname(junitFile), { [basename(junitFile)]: junit(facts.name, checks) })
      }
      if (options.json) {
        const { name, download, memory } = facts
        terminal.out(toJson({ model: name, passed, budget: file ?? null, download, memory, timings, checks }))
      } else terminal.out(describe(facts, checks, timings, file))
      if (!passed) done(1)
    })
}

async function compiledSubject(path: string, options: Options, terminal: Terminal): Promise<Omit<Subject, 'inline'>> {
  const { compiledModel } = await import('../bench/model.ts')
  return compiledModel(path, options, terminal)
}

/** Each engine that is named must run the model: a limit that was not looked at is not kept. */
async function timingsOf(
  model: BenchModel,
  folder: string,
  wanted: readonly string[],
  { runs, starts, warmUp: warmUpMs, seed }: Options,
  terminal: Terminal,
): Promise<Timing[]> {
  const { bench, calibration, median } = await import('../../bench/index.ts')
  const { fail, reasonOf } = await import('../../index.ts')
  const settings = { runs, starts, warmUpMs, seed, onStep: terminal.status, peers: [calibration()] }
  const placed = model.folder === '' ? { ...model, folder } : model
  const timings: Timing[] = []
  for (const name of wanted) {
    const engines = await enginesCalled([name])
    const present = engines.filter(({ absent }) => absent === undefined)
    if (present.length === 0) fail('A501', `the engine ${name} cannot run here: ${engines[0]!.absent}`)
    for (const engine of present) {
      const result = await bench(engine, placed, settings).catch((error: unknown): never =>
        fail('A501', `${engine.name} does not run the model: ${reasonOf(error).split('\n')[0]}`),
      )
      timings.push(timingOf(result, median))
    }
  }
  return timings
}

function timingOf({ measurements, absent }: EngineBench, median: (values: readonly number[]) => number): Timing {
  const [model, loop] = measurements
  if (!model || !loop) throw new Error(`the calibration loop does not run: ${absent[0]?.reason}`)
  const { engine, version, coldStartMs, medianMs, sampleMs } = model
  return {
    engine,
    version,
    coldStart: { ms: coldStartMs, x: coldStartMs / loop.coldStartMs },
    // Samples of one index were taken in one turn.
    latency: { ms: medianMs, x: median(sampleMs.map((ms, i) => ms / loop.sampleMs[i]!)) },
  }
}
