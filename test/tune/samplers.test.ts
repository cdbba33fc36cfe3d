import { describe, expect, it } from 'vitest'
import { PointTrial, samplers, spaceOf, stoppers, Study, type Entry, type Trial } from '../../compiler/tune/index.ts'
import { normal } from '../../compiler/core/random/random.ts'
import { randomOf } from '../../compiler/tune/random.ts'
import type { Sampler } from '../../compiler/tune/samplers/index.ts'
import { curveOf, surrogates } from './surrogates.ts'

/** The least value of a search, by trial. */
function searched(value: (trial: Trial) => number, sampler: Sampler, trials: number, seed: number) {
  const entries: Entry[] = []
  const options = { stopper: stoppers.none, seed, settings: '', append: (entry: Entry) => entries.push(entry) }
  const study = new Study({ space: spaceOf(value), sampler, ...options })
  for (let i = 0; i < trials; i++) {
    const { number, point } = study.ask(value)
    study.end(number, { state: 'complete', values: [value(new PointTrial(point))] })
  }
  return { least: Math.min(...study.trials.map(({ values }) => values![0]!)), study, entries }
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length
const seeds = [1, 2, 3, 4, 5]

describe('TPE', () => {
  it.each(Object.entries(surrogates))('does better than random search: %s', (_, value) => {
    const least = (sampler: Sampler): number[] => seeds.map((seed) => searched(value, sampler, 100, seed).least)
    const [tpe, random] = [least(samplers.tpe), least(samplers.random)]
    expect(mean(tpe)).toBeLessThan(mean(random))
  })

  it('tries the same points for the same seed, and others for another', () => {
    const value = surrogates['numbers, whole numbers and options']
    const points = (seed: number) => searched(value, samplers.tpe, 20, seed).study.trials.map(({ point }) => point)
    expect(points(3)).toEqual(points(3))
    expect(points(3)).not.toEqual(points(4))
  })

  it('starts with the defaults, then with each part of each range once', () => {
    const { study } = searched((trial) => trial.float('x', 0, 1, { default: 0.25 }), samplers.tpe, 11, 1)
    const [first, ...rest] = study.trials.map(({ point }) => point['x']!)
    expect(first).toBe(0.25)
    expect(rest.map((x) => Math.floor(x * 10)).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  it('tries something else while a trial runs', () => {
    const value = (trial: Trial): number => (trial.float('x', 0, 1) - 0.5) ** 2
    const { study } = searched(value, samplers.tpe, 40, 1)
    const several = Array.from({ length: 8 }, () => study.ask(value).point['x']!)
    const spread = Math.max(...several) - Math.min(...several)
    expect(new Set(several).size).toBe(8)
    expect(spread).toBeGreaterThan(0.1)
  })

  it('finds a front of two objectives', () => {
    const value = (trial: Trial): readonly [number, number] => {
      const x = trial.float('x', 0, 1)
      const y = trial.float('y', 0, 1)
      return [x ** 2 + (y - 0.5) ** 2, (x - 1) ** 2 + (y - 0.5) ** 2]
    }
    const front = (sampler: Sampler): number => {
      const study = new Study({
        ...{ space: spaceOf(value), sampler, stopper: stoppers.none, seed: 2, settings: '', append: () => {} },
      })
      for (let i = 0; i < 100; i++) {
        const { number, point } = study.ask(value)
        study.end(number, { state: 'complete', values: [...value(new PointTrial(point))] })
      }
      // How far the worst of the front is from what is best: y = 1/2.
      return mean(study.front.map(({ point }) => Math.abs(point['y']! - 0.5)))
    }
    expect(front(samplers.tpe)).toBeLessThan(front(samplers.random))
  })
})

describe('the 75th percentile', () => {
  it('saves 30 % of the epochs, and finds the same best', () => {
    const saved = seeds.map((seed) => {
      const value = surrogates['numbers, whole numbers and options']
      const stopped = (name: 'percentile' | 'none') => {
        const space = spaceOf(value)
        const study = new Study({
          ...{ space, sampler: samplers.random, stopper: stoppers[name], seed, settings: '', append: () => {} },
        })
        let epochs = 0
        for (let i = 0; i < 60; i++) {
          const { number, point } = study.ask(value)
          const noise = randomOf(seed, number, 7)
          const end = value(new PointTrial(point))
          const curve = curveOf(
            end,
            8,
            20,
            Array.from({ length: 20 }, () => normal(noise)),
          )
          const stop = curve.findIndex((v, epoch) => study.report(number, epoch, v, curve.length))
          epochs += stop < 0 ? curve.length : stop + 1
          study.end(number, { state: stop < 0 ? 'complete' : 'stopped', values: [Math.min(...curve)] })
        }
        const complete = study.trials.filter(({ state }) => state === 'complete')
        return { epochs, best: Math.min(...complete.map(({ values }) => values![0]!)) }
      }
      const [all, some] = [stopped('none'), stopped('percentile')]
      expect(some.best).toBe(all.best)
      return 1 - some.epochs / all.epochs
    })
    expect(mean(saved)).toBeGreaterThanOrEqual(0.3)
  })
})
