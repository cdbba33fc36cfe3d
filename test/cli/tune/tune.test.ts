import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import { commandLine } from '../../support/command-line.ts'
import { Random } from '../../support/random.ts'

const { at, out, err, attar } = commandLine()

/** Points whose class is the sign of a product: a straight line does not part them. */
function points(count: number, seed: number): Uint8Array {
  const random = new Random(seed)
  const x = Array.from({ length: 2 * count }, () => 2 * random.float() - 1)
  const labels = Array.from({ length: count }, (_, i) => Number(x[2 * i]! * x[2 * i + 1]! > 0))
  return writeNpz({ input: tensorOf('f32', [count, 2], x), y: tensorOf('i32', [count], labels) })
}

const config = (more = 'tune: { seeds: 2 }', epochs = 3): string => `
import { defineConfig, dense, relu, sequential } from 'attar/config'
export default defineConfig((trial) => ({
  network: sequential([dense(trial.int('width', 4, 64, { step: 4, default: 8 })), relu(), dense(2)]),
  input: [2],
  data: { train: 'train.npz', val: 'val.npz', test: 'test.npz' },
  train: { epochs: ${epochs}, batch: 16, learningRate: trial.float('rate', 1e-4, 1, { log: true, default: 1e-3 }) },
  ${more}
}))`

beforeAll(() => {
  mkdirSync(at(), { recursive: true })
  writeFileSync(at('train.npz'), points(300, 1))
  writeFileSync(at('val.npz'), points(200, 2))
  writeFileSync(at('test.npz'), points(200, 3))
  const pairs = Array.from({ length: 40 }, (_, i) => i / 40)
  const values = { input: tensorOf('f32', [20, 2], pairs), y: tensorOf('f32', [20, 2], pairs) }
  writeFileSync(at('values.npz'), writeNpz(values))
  writeFileSync(at('attar.config.ts'), config())
})

/** Threads run what was built. */
async function built(...args: string[]): Promise<{ code: number | null; text: string }> {
  const child = spawn(process.execPath, ['dist/compiler/cli/main.js', ...args])
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, text }
}

const search = (name: string, ...more: string[]): string[] => [
  ...['tune', at('attar.config.ts'), '-o', at(name), '--trials', '6', ...more],
]
const journal = (name: string): string => readFileSync(at(name, 'journal.jsonl'), 'utf8')

interface TuneReport {
  readonly best: number
  readonly trials: readonly { readonly state: string; readonly values?: readonly number[]; readonly curve: number[] }[]
  readonly finals: readonly {
    readonly of: string
    readonly folder: string
    readonly best: { accuracy: number }
    readonly test?: { accuracy: number }
  }[]
  readonly comparison?: { readonly difference: number; readonly interval: readonly number[]; readonly samples: number }
}
const reportIn = (name: string): TuneReport => JSON.parse(readFileSync(at(name, 'tune.json'), 'utf8')) as TuneReport

