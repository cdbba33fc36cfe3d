import { describe, expect, it } from 'vitest'
import { CompileError } from '../../compiler/index.ts'
import {
  lineOf,
  PointTrial,
  readJournal,
  samplers,
  spaceOf,
  stoppers,
  Study,
  type StudyOptions,
  type Trial,
} from '../../compiler/tune/index.ts'
import { curveOf, surrogates } from './surrogates.ts'

const value = surrogates['numbers, whole numbers and options']
const options = { sampler: samplers.tpe, stopper: stoppers.percentile, seed: 1, settings: 'epochs: 4' } as const
const epochs = 4

/** Goes on with the journal until there are `trials`, or until it has `most` bytes; what it has then. */
function search(journal: string, trials: number, most = Infinity, own: Partial<StudyOptions> = {}): string {
  const { entries, bytes } = readJournal(journal, 'journal')
  let text = journal.slice(0, bytes)
  const killed = new Error('killed')
  const append = (entry: Parameters<typeof lineOf>[0]): void => {
    text += lineOf(entry)
    if (text.length < most) return
    text = text.slice(0, most)
    throw killed
  }
  try {
    const study = new Study({ space: spaceOf(value), ...options, ...own, append }, entries)
    const left = study.trials.filter(({ state }) => state === 'running')
    for (;;) {
      const trial = left.shift() ?? (study.trials.length < trials ? study.ask(value) : undefined)
      if (!trial) return text
      const end = value(new PointTrial(trial.point))
      const curve = curveOf(end, 8, epochs, [0, 0, 0, 0])
      const stops = curve.some((v, epoch) => study.report(trial.number, epoch, v, epochs))
      study.end(trial.number, stops ? { state: 'stopped' } : { state: 'complete', values: [curve.at(-1)!] })
    }
  } catch (error) {
    if (error === killed) return text
    throw error
  }
}

describe('a search', () => {
  const whole = search('', 14)

  it('goes on after any kill to the same bytes', () => {
    // Within lines and at their ends, of each kind of entry.
    for (let cut = 1; cut < whole.length; cut += 1 + (cut % 97)) {
      const killed = search('', 14, cut)
      expect(killed).toBe(whole.slice(0, cut))
      expect(search(killed, 14)).toBe(whole)
    }
    expect(search(whole, 14)).toBe(whole)
  })

  it('stops some trials, never the first', () => {
    const states = readJournal(whole, 'journal').entries.flatMap((e) => (e.kind === 'end' ? [e.state] : []))
    expect(states[0]).toBe('complete')
    expect(states).toContain('stopped')
  })

  const refused = (run: () => unknown): unknown => {
    try {
      run()
    } catch (error) {
      if (error instanceof CompileError) return error.diagnostics[0]
      throw error
    }
    return undefined
  }

  it('does not go on with another one', () => {
    const other = spaceOf((trial: Trial) => trial.float('rate', 1e-4, 1))
    expect(refused(() => search(whole, 14, Infinity, { space: other }))).toMatchObject({
      code: 'A702',
      message: 'the journal is of another search: it differs in parameters and their ranges',
    })
    expect(refused(() => search(whole, 14, Infinity, { seed: 2 }))).toMatchObject({ message: /the seed/ })
  })

  it('refuses a journal that is damaged, but for a torn end', () => {
    const at = whole.indexOf('"trial":1')
    const damaged = `${whole.slice(0, at)}"trial":2${whole.slice(at + 9)}`
    expect(refused(() => search(damaged, 14))).toMatchObject({ code: 'A502' })
  })

  it('refuses entries out of turn', () => {
    const end = lineOf({ kind: 'end', trial: 3, state: 'complete', values: [1] })
    const head = `${whole.split('\n')[0]}\n`
    expect(refused(() => search(`${head}${end}`, 14))).toMatchObject({
      code: 'A502',
      message: 'the journal goes on with trial 3, which does not run',
    })
  })
})

describe('parameters', () => {
  const message = (configure: (trial: Trial) => unknown): string => {
    try {
      spaceOf(configure)
    } catch (error) {
      if (error instanceof CompileError) return error.diagnostics[0]!.message
      throw error
    }
    return ''
  }

  it('have defaults', () => {
    const space = spaceOf((trial) => [
      trial.float('a', 0, 2),
      trial.float('b', 0.01, 1, { log: true }),
      trial.int('c', 8, 32, { step: 8 }),
      trial.categorical('d', ['x', 'y'], { default: 'y' }),
    ])
    expect([...space].map(([name, { start }]) => [name, start])).toEqual([
      ['a', 1],
      ['b', expect.closeTo(0.1, 12)],
      ['c', 16],
      ['d', 1],
    ])
  })

  it.each<[string, (trial: Trial) => unknown]>([
    ['2 to 1 is no range', (t) => t.float('x', 2, 1)],
    ['a range by logarithm is above 0', (t) => t.float('x', 0, 1, { log: true })],
    ['its default 3 is outside of 0 to 1', (t) => t.float('x', 0, 1, { default: 3 })],
    ['10 is no multiple of 3 away from 0', (t) => t.int('x', 0, 10, { step: 3 })],
    ['there is no option "log", only step and default', (t) => t.int('x', 1, 9, { log: true } as object)],
    ['its default 4 is none of its values', (t) => t.int('x', 0, 9, { step: 3, default: 4 })],
    ['there are no options', (t) => t.categorical('x', [])],
    ['there are two parameters of this name', (t) => [t.int('x', 0, 1), t.float('x', 0, 1)]],
  ])('are wrong: %s', (text, configure) => {
    expect(message(configure)).toBe(`parameter "x": ${text}`)
  })
})
