import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { evaluator } from '../../compiler/core/executor.ts'
import { type Port, type Value } from '../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { classWeight } from '../../compiler/train/loop/batches.ts'
import { gradientProgram } from '../../compiler/train/step/accumulation.ts'
import { labelTerm, objective, teacherTerm } from '../../compiler/train/distill/objective.ts'
import { losses, type LossName } from '../../compiler/train/index.ts'
import { dense, relu } from '../../compiler/train/network/index.ts'
import { input, ports } from '../../compiler/train/model/ports.ts'
import { inDoubles } from '../support/retype.ts'
import type { GradientOptions } from '../../compiler/train/step/gradients.ts'
import { distillation, draws, network } from './taught.ts'

const b = new Builder(undefined)
const names = Object.keys(losses) as LossName[]

describe('the loss of both', () => {
  const x = tensorOf('f32', [3, 1, 4], draws(12, 1))
  const targets: Record<LossName, Tensor> = {
    'cross-entropy': tensorOf('i32', [3], [2, 0, 1]),
    'binary-cross-entropy': tensorOf('f32', [3, 3], [1, 0, 1, 0, 0, 1, 1, 0.25, 0]),
    'mean-squared-error': tensorOf('f32', [3, 3], draws(9, 2)),
  }

  it.each(names)('%s: the derivative is that of what it says', (loss) => {
    const temperature = losses[loss].activation === undefined ? 1 : 2.5
    const model = network([dense(3)], [4], 3, loss)
    const scores = input('s', 'f32', [3, 3])
    const data = input('x', 'f32', [3, 1, 4])
    const wide = (values: readonly number[]): Tensor => tensorOf('f64', [3, 3], values)
    const start = draws(9, 5)
    for (const [labels, smoothing] of [
      [true, 0.1],
      [false, undefined],
    ] as const) {
      const mixed = distillation(model, network([dense(3)], [4], 8, loss), {
        loss,
        temperature,
        alpha: labels ? 0.3 : 1,
        labels,
      })
      const found = objective(b, scores.value, [data.value], { loss, distillation: mixed, labelSmoothing: smoothing })
      const { target } = found
      expect(target === undefined).toBe(!labels)
      const run = (value: Value, at: readonly number[]): number[] => {
        const inputs = [scores, data, ...(target ? [target] : [])]
        const given = {
          s: wide(at),
          x: tensorOf('f64', x.shape, x.data),
          [ports.target]: tensorOf(loss === 'cross-entropy' ? 'i32' : 'f64', targets[loss].shape, targets[loss].data),
        }
        return toNumbers(evaluate(inDoubles({ inputs, outputs: [{ name: 'y', value }] }), given)['y']!)
      }
      const derivative = run(found.derivative, start)
      start.forEach((value, i) => {
        const lossAt = (d: number): number => run(found.perSample, start.with(i, value + d))[Math.floor(i / 3)]!
        expect(derivative[i]).toBeCloseTo((lossAt(1e-5) - lossAt(-1e-5)) / 2e-5, 5)
      })
    }
  })

  it('is (1 − α) of labels and α of the teacher', () => {
    const model = network([dense(3)], [4])
    const [scores, data] = [input('s', 'f32', [3, 3]), input('x', 'f32', [3, 1, 4])]
    const options = {
      loss: 'cross-entropy',
      distillation: distillation(model, network([dense(3)], [4], 8), { alpha: 0.3 }),
    } as const
    const mixed = objective(b, scores.value, [data.value], options)
    const [labels, teacher] = [labelTerm(b, scores.value, options), teacherTerm(b, scores.value, [data.value], options)]
    const run = (target: Port, { perSample }: { perSample: Value }): number[] => {
      const given = { s: tensorOf('f32', [3, 3], draws(9, 5)), x, [ports.target]: targets['cross-entropy'] }
      const outputs = [{ name: 'y', value: perSample }]
      return toNumbers(evaluate({ inputs: [scores, data, target], outputs }, given)['y']!)
    }
    const [l, t] = [run(labels.target, labels), run(labels.target, teacher)]
    run(mixed.target!, mixed).forEach((value, i) => expect(value).toBeCloseTo(0.7 * l[i]! + 0.3 * t[i]!, 5))
  })

  it('is T² KL of the teacher to the student, worked out by hand', () => {
    const model = network([dense(2)], [2])
    const weights = { 'dense1.weight': [1, 0, 0, 1], 'dense1.bias': [0, 0] }
    const teacher = {
      ...model,
      parameters: model.parameters.map((p) => ({
        ...p,
        start: tensorOf('f32', p.start.shape, weights[p.name as keyof typeof weights]),
      })),
    }
    const scores = input('s', 'f32', [1, 2])
    const data = input('x', 'f32', [1, 1, 2])
    const { perSample } = teacherTerm(b, scores.value, [data.value], {
      loss: 'cross-entropy',
      distillation: distillation(model, teacher, { temperature: 2 }),
    })
    const given = { s: tensorOf('f32', [1, 2], [0, 0]), x: tensorOf('f32', [1, 1, 2], [2 * Math.log(3), 0]) }
    const [found] = toNumbers(
      evaluate({ inputs: [scores, data], outputs: [{ name: 'y', value: perSample }] }, given)['y']!,
    )
    // The teacher's probabilities are 3/4 and 1/4, the student's 1/2.
    expect(found).toBeCloseTo(4 * (0.75 * Math.log(1.5) + 0.25 * Math.log(0.5)), 5)
  })

  it.each(names)('%s: is 0, and so are its gradients, where the student is the teacher', async (loss) => {
    const model = network([dense(5), relu(), dense(3)], [4], 3, loss)
    const temperature = losses[loss].activation === undefined ? 1 : 3
    const options: GradientOptions = {
      ...{ batch: 3, loss, seed: 1 },
      distillation: distillation(model, model, { loss, temperature, labels: false, alpha: 1 }),
    }
    const { graph, state, start } = gradientProgram(model, options)
    expect(graph.inputs.map(({ name }) => name)).not.toContain(ports.target)
    const { inputs, run } = await evaluator.instantiate(graph, state, start)
    inputs['input']!.set(x.data as never)
    inputs[ports.weight]!.fill(1 as never)
    const outputs = run()
    expect(Number(outputs[ports.sum]![0])).toBe(0)
    for (const { name } of model.parameters)
      expect(
        [...(outputs[ports.gradient(name)] as Float32Array)].every((g) => g === 0),
        name,
      ).toBe(true)
    if (losses[loss].agree) expect(Number(outputs[ports.correct]![0])).toBe(3)
  })
})

