import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import { commandLine } from '../../support/command-line.ts'
import { Random } from '../../support/random.ts'
import { hasRedis, RedisServer } from '../../support/redis.ts'

const { at, err, attar } = commandLine()

function points(count: number, seed: number): Uint8Array {
  const random = new Random(seed)
  const x = Array.from({ length: 2 * count }, () => 2 * random.float() - 1)
  const labels = Array.from({ length: count }, (_, i) => Number(x[2 * i]! * x[2 * i + 1]! > 0))
  return writeNpz({ input: tensorOf('f32', [count, 2], x), y: tensorOf('i32', [count], labels) })
}

/** Trials are drawn at random, which does not depend on which of them ends first. */
const config = (stopper: string): string => `
import { defineConfig, dense, relu, sequential } from 'attar/config'
export default defineConfig((trial) => ({
  network: sequential([dense(trial.int('width', 4, 32, { step: 4 })), relu(), dense(2)]),
  input: [2],
  data: { train: 'train.npz', val: 'val.npz' },
  train: { epochs: 4, batch: 16, learningRate: trial.float('rate', 1e-4, 1, { log: true }) },
  tune: { trials: 6, seeds: 1, sampler: 'random', stopper: '${stopper}' },
}))`

interface Process {
  readonly child: ChildProcess
  /** What it printed. */
  text: string
  readonly ended: Promise<number | null>
}

const started: ChildProcess[] = []

/** Workers have threads, which run what was built. */
function start(...args: string[]): Process {
  const child = spawn(process.execPath, ['dist/compiler/cli/main.js', ...args])
  started.push(child)
  const ended = once(child, 'close').then(([code]) => code as number | null)
  const all: Process = { child, text: '', ended }
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (all.text += chunk.toString()))
  return all
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(20)
}

const read = (...parts: string[]): string => readFileSync(at(...parts), 'utf8')
const entriesIn = (name: string): number =>
  existsSync(at(name, 'journal.jsonl')) ? read(name, 'journal.jsonl').split('\n').length - 1 : 0

interface TuneReport {
  readonly best: number
  readonly trials: readonly { readonly state: string; readonly parameters: object; readonly curve: readonly number[] }[]
}
const reportIn = (name: string): TuneReport => JSON.parse(read(name, 'tune.json')) as TuneReport

