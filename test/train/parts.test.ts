import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { losses, schedules, scoreShape, scoresOf, shareInterval, trainableNetwork } from '../../compiler/train/index.ts'
import { targetFrom } from '../../compiler/train/losses/index.ts'
import { dropoutMask } from '../../compiler/train/step/dropout.ts'
import { dense, rescaling, reshape, sequential } from '../../compiler/train/network/index.ts'
import { warmed } from '../../compiler/train/schedules/index.ts'
import { input } from '../../compiler/train/model/ports.ts'
import { inDoubles } from '../support/retype.ts'

const b = new Builder(undefined)

/** `value` in f64. */
function valueOf(
  value: Value,
  inputs: Readonly<Record<string, Tensor>>,
  ports: readonly { name: string; value: Value }[],
): number[] {
  return toNumbers(evaluate(inDoubles({ inputs: ports, outputs: [{ name: 'y', value }] }), inputs)['y']!)
}

describe('losses', () => {
  const rows = [
    [0.3, -1.2, 2],
    [-40, 50, 0.5],
    [1e-3, 0, 0],
  ]
  const cases = {
    'cross-entropy': { dtype: 'i32', shape: [3], target: [2, 0, 1] },
    'binary-cross-entropy': { dtype: 'f64', shape: [3, 3], target: [1, 0, 1, 0, 0, 1, 1, 0.25, 0] },
    'mean-squared-error': { dtype: 'f64', shape: [3, 3], target: [1, 0, 1, 0, 3, 1, -1, 0.25, 0] },
  } as const

  it.each(Object.keys(losses) as (keyof typeof losses)[])('%s: the derivative is that of the loss', (name) => {
    for (const labelSmoothing of [0, 0.1]) {
      const { dtype, shape, target } = cases[name]
      const ports = [input('s', 'f32', [3, 3]), input('t', dtype === 'i32' ? 'i32' : 'f32', shape)]
      const [s, t] = ports.map((port) => port.value) as [Value, Value]
      const { values } = targetFrom(b, losses[name], t, s)
      const loss = losses[name].perSample(b, s, values, { labelSmoothing })
      const derivative = losses[name].derivative(b, s, values, { labelSmoothing })
      const given = (values: readonly number[]) => ({
        s: tensorOf('f64', [3, 3], values),
        t: tensorOf(dtype, shape, target),
      })
      const flat = rows.flat()
      const found = valueOf(derivative, given(flat), ports)
      flat.forEach((x, i) => {
        const at = (d: number): number => valueOf(loss, given(flat.with(i, x + d)), ports)[Math.floor(i / 3)]!
        expect(found[i]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 5)
      })
    }
  })

  it('compare an output as it is, or what stands before its softmax', () => {
    const model = trainableNetwork(sequential([dense(3)]), {
      input: { dtype: 'f32', shape: [2] },
      activation: 'softmax',
      seed: 1,
    })
    expect(scoresOf(model, 'cross-entropy')).toBe(model.scores)
    expect(scoresOf(model, 'mean-squared-error')).toBe(model.graph.outputs[0]!.value)
    expect(
      [
        [1, 3],
        [1, 3, 1, 1],
        [1, 1],
        [2, 1, 3],
      ].map(scoreShape),
    ).toEqual([[3], [3], [1], [2, 3]])
  })

  it('say which samples are right', () => {
    const ports = [input('s', 'f32', [3, 3]), input('t', 'i32', [3])]
    const [s, t] = ports.map((port) => port.value) as [Value, Value]
    const right = losses['cross-entropy'].correct!(b, s, targetFrom(b, losses['cross-entropy'], t, s))
    const given = { s: tensorOf('f64', [3, 3], rows.flat()), t: tensorOf('i32', [3], [2, 0, 0]) }
    expect(valueOf(right, given, ports)).toEqual([1, 0, 1])
  })
})

describe('schedules', () => {
  it('begin and end where they should', () => {
    expect([0, 0.5, 0.999].map(schedules.constant)).toEqual([1, 1, 1])
    expect([0, 0.49, 0.5, 0.74, 0.75].map(schedules.step)).toEqual([1, 1, 0.1, 0.1, 0.01])
    expect(schedules.cosine(0)).toBe(1)
    expect(schedules.cosine(0.5)).toBeCloseTo(0.5, 12)
    expect(schedules.cosine(1)).toBeCloseTo(0, 12)
    expect(schedules['one-cycle'](0)).toBeCloseTo(1 / 25, 12)
    expect(schedules['one-cycle'](0.3)).toBeCloseTo(1, 12)
    expect(schedules['one-cycle'](1)).toBeCloseTo(4e-6, 12)
  })

  it('rise over the warm-up', () => {
    const schedule = warmed(schedules.cosine, 0.2)
    expect([0, 0.1, 0.2].map(schedule)).toEqual([0, 0.5, 1])
    expect(schedule(0.6)).toBeCloseTo(0.5, 12)
  })
})

describe('layers', () => {
  it('rescale and reshape', () => {
    const { graph } = trainableNetwork(sequential([reshape([3, 2]), rescaling(1 / 4, -1)]), {
      ...{ input: { dtype: 'f32', shape: [2, 3] }, activation: undefined, seed: 1 },
      names: { input: 'pixels' },
    })
    const { output } = evaluate(graph, { pixels: tensorOf('f32', [1, 2, 3], [0, 4, 8, 12, 16, 20]) })
    expect(output!.shape).toEqual([1, 3, 2])
    expect(toNumbers(output!)).toEqual([-1, 0, 1, 2, 3, 4])
  })
})

describe('dropout', () => {
  it('leaves out its share, another one at each step and place, and keeps the mean', () => {
    const step = input('step', 'u32', [])
    const run = (counter: number, place: number): number[] => {
      const value = dropoutMask(b, [100, 100], 0.3, step.value, 5, place)
      const given = { step: tensorOf('u32', [], [counter]) }
      return toNumbers(evaluate({ inputs: [step], outputs: [{ name: 'y', value }] }, given)['y']!)
    }
    const first = run(0, 0)
    const zeros = first.filter((v) => v === 0).length
    expect(Math.abs(zeros - 3000)).toBeLessThan(5 * Math.sqrt(2100))
    expect(new Set(first)).toEqual(new Set([0, Math.fround(1 / 0.7)]))
    expect(run(0, 0)).toEqual(first)
    for (const other of [run(1, 0), run(0, 1)]) {
      const same = other.filter((v, i) => v === first[i]).length
      expect(Math.abs(same - 5800)).toBeLessThan(5 * Math.sqrt(2436))
    }
  })
})

it('an interval of a share holds it, and shrinks with the samples', () => {
  // Wilson's interval for 8 of 10: 0.490 to 0.943.
  const [low, high] = shareInterval(0.8, 10)
  expect(low).toBeCloseTo(0.4902, 4)
  expect(high).toBeCloseTo(0.9433, 4)
  expect(shareInterval(1, 100)[1]).toBe(1)
  expect(shareInterval(0, 100)[0]).toBe(0)
})
