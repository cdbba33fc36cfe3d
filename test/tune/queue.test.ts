import { describe, expect, it } from 'vitest'
import { trialAt, type Trial } from '../../compiler/tune/index.ts'
import { Leases, readAnnouncement, readCoordinatorMessage, readJob } from '../../compiler/tune/queue/index.ts'
import { readWorkerMessage, type Announcement } from '../../compiler/tune/queue/index.ts'

describe('leases', () => {
  const task = 'trials/0'
  const [a, b] = [
    { worker: 'a', delivery: '1' },
    { worker: 'b', delivery: '2' },
  ]
  const opened = (): Leases => {
    const leases = new Leases()
    leases.open(task)
    return leases
  }

  it('count the delivery that began last, whatever an older one says afterwards', () => {
    const leases = opened()
    expect(leases.begin(task, a)).toBe(true)
    expect(leases.counts(task, '1')).toBe(true)
    expect(leases.begin(task, b)).toBe(true)
    expect(leases.counts(task, '1')).toBe(false)
    // A question that comes late, or twice, takes nothing back.
    expect(leases.begin(task, a)).toBe(false)
    expect(leases.begin(task, b)).toBe(true)
    expect(leases.holder(task)).toEqual(b)
    expect([leases.heldBy('a'), leases.heldBy('b')]).toEqual([[], [task]])
  })

  it('know nothing of a task that is done', () => {
    const leases = opened()
    leases.begin(task, a)
    leases.close(task)
    expect(leases.counts(task, '1')).toBe(false)
    expect(leases.begin(task, b)).toBe(false)
  })

  it('count what was lost since the task last went on, but not what was given back', () => {
    const leases = opened()
    leases.begin(task, a)
    leases.release(task, '1', false)
    expect(leases.lost(task)).toBe(0)
    leases.begin(task, b)
    leases.begin(task, { worker: 'c', delivery: '3' })
    expect(leases.lost(task)).toBe(1)
    leases.release(task, '3', true)
    expect(leases.lost(task)).toBe(2)
    // An older delivery has nothing to release.
    leases.release(task, '2', true)
    expect(leases.lost(task)).toBe(2)
    leases.advanced(task)
    expect(leases.lost(task)).toBe(0)
  })
})

describe('what comes from the server', () => {
  const sha256 = 'ab'.repeat(32)
  const announcement: Announcement = {
    ...{ version: '0.1.0', study: 's', run: 'r', lease: 30, config: { name: 'attar.config.ts', sha256 } },
    ...{ inputs: [{ field: 'train', name: 'train.npz', sha256 }], flags: { data: [] }, objectives: ['accuracy'] },
    ...{ fingerprint: 'f', space: sha256 },
  }
  const start = { kind: 'start', worker: 'w', task: 'trials/3', delivery: 'd', ask: 0 }
  const end = { kind: 'end', task: 'final/3-1', delivery: 'd', ask: 1, files: [] }
  const input = (name: string): object => ({ ...announcement, inputs: [{ field: 'train', name, sha256 }] })

  it('is read', () => {
    expect(readAnnouncement(JSON.stringify(announcement))).toEqual(announcement)
    expect(readWorkerMessage(JSON.stringify(start))).toEqual(start)
    const outcome = { state: 'complete', values: [NaN, 0.5], measured: { loss: NaN, bytes: 9 } }
    // JSON has null for what is no number.
    expect(readWorkerMessage(JSON.stringify({ ...end, outcome }))).toEqual({ ...end, outcome })
    const answer = { kind: 'answer', delivery: 'd', ask: 4, says: 'stop' }
    expect(readCoordinatorMessage(JSON.stringify(answer))).toEqual(answer)
  })

  it.each([
    ['no JSON', '{"kind":'],
    ['no object', 'null'],
    ['too long', `"${'x'.repeat(2 ** 20)}"`],
  ])('is nothing where it is %s', (_, text) => {
    expect([readAnnouncement(text), readWorkerMessage(text), readCoordinatorMessage(text)]).toEqual(
      Array(3).fill(undefined),
    )
  })

  it.each(['../secret', 'a/b', 'a\\b', '..', '.', '', 'a\0b', 'x'.repeat(300)])('names no path: %j', (name) => {
    expect(readAnnouncement(JSON.stringify(input('train.npz')))).toBeDefined()
    expect(readAnnouncement(JSON.stringify(input(name)))).toBeUndefined()
    expect(readAnnouncement(JSON.stringify({ ...announcement, config: { name, sha256 } }))).toBeUndefined()
    expect(readWorkerMessage(JSON.stringify({ ...start, task: `trials/${name}` }))).toBeUndefined()
  })

  it.each([
    { ...start, task: 'trials/-1' },
    { ...start, ask: -1 },
    { ...start, delivery: 'a b' },
    { ...start, more: 1 },
    { ...end, outcome: { state: 'running' } },
    { ...end, outcome: { state: 'failed', reason: 'x'.repeat(5000) } },
    { ...end, outcome: { state: 'stopped' }, files: [{ name: 'journal.jsonl', bytes: 1, sha256 }] },
    { ...end, outcome: { state: 'stopped' }, files: [{ name: 'model.onnx', bytes: 2 ** 40, sha256 }] },
    { kind: 'epoch', task: 'trials/0', delivery: 'd', ask: 0, epoch: 0.5, value: 1, epochs: 3 },
  ])('is no message: %j', (message) => {
    expect(readWorkerMessage(JSON.stringify(message))).toBeUndefined()
  })

  it('is a job with numbers alone', () => {
    const job = { task: 'trials/0', point: { rate: 0.1 }, scoresTest: false }
    expect(readJob(job)).toEqual(job)
    for (const point of [{ rate: 'process.exit()' }, { rate: Infinity }, { rate: null }, null])
      expect(readJob({ ...job, point })).toBeUndefined()
  })
})

describe('a point from elsewhere', () => {
  const configure = (trial: Trial) => [
    trial.float('rate', 0, 1),
    trial.int('width', 4, 16, { step: 4 }),
    trial.categorical('kind', ['a', 'b']),
  ]

  it('has values that its parameters have', () => {
    expect(configure(trialAt({ rate: 0.25, width: 8, kind: 1 }))).toEqual([0.25, 8, 'b'])
    expect(configure(trialAt())).toEqual([0.5, 8, 'a'])
  })

  it.each([{ rate: 2 }, { rate: NaN }, { width: 1e9 }, { width: 5 }, { kind: 2 }, { kind: 0.5 }, { kind: -1 }])(
    'is refused with %j',
    (point) => {
      expect(() => configure(trialAt(point))).toThrow(/A702|parameter/)
    },
  )
})
