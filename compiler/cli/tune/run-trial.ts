import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Objective } from '../../config/objectives.ts'
import type { Settings } from '../../config/schema.ts'
import { shareOf, type Epoch, type Score } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import { latenciesOf } from '../latency.ts'
import { bytesOf, largest } from '../train/module-bytes.ts'
import { setUp, trainRun } from '../train/run.ts'
import { settingsOf, silent } from './identity.ts'
import { rightFile, type Measured, type Outcome, type Task } from './task.ts'

/** Whether a trial is to stop after an epoch that came to `value`. */
export type AfterEpoch = (epoch: number, value: number, epochs: number) => Promise<boolean>

/** Trains as a configuration with the values of a point says, and measures what comes of it. */
export async function runTrial(task: Task, afterEpoch: AfterEpoch): Promise<Outcome> {
  const { writeFiles } = await import('../../data/index.ts')
  const { folder, objectives, maxSize, scoresTest } = task
  const given = await settingsOf(task, task.point)
  const settings = scoresTest ? given : withoutTest(given)
  const isOne = settings.prune === undefined && settings.quantize === undefined
  if (maxSize !== undefined && isOne) {
    const { prepared, data } = await setUp(settings, {}, silent)
    const bytes = await bytesOf(prepared.model, prepared, data)
    if (bytes > maxSize) return overBudget(bytes, maxSize)
  }
  const abort = new AbortController()
  const epochs = isOne ? (settings.train?.epochs ?? 10) : Infinity
  let next = 0
  const { report, interrupted, right } = await trainRun(
    settings,
    // Several trainings, one behind another, count their epochs on; they start anew and come to the same.
    { resume: isOne && existsSync(join(folder, 'checkpoint.npz')) },
    ...[folder, silent],
    {
      signal: abort.signal,
      onEpoch: async ({ epoch, validation }: Epoch) => {
        const at = isOne ? epoch : next++
        if (await afterEpoch(at, errorOf(validation, objectives[0]!), epochs)) abort.abort()
      },
    },
  )
  if (interrupted) return { state: 'stopped' }
  if (right) writeFiles(folder, { [rightFile]: JSON.stringify([...right]) })
  const measured = await measure(join(folder, 'model.onnx'), report.best, objectives)
  if (maxSize !== undefined && measured.bytes > maxSize) return overBudget(measured.bytes, maxSize)
  return { state: 'complete', measured, values: objectives.map((objective) => valueOf(measured, objective)) }
}

const overBudget = (bytes: number, most: number): Outcome => ({
  state: 'rejected',
  reason: `${formatCount(bytes)} bytes are more than ${formatCount(most)}`,
})

const withoutTest = ({ data: { test: _, ...data } = {}, ...settings }: Settings): Settings => ({ ...settings, data })

/** Of an epoch, what is to be minimized. */
function errorOf(score: Score, objective: Objective): number {
  const share = objective === 'loss' ? undefined : shareOf(score)
  return share === undefined ? score.loss : 1 - share
}

function valueOf(measured: Measured, objective: Objective): number {
  return objective === 'bytes' || objective === 'ms' ? measured[objective]! : errorOf(measured, objective)
}

async function measure(path: string, score: Score, objectives: readonly Objective[]): Promise<Measured> {
  const { compile } = await import('../../index.ts')
  const { readFile } = await import('../../data/index.ts')
  const compiled = await compile(readFile(path), { dims: { batch: 1 } })
  const known = { ...score, bytes: largest(compiled) }
  return objectives.includes('ms') ? { ...known, ms: (await latenciesOf([compiled]))[0]! } : known
}
