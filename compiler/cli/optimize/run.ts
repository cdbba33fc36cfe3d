import { join } from 'node:path'
import { interruptible } from '../interruptible.ts'
import { storageOf } from '../module-options.ts'
import { formatCount } from '../format.ts'
import { largest } from '../train/module-bytes.ts'
import { latenciesOf } from '../latency.ts'
import type { Terminal } from '../terminal.ts'
import { percent } from '../train/progress.ts'
import { bestOf, exceeded, isWithin, type Candidate, type Made } from './candidate.ts'
import { Clock, epochSeconds, secondsText } from './clock.ts'
import { judgeOn, type Answers, type Judge } from './judge.ts'
import { budgetOf, type OptimizeOptions } from './options.ts'
import { planLines, planOf, type Plan } from './plan.ts'
import type { Search, Stage } from './stage.ts'
import { controlOf, stages } from './stages/index.ts'
import { readSubject } from './subject.ts'

/** What became of a stage. */
export interface StageResult {
  readonly stage: string
  readonly what: string
  readonly seconds: number
  /** Why it was left out, or came to nothing. */
  readonly note?: string
}

/** What test data says that nothing has looked at before. */
export interface Tested {
  readonly judge: Judge
  readonly original: Answers
  readonly best: Answers
  readonly control?: Answers
}

export interface Optimized {
  readonly search: Search
  readonly original: Candidate
  readonly best: Candidate
  readonly control: Candidate | undefined
  readonly results: readonly StageResult[]
  readonly test: Tested | undefined
  readonly interrupted: boolean
}

/** Steps that a training has unless its epochs are given, and epochs at least. */
const [usualSteps, fewestEpochs] = [3000, 10]

function usualEpochs({ settings, data }: Search['subject']): number {
  const perEpoch = Math.ceil(data.train.count / (settings.train?.batch ?? 32))
  return Math.max(fewestEpochs, Math.ceil(usualSteps / perEpoch))
}

/**
 * Looks for a model within a budget: what is cheap first, until one is. With `plan`, only tells what it would do and how long that takes.
 * @throws CompileError where model, data or budget will not do.
 */
export async function optimized(
  path: string,
  options: OptimizeOptions & { readonly plan?: boolean },
  terminal: Terminal,
): Promise<Optimized | Plan> {
  const budget = await budgetOf(options)
  const say = (line: string): void => (options.json ? terminal.err(line) : terminal.out(line))
  const subject = await readSubject(path, options, terminal)
  const isLabelled = options.labels
  const judging = { metric: options.metric, isLabelled, seed: subject.settings.seed ?? 1 }
  const judge = await judgeOn(subject.data.validation, subject.model, judging, terminal)
  const needsTime = budget.time !== undefined || options.plan === true
  const perEpoch = needsTime ? await epochSeconds(subject, terminal) : 0
  const clock = new Clock(budget.time, perEpoch)
  const wanted = subject.settings.train?.epochs ?? usualEpochs(subject)
  const tried: Candidate[] = []

  return interruptible(async (userSignal) => {
    const abort = new AbortController()
    userSignal.addEventListener('abort', () => abort.abort())
    const timer = budget.time === undefined ? undefined : setTimeout(() => abort.abort(), clock.left * 1000)
    timer?.unref()
    /** In turns with the first model, in whose time it is given. */
    const latency = async (module: Candidate['module']): Promise<number> => {
      const [first] = tried
      if (!first) return (await latenciesOf([module]))[0]!
      const [own, other] = (await latenciesOf([module, first.module])) as [number, number]
      return first.ms * (own / other)
    }
    const consider = async (made: Made): Promise<Candidate> => {
      const { compile } = await import('../../index.ts')
      const module = await compile(made.source, storageOf(options))
      const ms = await latency(module)
      const answers = await judge.answers(module, made.name)
      const accuracy = judge.compare(tried[0]?.answers ?? answers, answers)
      const shipped = { modules: Object.fromEntries(options.targets.map((each) => [each, module.modules[each]!])) }
      const costs = { module, bytes: largest(shipped), ms, answers, accuracy }
      const float = tried.find((one) => one.float === made.float && !one.form)
      const candidate = {
        ...made,
        ...{ ...costs, source: withAccuracy(made.source, float && judge.compare(float.answers, answers)) },
        over: exceeded(budget, costs),
      }
      tried.push(candidate)
      say(`  ${candidateLine(candidate)}`)
      return candidate
    }
    const search: Search = {
      ...{ subject, budget, judge, clock, tried, terminal, say, consider, seed: judging.seed },
      ...{ epochs: wanted, folder: join(options.output, 'trainings'), signal: abort.signal },
    }
    if (options.plan) {
      const plan = await planOf(search)
      planLines(plan).forEach(say)
      return plan
    }

    say('the model as it is')
    const original = await consider({
      ...{ name: 'as it is', how: 'compiled as it is', source: subject.model, float: subject.path, trainings: [] },
    })
    const results: StageResult[] = []
    const attempt = async (stage: Stage): Promise<void> => {
      const start = clock.spent
      const note = await attempted(stage, search, wanted)
      results.push({
        ...{ stage: stage.name, what: stage.what, seconds: clock.spent - start },
        ...(note !== undefined && { note }),
      })
      if (note !== undefined) say(`${stage.name}: ${note}`)
    }
    for (const stage of stages) {
      if (tried.some(isWithin) || abort.signal.aborted) break
      await attempt(stage)
    }
    const best = bestOf(tried)
    if (options.control && best.trainings[0]?.pruning && !abort.signal.aborted) await attempt(controlOf(best))
    if (timer) clearTimeout(timer)
    const control = tried.find(({ isControl }) => isControl)
    const { test: samples } = subject.data
    const testing =
      samples && !userSignal.aborted ? await judgeOn(samples, subject.model, judging, terminal) : undefined
    const test = testing && {
      judge: testing,
      original: await testing.answers(original.module, 'test data, the model as it is'),
      best: await testing.answers(best.module, `test data, ${best.name}`),
      ...(control && { control: await testing.answers(control.module, `test data, ${control.name}`) }),
    }
    return { search, original, best, control, results, test, interrupted: userSignal.aborted }
  })
}

