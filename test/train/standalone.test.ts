import { describe, expect, it } from 'vitest'
import type { TypedArray } from '../../compiler/core/scalar/dtype.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { tensor, tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import {
  adamw,
  sgd,
  standalonePrediction,
  standaloneStep,
  trainableNetwork,
  trainedGraph,
} from '../../compiler/train/index.ts'
import { batchNorm, conv, dense, dropout, flatten, relu, sequential } from '../../compiler/train/network/index.ts'
import { ports } from '../../compiler/train/model/ports.ts'
import { trainingStep } from '../../compiler/train/step/step.ts'
import { Random } from '../support/random.ts'

const [samples, size] = [6, 4 * 4]
const network = sequential([conv(3, 3), batchNorm(), relu(), flatten(), dropout(0.3), dense(2)])
const made = (input = 'image') =>
  trainableNetwork(network, {
    ...{ input: { dtype: 'f32', shape: [4, 4, 1] }, activation: 'softmax', seed: 3 },
    names: { input },
  })
const model = made()
const all = [...model.parameters, ...model.normalizations.flatMap(({ mean, variance }) => [mean, variance])]
// Numbers that f32 holds: the page gives the learning rate as one.
const rates = [1 / 64, 3 / 64, 1 / 128, 1 / 32, 1 / 64]
const random = new Random(5)
const images = Array.from({ length: samples * size }, () => 2 * random.float() - 1)
const targets = [0, 1, 1, 0, 1, 0]
const weights = [1, 1, 0.5, 1, 1, 0]

const numbers = (values: TypedArray): number[] => Array.from(values as Float32Array)

type Options = Parameters<typeof standaloneStep>[1]
const options = (more: Partial<Options> = {}): Options => ({
  ...{ batch: samples, loss: 'cross-entropy', optimizer: adamw(), seed: 7 },
  ...more,
})
const instantiated = ({ graph, state, start }: ReturnType<typeof standaloneStep>) =>
  compiledExecutor.instantiate(graph, state, start)

/** The states and the last loss after a step for each rate. */
async function ran(given: Options, pictures = images) {
  const instance = await instantiated(standaloneStep(model, given))
  let loss = NaN
  for (const rate of rates) {
    instance.inputs['image']!.set(pictures as never)
    instance.inputs['target']!.set(targets as never)
    instance.inputs['weight']!.set(weights as never)
    instance.inputs['learningRate']![0] = rate
    loss = Number(instance.run()['loss']![0])
  }
  return { state: instance.state, loss }
}

/** The same as the loop does it. */
async function byLoop(given: Options) {
  const { graph, state, start } = trainingStep(model, given)
  const instance = await compiledExecutor.instantiate(graph, state, start)
  let loss = NaN
  for (const [i, learningRate] of rates.entries()) {
    instance.inputs['image']!.set(images as never)
    instance.inputs[ports.target]!.set(targets as never)
    instance.inputs[ports.weight]!.set(weights as never)
    instance.inputs[ports.counter]![0] = i
    for (const [name, value] of Object.entries(given.optimizer.scalars({ step: i + 1, learningRate })))
      instance.inputs[ports.scalar(name)]![0] = value
    loss = Number(instance.run()[ports.loss]![0])
  }
  return { state: instance.state, loss }
}

describe('a step that stands alone', () => {
  it.each([
    ['adamw', options()],
    ['sgd', options({ optimizer: sgd({ momentum: 0.9, weightDecay: 0.01 }), clipNorm: 1 })],
    ['adamw without the first layer', options({ frozen: new Set(['conv1.weight', 'conv1.bias']) })],
    ['adamw with statistics as they are', options({ frozenStatistics: true })],
  ])('does what the loop does, dropout and all: %s', async (_, given) => {
    const [own, loop] = [await ran(given), await byLoop(given)]
    expect(own.loss).toBe(loop.loss)
    expect(numbers(own.state['step']!)).toEqual([rates.length])
    const { step: _step, ...states } = own.state
    for (const [name, values] of Object.entries(states))
      expect(numbers(values), name).toEqual(numbers(loop.state[name] ?? loop.state[`attar:${name}`]!))
    const changed = Object.keys(states).filter((name) => /^(conv|batchNorm|dense)/.test(name))
    const isFixed = (name: string): boolean =>
      given.frozen?.has(name) === true || (given.frozenStatistics === true && /mean|variance/.test(name))
    expect(changed.sort()).toEqual(
      all
        .map(({ name }) => name)
        .filter((name) => !isFixed(name))
        .sort(),
    )
  })

  it('changes nothing where the loss is not finite', async () => {
    const { state, loss } = await ran(options(), [NaN, ...images.slice(1)])
    expect(loss).toBeNaN()
    expect(numbers(state['step']!)).toEqual([0])
    for (const { name, start } of model.parameters) expect(numbers(state[name]!)).toEqual(toNumbers(start))
  })

  it('gives its states to the prediction, by their names', async () => {
    const given = options({ frozen: new Set(['conv1.weight']) })
    const { state } = await ran(given)
    const prediction = await instantiated(standalonePrediction(model, given))
    expect(Object.keys(prediction.state)).not.toContain('conv1.weight')
    for (const [name, values] of Object.entries(prediction.state)) values.set(state[name] as never)
    const image = images.slice(size, 2 * size)
    prediction.inputs['image']!.set(image as never)
    const values = {
      ...state,
      'conv1.weight': model.parameters.find(({ name }) => name === 'conv1.weight')!.start.data,
    }
    const { output } = evaluate(trainedGraph(model, values).graph, { image: tensorOf('f32', [1, 4, 4, 1], image) })
    const found = prediction.run()['output']!
    toNumbers(output!).forEach((p, i) => expect(found[i]).toBeCloseTo(p, 5))
    const before = evaluate(
      trainedGraph(model, Object.fromEntries(all.map(({ name, start }) => [name, start.data]))).graph,
      { image: tensor('f32', [1, 4, 4, 1], Float32Array.from(image)) },
    )
    expect(Math.abs(toNumbers(before['output']!)[0]! - Number(found[0]))).toBeGreaterThan(0.01)
  })

  it('refuses a model that has names of its own', () => {
    for (const name of ['target', 'weight', 'learningRate', 'step'])
      expect(() => standaloneStep(made(name), options())).toThrow(
        `the model has "${name}", and so has the training step`,
      )
  })
})