describe('a probability for each class', () => {
  it('that is 1 for one of them gives the bits that its number gives', async () => {
    const model = network([dense(5), relu(), dense(3)], [4])
    const resultsOf = async (softTargets: boolean, target: readonly number[]) => {
      const options = { batch: 3, loss: 'cross-entropy', seed: 1, labelSmoothing: 0.1, softTargets } as const
      const { graph, state, start } = gradientProgram(model, options)
      const { inputs, run } = await compiledExecutor.instantiate(graph, state, start)
      inputs['input']!.set(draws(12, 1) as never)
      inputs[ports.weight]!.set([1, 0.5, 2] as never)
      inputs[ports.target]!.set(target as never)
      return Object.entries(run()).map(([name, values]) => [name, [...(values as Float32Array)]])
    }
    expect(await resultsOf(true, [0, 0, 1, 1, 0, 0, 0, 1, 0])).toEqual(await resultsOf(false, [2, 0, 1]))
  })

  it('is the mean of the losses of both classes, and right where the most probable is', () => {
    const scores = input('s', 'f32', [2, 3])
    const given = { s: tensorOf('f32', [2, 3], draws(6, 4)) }
    const valuesOf = (softTargets: boolean, target: Tensor): { perSample: number[]; correct: number[] } => {
      const { target: port, perSample, correct } = labelTerm(b, scores.value, { loss: 'cross-entropy', softTargets })
      const outputs: Port[] = [
        { name: 'l', value: perSample },
        { name: 'c', value: correct! },
      ]
      const { l, c } = evaluate({ inputs: [scores, port], outputs }, { ...given, [ports.target]: target })
      return { perSample: toNumbers(l!), correct: toNumbers(c!) }
    }
    const soft = valuesOf(true, tensorOf('f32', [2, 3], [0.75, 0, 0.25, 0.1, 0.2, 0.7]))
    const each = [0, 1, 2].map((k) => valuesOf(false, tensorOf('i32', [2], [k, k])))
    expect(soft.perSample[0]).toBeCloseTo(0.75 * each[0]!.perSample[0]! + 0.25 * each[2]!.perSample[0]!, 5)
    expect(soft.correct).toEqual([each[0]!.correct[0], each[2]!.correct[1]])
  })

  it('weighs as much as its classes do', () => {
    const weightOf = classWeight([1, 2, 0.5])
    expect(weightOf({ inputs: {}, target: [0.5, 0.25, 0.25] })).toBe(1.125)
    expect(weightOf({ inputs: {}, target: [2] })).toBe(0.5)
  })
})