/** A quantized model whose report says what its integers cost. */
const withAccuracy = ({ quantization, ...source }: Made['source'], accuracy: Candidate['accuracy'] | undefined) => ({
  ...source,
  ...(quantization && { quantization: { ...quantization, accuracy: accuracy ?? quantization.accuracy } }),
})

/** Runs a stage where it may help and there is time; else why not. */
async function attempted(stage: Stage, search: Search, wanted: number): Promise<string | undefined> {
  const { CompileError } = await import('../../index.ts')
  const { clock, say, signal } = search
  const pointless = await stage.pointless(search)
  if (pointless !== undefined) return `left out: ${pointless}`
  let epochs = wanted
  while (epochs > 1 && clock.epochsFor(stage.epochs(epochs)) < stage.epochs(epochs)) epochs--
  if (clock.epochsFor(stage.epochs(epochs)) < stage.epochs(epochs))
    return `left out: an epoch would take longer than the ${secondsText(clock.left)} that are left`
  say(stage.what)
  if (epochs < wanted)
    say(`  ${formatCount(epochs)} epochs instead of ${formatCount(wanted)}, for there is no more time`)
  try {
    await stage.run({ ...search, epochs })
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    // What cannot be done with this model leaves what others came to.
    const [first] = error.diagnostics
    if (signal.aborted) return 'ended before it was done'
    if (first?.code !== 'A702') throw error
    return [first.message, ...(first.hint === undefined ? [] : [first.hint])].join('; ')
  }
  return undefined
}

function candidateLine(candidate: Candidate): string {
  const { name, bytes, ms, accuracy } = candidate
  const kept = isWithin(candidate) ? '  within the budget' : ''
  return `${name}: ${formatCount(bytes)} bytes, ${ms.toPrecision(3)} ms, ${worth(accuracy)}${kept}`
}

/** The accuracy of a candidate and what it lost. */
function worth({ metric, quantized, drop }: Candidate['accuracy']): string {
  const value = metric === 'mse' ? quantized.toPrecision(3) : percent(quantized)
  return `${metric} ${value} (${drop > 0 ? `${percent(drop)} lost` : 'nothing lost'})`
}
