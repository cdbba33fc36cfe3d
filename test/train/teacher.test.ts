import { afterAll, describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { type ParallelExecutor } from '../../compiler/core/executor.ts'
import { nodesOf, type Graph, type Port } from '../../compiler/core/graph.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { threadedExecutor } from '../../compiler/threads.ts'
import { augmented, cutMix, mixup, pictureLayout } from '../../compiler/train/augment/index.ts'
import {
  fit,
  importedTeacher,
  partedAtFront,
  partedTeacher,
  samplesOf,
  scorer,
  sgd,
  standaloneStep,
  teacherFor,
  teacherHash,
  trainedGraph,
  type Checkpoint,
  type FitOptions,
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
  type Layer,
} from '../../compiler/train/network/index.ts'
import { input } from '../../compiler/train/model/ports.ts'
import { model as onnxModel, stored } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { distillation, draws, network, taughtBy } from './taught.ts'

const b = new Builder(undefined)

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
