import { afterAll, describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { evaluator, type ParallelExecutor } from '../../compiler/core/executor.ts'
import { nodesOf, type Graph, type Port, type Value } from '../../compiler/core/graph.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { threadedExecutor } from '../../compiler/threads.ts'
import { classWeight } from '../../compiler/train/batches.ts'
import { gradientProgram } from '../../compiler/train/accumulation.ts'
import { augmented, cutMix, mixup, pictureLayout } from '../../compiler/train/augment/index.ts'
import { labelTerm, objective, teacherTerm } from '../../compiler/train/distill/objective.ts'
import type { GradientOptions } from '../../compiler/train/gradients.ts'
import {
  fit,
  importedTeacher,
  losses,
  partedAtFront,
  partedTeacher,
  samplesOf,
  scorer,
  scoresOf,
  sgd,
  standaloneStep,
  teacherFor,
  teacherHash,
  trainableNetwork,
  trainedGraph,
  type Checkpoint,
  type Distillation,
  type FitOptions,
  type LossName,
  type Sample,
  type TrainableModel,
} from '../../compiler/train/index.ts'
import {
  conv,
  dense,
  flatten,
  globalAveragePool,
  logMel,
  relu,
  sequential,
  type Layer,
} from '../../compiler/train/network/index.ts'
import { input, ports } from '../../compiler/train/ports.ts'
import { model as onnxModel, stored } from '../onnx/build.ts'
import { inDoubles } from '../support/retype.ts'
import { Random } from '../support/random.ts'

const b = new Builder(undefined)
const names = Object.keys(losses) as LossName[]
const draws = (count: number, seed: number): number[] => {
  const random = new Random(seed)
  return Array.from({ length: count }, () => 4 * random.float() - 2)
}

const network = (layers: readonly Layer[], shape: readonly number[], seed = 3, loss: LossName = 'cross-entropy') =>
  trainableNetwork(sequential(layers), { input: { dtype: 'f32', shape }, activation: losses[loss].activation, seed })

/** A model as it is now, as a teacher. */
const taughtBy = (student: TrainableModel, teacher: TrainableModel, loss: LossName): Graph => {
  const outputs = [{ name: 'scores', value: scoresOf(teacher, loss) }]
  const values = Object.fromEntries(teacher.parameters.map(({ name, start }) => [name, start.data]))
  return teacherFor(student, loss, trainedGraph({ ...teacher, graph: { ...teacher.graph, outputs } }, values).graph)
    .graph
}

const distillation = (
  student: TrainableModel,
  teacher: TrainableModel,
  { loss = 'cross-entropy' as LossName, ...more }: Partial<Distillation> & { loss?: LossName } = {},
): Distillation => ({
  teacher: { graph: taughtBy(student, teacher, loss) },
  temperature: 2,
  alpha: 0.5,
  labels: true,
  ...more,
})

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

describe('a teacher', () => {
  const student = network([dense(3)], [4])
  const graphOf = (layers: readonly Layer[], shape: readonly number[]): Graph => {
    const { graph, parameters } = network(layers, shape)
    return (
      trainedGraph({ ...network(layers, shape) }, Object.fromEntries(parameters.map((p) => [p.name, p.start.data])))
        .graph ?? graph
    )
  }

  it.each([
    [
      'of other inputs',
      graphOf([dense(3)], [5]),
      /takes "input" f32\[1,5\], the model that learns from it "input" f32\[1,4\]/,
    ],
    [
      'of another number of classes',
      graphOf([dense(7)], [4]),
      /the teacher gives 7 scores, the model that learns from it 3/,
    ],
  ])('%s is refused', (_, graph, message) => {
    expect(() => teacherFor(student, 'cross-entropy', graph)).toThrow(message)
  })

  it('is given its inputs by name, or in their order', () => {
    const value = (name: string, shape: number[]): Port => input(name, 'f32', shape)
    const two = (names: readonly [string, string]): TrainableModel => {
      const [p, q] = names.map((name) => value(name, [1, 3])) as [Port, Port]
      const sum = b.binary('sub', p.value, q.value)
      return { ...student, graph: { inputs: [p, q], outputs: [{ name: 'y', value: sum }] }, data: names, scores: sum }
    }
    const resultOf = (graph: Graph): number[] =>
      toNumbers(
        Object.values(
          evaluate(graph, { p: tensorOf('f32', [1, 3], [5, 5, 5]), q: tensorOf('f32', [1, 3], [1, 2, 3]) }),
        )[0]!,
      )
    const teach = (names: readonly [string, string]): Graph =>
      teacherFor(two(['p', 'q']), 'cross-entropy', two(names).graph).graph
    expect(resultOf(teach(['p', 'q']))).toEqual([4, 3, 2])
    expect(resultOf(teach(['q', 'p']))).toEqual([-4, -3, -2])
    expect(resultOf(teach(['u', 'v']))).toEqual([4, 3, 2])
  })

  it('of an ONNX model gives what stands before its softmax, quantized or not, for the sizes of its student', () => {
    const scale = [stored('s', tensorOf('f32', [], [1 / 256])), stored('z', tensorOf('u8', [], [0]))]
    const initializers = [stored('w', tensorOf('f32', [4, 3], draws(12, 3))), ...scale]
    const ends = {
      plain: ['y = Softmax(m)'],
      quantized: ['p = Softmax(m)', 'q = QuantizeLinear(p, s, z)', 'y = DequantizeLinear(q, s, z)'],
    }
    const given = { input: tensorOf('f32', [1, 4], draws(4, 4)) }
    const [plain, quantized] = [ends.plain, ends.quantized].map((nodes) => {
      const spec = {
        inputs: ['input f32[n,features]'],
        outputs: ['y f32[n,3]'],
        nodes: ['m = MatMul(input, w)', ...nodes],
      }
      const { teacher, notes } = importedTeacher(onnxModel({ ...spec, initializers }), student, 'cross-entropy', {})
      expect(notes).toEqual([])
      return evaluate(teacher.graph, given)
    })
    expect(quantized).toEqual(plain)
    const sums = [0, 1, 2].map((k) => draws(4, 4).reduce((sum, x, i) => sum + x * draws(12, 3)[3 * i + k]!, 0))
    toNumbers(plain!['scores']!).forEach((score, k) => expect(score).toBeCloseTo(sums[k]!, 5))
    const values = onnxModel({
      inputs: ['input f32[n,4]'],
      outputs: ['y f32[n,3]'],
      nodes: ['y = MatMul(input, w)'],
      initializers,
    })
    expect(importedTeacher(values, student, 'cross-entropy', {}).notes.join()).toContain('does not end in a softmax')
  })

  it('has a hash of its numbers', () => {
    const [one, same, other] = [3, 3, 4].map((seed) =>
      teacherHash({ graph: taughtBy(student, network([dense(3)], [4], seed), 'cross-entropy') }),
    )
    expect(same).toBe(one)
    expect(other).not.toBe(one)
  })

  it('begins where its student does, if both begin alike', () => {
    const front = logMel({ rate: 8000, window: 100, hop: 50, bins: 8 })
    const layers = (f: Layer, width: number): Layer[] => [f, conv(width, 3), relu(), globalAveragePool(), dense(3)]
    const model = network(layers(front, 2), [300])
    const parted = partedAtFront(model)!
    const teacherOf = (f: Layer) => ({ graph: taughtBy(model, network(layers(f, 6), [300], 9), 'cross-entropy') })
    const whole = teacherOf(front)
    const cut = partedTeacher(whole, parted)!
    const given = { input: tensorOf('f32', [1, 300], draws(300, 1)) }
    const features = evaluate(parted.front, given)
    expect(evaluate(cut.graph, features)).toEqual(evaluate(whole.graph, given))
    // One that reads the sound besides.
    const [{ name, value: scores }, [{ value: samples }]] = [whole.graph.outputs[0]!, whole.graph.inputs as [Port]]
    const value = b.binary('add', scores, b.broadcast(b.reduce('add', samples, [1], true), scores.type.shape))
    expect(partedTeacher({ graph: { ...whole.graph, outputs: [{ name, value }] } }, parted)).toBeUndefined()
    expect(nodesOf(cut.graph).length).toBeLessThan(nodesOf(whole.graph).length / 2)
    expect(
      partedTeacher(teacherOf(logMel({ rate: 8000, window: 100, hop: 50, bins: 8, low: 50 })), parted),
    ).toBeUndefined()
  })
})

const threads = threadedExecutor(2)
afterAll(() => threads.close())

describe('a training', () => {
  /** Pictures of three classes, each with a bright row of its own. */
  function pictures(count: number, seed: number): Sample[] {
    const random = new Random(seed)
    return Array.from({ length: count }, (_, i) => {
      const x = Float32Array.from({ length: 16 }, (_, at) => (at >> 2 === i % 3 ? 1 : 0) + random.float() - 0.5)
      return { inputs: { input: x }, target: [i % 3] }
    })
  }
  const unlabelled = (samples: readonly Sample[]): Sample[] => samples.map(({ inputs }) => ({ inputs, target: [] }))
  const model = network([flatten(), dense(6), relu(), dense(3)], [4, 4, 1])
  const teacher = network([flatten(), dense(9), relu(), dense(3)], [4, 4, 1], 17)
  const options: FitOptions = {
    ...{
      epochs: 3,
      batch: 16,
      accumulate: 2,
      loss: 'cross-entropy',
      learningRate: 0.1,
      schedule: 'one-cycle',
      seed: 1,
    },
    optimizer: sgd({ momentum: 0.9 }),
  }
  const layout = pictureLayout([1, 4, 4, 1], { layout: 'NHWC', scale: 1 / 255, mean: [0], std: [1] })

  it('of mixed samples and a teacher has the same bytes with two workers, and behind a checkpoint', async () => {
    const train = augmented(samplesOf(pictures(50, 1)), {
      augmentations: [mixup({ alpha: 0.5, probability: 0.7 }), cutMix({ probability: 0.5 })],
      ...{ input: 'input', layout, parameters: 100, softClasses: 3, seed: 5 },
    })
    const data = { train, validation: samplesOf(pictures(20, 2)) }
    const all = { ...options, softTargets: true, classWeights: [1, 2, 0.5], distillation: distillation(model, teacher) }
    const run = (executor: ParallelExecutor, onCheckpoint?: (c: Checkpoint) => void, from?: Checkpoint) =>
      fit(model, data, all, executor, { ...(onCheckpoint && { onCheckpoint }) }, from)
    const saved: Checkpoint[] = []
    const whole = await run(compiledExecutor, (checkpoint) => saved.push(checkpoint))
    expect(await run(threads)).toEqual(whole)
    expect(await run(compiledExecutor, undefined, saved[0])).toEqual(whole)
    expect(whole.history.at(-1)!.validation.accuracy).toBeGreaterThan(0.5)
  })

  it('without labels comes nearer to what the teacher says, which is another thing than labels', async () => {
    const judged = distillation(model, teacher, { labels: false, alpha: 1 })
    const [train, validation] = [unlabelled(pictures(240, 1)), unlabelled(pictures(30, 2))].map(samplesOf) as [
      ReturnType<typeof samplesOf>,
      ReturnType<typeof samplesOf>,
    ]
    const { history, best } = await fit(
      model,
      { train, validation },
      { ...options, epochs: 20, distillation: judged },
      compiledExecutor,
    )
    const before = await (
      await scorer(model, 30, { loss: 'cross-entropy', distillation: judged }, compiledExecutor)
    ).score(validation)
    expect(best.validation.agreement).toBeGreaterThan(Math.max(0.75, before.agreement! + 0.2))
    expect(best.validation.loss).toBeLessThan(before.loss / 2)
    expect(Object.keys(history[0]!.train)).toEqual(['loss', 'agreement'])
    const scores = await scorer(
      model,
      30,
      { loss: 'cross-entropy', distillation: { ...judged, labels: true } },
      compiledExecutor,
    )
    scores.load(best.values)
    const labelled = await scores.score(samplesOf(pictures(30, 2)))
    expect(labelled.agreement).toBe(best.validation.agreement)
    expect(labelled.accuracy).not.toBe(labelled.agreement)
  })

  it.each<[string, Partial<FitOptions>, RegExp]>([
    [
      'class weights without labels',
      { classWeights: [1, 1, 2], distillation: distillation(model, teacher, { labels: false }) },
      /classWeights has no effect without labels/,
    ],
    [
      'smoothing without labels',
      { labelSmoothing: 0.1, distillation: distillation(model, teacher, { labels: false }) },
      /labelSmoothing has no effect without labels/,
    ],
  ])('refuses %s', async (_, more, message) => {
    const data = { train: samplesOf(pictures(6, 1)), validation: samplesOf(pictures(6, 2)) }
    await expect(fit(model, data, { ...options, ...more }, compiledExecutor)).rejects.toThrow(message)
  })

  it('tells of a teacher whose scores are not finite', async () => {
    const weights = teacher.parameters.map((p) => ({
      ...p,
      start: tensorOf(
        'f32',
        p.start.shape,
        [...p.start.data].map(() => 1e38),
      ),
    }))
    const data = { train: samplesOf(pictures(6, 1)), validation: samplesOf(pictures(6, 2)) }
    for (const accumulate of [1, 2]) {
      const wild = { ...options, accumulate, distillation: distillation(model, { ...teacher, parameters: weights }) }
      await expect(fit(model, data, wild, compiledExecutor)).rejects.toThrow(
        /step 1: the scores of the teacher are not finite/,
      )
    }
  })

  it('for a page has a teacher in the step, and a target where there are labels', () => {
    const step = (labels: boolean) =>
      standaloneStep(model, { ...options, distillation: distillation(model, teacher, { labels }) }).graph.inputs.map(
        ({ name }) => name,
      )
    expect(step(true)).toContain('target')
    expect(step(false)).not.toContain('target')
  })
})