describe('a search', () => {
  it('finds better values than the defaults, and trains with them again', async () => {
    expect(await built(...search('whole'))).toMatchObject({ code: 0 })
    const { best, trials, finals, comparison } = reportIn('whole')
    expect(trials).toHaveLength(6)
    expect(trials[best]!.values![0]).toBeLessThan(trials[0]!.values![0]! - 0.1)
    expect(finals.map(({ of }) => of)).toEqual(['best', 'best', 'defaults', 'defaults'])
    const { difference, interval, samples } = comparison!
    expect(samples).toBe(200)
    expect(interval[0]).toBeLessThan(difference)
    const accuracy = (of: string): number => {
      const own = finals.filter((final) => final.of === of)
      return own.reduce((sum, { test }) => sum + test!.accuracy, 0) / own.length
    }
    expect(difference).toBeCloseTo(accuracy('best') - accuracy('defaults'), 9)
    // The test data is scored at the end alone.
    expect(finals.every(({ test }) => test !== undefined)).toBe(true)
    const trial = JSON.parse(readFileSync(at('whole', 'trials', '0', 'report.json'), 'utf8')) as object
    expect(trial).not.toHaveProperty('test')
    const page = readFileSync(at('whole', 'tune.html'), 'utf8')
    for (const number of trials.keys()) expect(page).toContain(`<th>${number}${number === best ? ' ★' : ''}</th>`)
    expect(page).toContain('<svg')
    expect(page).not.toContain('<script')
    expect(await attar('train', at('attar.config.ts'), '--params', at('whole', 'params.json'), '-o', at('again'))).toBe(
      0,
    )
    const models = [at('again', 'model.onnx'), at('whole', 'final', `${best}-1`, 'model.onnx')].map((path) =>
      readFileSync(path),
    )
    expect(models[0]).toEqual(models[1])
  })

  it('goes on to the same bytes after it was killed', async () => {
    const args = search('killed')
    for (let kill = 0; kill < 3; kill++) {
      const child = spawn(process.execPath, ['dist/compiler/cli/main.js', ...args, ...(kill > 0 ? ['--resume'] : [])])
      // Until the journal has grown by some entries, at whatever moment that is.
      const lines = existsSync(at('killed', 'journal.jsonl')) ? journal('killed').split('\n').length : 0
      const grown = (): boolean =>
        existsSync(at('killed', 'journal.jsonl')) && journal('killed').split('\n').length >= lines + 3 + 2 * kill
      while (!grown() && child.exitCode === null) await setTimeout(10)
      child.kill('SIGKILL')
      await once(child, 'close')
    }
    expect(await built(...args, '--resume')).toMatchObject({ code: 0 })
    expect(journal('killed')).toBe(journal('whole'))
    expect(reportIn('killed').trials).toEqual(reportIn('whole').trials)
  })

  it('goes on for more trials, with final trainings of what is best then', async () => {
    const { code } = await built(...search('whole').slice(0, -1), '10', '--resume')
    expect(code).toBe(0)
    const { best, trials, finals } = reportIn('whole')
    expect(trials).toHaveLength(10)
    expect(finals[0]!.folder).toBe(at('whole', 'final', `${best}-1`))
  })

  it('runs several trials at the same time, each counted once', async () => {
    expect(await built(...search('two', '--jobs', '2', '--objectives', 'accuracy,bytes'))).toMatchObject({ code: 0 })
    const { trials } = reportIn('two')
    expect(trials.map(({ state }) => state).sort()[0]).toBe('complete')
    expect(trials).toHaveLength(6)
    expect(trials[0]!.values).toHaveLength(2)
  })

  it('tries nothing that is over its budget', async () => {
    writeFileSync(at('small.config.ts'), config("tune: { maxSize: '2.4 kB', stopper: 'none', seeds: 1 }", 1))
    const more = ['--trials', '3', '--objectives', 'accuracy,bytes']
    expect(await built('tune', at('small.config.ts'), '-o', at('small'), ...more)).toMatchObject({ code: 0 })
    const { trials } = reportIn('small')
    const complete = trials.filter(({ state }) => state === 'complete')
    expect(complete).toHaveLength(3)
    expect(complete.every(({ values }) => values![1]! <= 2400)).toBe(true)
    // What training comes to can change a size by some bytes, which only shows behind it.
    const untrained = trials.filter(({ state, curve }) => state === 'rejected' && curve.length === 0)
    expect(untrained.length).toBeGreaterThan(0)
  })
})

describe('a search is refused', () => {
  it('where there is one already', async () => {
    expect(await attar(...search('whole'))).toBe(2)
    expect(err.join('\n')).toContain('--resume goes on with it')
  })

  it('where the configuration has changed', async () => {
    writeFileSync(at('other.config.ts'), config('', 4))
    expect(await attar('tune', at('other.config.ts'), '-o', at('whole'), '--trials', '6', '--resume')).toBe(2)
    expect(err.join('\n')).toContain('the journal is of another search: it differs in settings')
  })

  it('for an objective that its loss does not have', async () => {
    writeFileSync(at('values.config.ts'), config('').replace('epochs: 3', "epochs: 3, loss: 'mean-squared-error'"))
    const args = [
      'tune',
      at('values.config.ts'),
      '-o',
      at('values'),
      '--train',
      at('values.npz'),
      '--val',
      '20%',
      '--test',
      at('values.npz'),
    ]
    expect(await attar(...args, '--objectives', 'accuracy')).toBe(2)
    expect(err.join('\n')).toContain('the loss mean-squared-error has no accuracy')
  })

  it('where there is nothing to search', async () => {
    writeFileSync(at('fixed.config.ts'), "export default { model: 'm.onnx' }")
    expect(await attar('tune', at('fixed.config.ts'), '-o', at('none'))).toBe(2)
    expect(err.join('\n')).toContain('asks for no values')
  })

  it.each([
    ['{"width": 5, "rate": 0.1}', 'parameter "width": 5 is none of its values'],
    ['{"depth": 5}', 'the configuration has no parameter "depth"'],
    ['[1]', 'is no JSON object'],
  ])('values %s', async (text, message) => {
    writeFileSync(at('params.json'), text)
    expect(await attar('train', at('attar.config.ts'), '--params', at('params.json'), '-o', at('p'))).toBe(2)
    expect([...err, ...out].join('\n')).toContain(message)
  })
})
