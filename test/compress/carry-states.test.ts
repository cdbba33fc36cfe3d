import { describe, expect, it } from 'vitest'
import { tensorOf, toNumbers, zeros, type Tensor } from '../../compiler/core/tensor.ts'
import { carryStates, importModel, quantize, type Sample } from '../../compiler/index.ts'
import { model, stored } from '../onnx/build.ts'

const f32 = (...values: number[]): Tensor => tensorOf('f32', [1, values.length], values)
const bytes = model({
  inputs: ['h f32[1,2]', 'x f32[1,2]', 'k f32[1,2]'],
  outputs: ['hn f32[1,2]', 'y f32[1,2]', 'k2 f32[1,2]'],
  nodes: ['hn = Add(x, h)', 'y = MatMul(h, w)', 'k2 = Identity(x)'],
  initializers: [stored('w', tensorOf('f32', [2, 2], [1, 2, -3, 4]))],
})
const { graph } = importModel(bytes, {})
const state = { h: 'hn', k: 'k2' }
const samples: Sample[] = [1, 2, 3, 4, 5].map((v) => ({ x: f32(v, -v) }))
const numbers = (all: readonly Sample[]): Record<string, number[]>[] =>
  all.map((sample) => Object.fromEntries(Object.entries(sample).map(([name, t]) => [name, toNumbers(t)])))

describe('carryStates', () => {
  it('gives each step the states that it starts from, by the model itself', async () => {
    const found = await carryStates(graph, samples, { state, stateStart: { h: f32(10, 20) } })
    expect(numbers(found)).toEqual([
      { x: [1, -1], h: [10, 20], k: [0, 0] },
      { x: [2, -2], h: [11, 19], k: [1, -1] },
      { x: [3, -3], h: [13, 17], k: [2, -2] },
      { x: [4, -4], h: [16, 14], k: [3, -3] },
      { x: [5, -5], h: [20, 10], k: [4, -4] },
    ])
  })

  it('runs all steps up to the last that is kept', async () => {
    const all = await carryStates(graph, samples, { state })
    expect(await carryStates(graph, samples, { state, kept: [1, 3] })).toEqual([all[1], all[3]])
    expect(await carryStates(graph, samples, { state, kept: [] })).toEqual([])
  })

  it('refuses wrong states before anything runs, and more than 2 GiB of them', async () => {
    await expect(carryStates(graph, [], { state: { h: 'y2' } })).rejects.toThrow(/A106[^]*no output "y2"/)
    const large = model({ inputs: ['x f32[1]', 'h f32[65536]'], outputs: ['hn f32[65536]'], nodes: ['hn = Add(x, h)'] })
    const many = Array.from({ length: 8193 }, () => samples[0]!)
    const { graph: g } = importModel(large, {})
    await expect(carryStates(g, many, { state: { h: 'hn' } })).rejects.toThrow(/A301[^]*8193 samples/)
  })
})

describe('quantize of a model with states', () => {
  it('judges by an output that users see', async () => {
    const calibration = await carryStates(graph, samples, { state })
    const settings = { mode: 'int8', calibration, sensitivity: false } as const
    const names = async (more: object): Promise<string[]> =>
      (await quantize(graph, { ...settings, ...more })).graph.outputs.map(({ name }) => name)
    expect(await names({ state })).toEqual(['y', 'hn', 'k2'])
    expect(await names({})).toEqual(['hn', 'y', 'k2'])
  })

  it('refuses samples without an input', async () => {
    const calibration = [{ x: f32(1, 2), k: zeros('f32', [1, 2]) }]
    await expect(quantize(graph, { mode: 'int8', calibration })).rejects.toThrow(
      /A501[^]*a sample has no value for the input "h"/,
    )
  })
})