describe.skipIf(!hasRedis)('a search on a queue (redis-server)', () => {
  let redis: RedisServer

  beforeAll(async () => {
    redis = await RedisServer.start()
    for (const folder of ['', 'wrong']) {
      mkdirSync(at(folder), { recursive: true })
      writeFileSync(at(folder, 'train.npz'), points(300, folder === 'wrong' ? 9 : 1))
      writeFileSync(at(folder, 'val.npz'), points(200, 2))
    }
    writeFileSync(at('attar.config.ts'), config('percentile'))
    for (const folder of ['', 'wrong']) writeFileSync(at(folder, 'all.config.ts'), config('none'))
  })

  afterAll(async () => {
    for (const child of started) child.kill('SIGKILL')
    await redis.remove()
  })

  const tune = (file: string, name: string, ...more: string[]): string[] => [
    ...['tune', at(file), '-o', at(name), '--queue', redis.url, '--lease', '1', ...more],
  ]
  const worker = (file: string, ...more: string[]): Process => start('worker', redis.url, at(file), ...more)

  it('comes to the same bytes as without one, whatever is killed', async () => {
    const alone = start('tune', at('attar.config.ts'), '-o', at('alone'))
    expect(await alone.ended, alone.text).toBe(0)

    const args = tune('attar.config.ts', 'killed')
    const coordinator = start(...args)
    const first = worker('attar.config.ts')
    await until(() => first.text.includes('trials/1 starts'))
    first.child.kill('SIGINT')
    expect(await first.ended, first.text).toBe(0)
    expect(first.text).toContain('trials/1 is given back')
    await redis.down()
    const second = worker('attar.config.ts')
    await redis.up()
    await until(() => entriesIn('killed') >= 11)
    coordinator.child.kill('SIGKILL')
    await coordinator.ended
    expect(await attar(...args, '--resume'), err.join('\n')).toBe(0)
    second.child.kill('SIGINT')
    expect(await second.ended, second.text).toBe(0)

    expect(read('killed', 'journal.jsonl')).toBe(read('alone', 'journal.jsonl'))
    expect(reportIn('alone').trials.some(({ state }) => state === 'stopped')).toBe(true)
    expect(read('killed', 'tune.json').replaceAll(at('killed'), at('alone'))).toBe(read('alone', 'tune.json'))
    expect(readFileSync(at('killed', 'model.onnx'))).toEqual(readFileSync(at('alone', 'model.onnx')))
  })

  it('counts every trial once, whoever comes and goes and whatever is said', async () => {
    const loud = new Redis(redis.url)
    const search = attar(...tune('all.config.ts', 'many'))
    const wrong = worker('wrong/all.config.ts', '--data', at('wrong'))
    const other = worker('attar.config.ts', '--json')
    const [killed, last] = [worker('all.config.ts'), worker('all.config.ts')]
    await until(() => killed.text.includes('trials/'))
    killed.child.kill('SIGKILL')
    // What strangers put there.
    const [run] = (await loud.zrange('attar:runs', '0', '-1')).map((member) => member.split(':')[1]!)
    const queue = new Queue(run!, { prefix: 'attar', connection: loud })
    await queue.add('task', { task: '../../x', point: 'require("fs")' })
    for (const text of ['{', 'null', '{"kind":"end"}', JSON.stringify({ kind: 'bye', worker: 'nobody' })])
      for (const to of ['coordinator', 'workers']) await loud.publish(`attar:${run}:${to}`, text)
    await loud.publish('attar:announcements', '{"version":1}')
    const ending = {
      kind: 'end',
      task: 'trials/5',
      delivery: 'x',
      ask: 1,
      outcome: { state: 'rejected', reason: 'so' },
    }
    await loud.publish(`attar:${run}:coordinator`, JSON.stringify({ ...ending, files: [] }))
    expect(await search, err.join('\n')).toBe(0)
    last.child.kill('SIGTERM')
    wrong.child.kill('SIGINT')
    other.child.kill('SIGINT')
    const codes = await Promise.all([last, wrong, other].map((process) => process.ended))
    expect(codes).toEqual([0, 0, 0])
    expect(last.text).toContain('the queue has something that is no trial')

    expect(wrong.text).toContain('"train.npz" (train) is here, but is not the same')
    expect(wrong.text).not.toContain('starts')
    expect(err.join('\n')).toContain('takes no trials: "train.npz" (train) is here')
    const events = other.text
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { event: string }).event)
    expect(events).toEqual(['connected', 'refused'])
    expect(err.join('\n')).toContain('takes no trials: "attar.config.ts" is not the configuration that is searched')

    const [many, alone] = [reportIn('many').trials, reportIn('alone').trials]
    expect(many.map(({ state }) => state)).toEqual(Array(6).fill('complete'))
    many.forEach(({ parameters, curve }, i) => {
      expect(parameters).toEqual(alone[i]!.parameters)
      // Of one that was stopped there, as far as it came.
      expect(curve.slice(0, alone[i]!.curve.length)).toEqual(alone[i]!.curve)
    })
    // Nothing is left of the run.
    expect(await loud.keys(`attar:${run}:*`)).toEqual([])
    loud.disconnect()
  })

  it('never shows a password', async () => {
    const url = redis.url.replace('//', '//someone:s3cret@')
    expect(await attar('worker', url, at('attar.config.ts'))).toBe(2)
    expect(err.join('\n')).toContain('A508')
    expect(await attar('worker', 'redis://:s3cret@[', at('attar.config.ts'))).toBe(2)
    expect(err.join('\n')).toContain('that is no address of a Redis server')
    expect(err.join('\n')).not.toContain('s3cret')
  })
})
