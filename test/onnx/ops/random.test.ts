import { describe, expect, it } from 'vitest'
import { Builder } from '../../../compiler/core/builder.ts'
import { evaluate } from '../../../compiler/core/evaluate.ts'
import { philox } from '../../../compiler/core/random/philox.ts'
import { tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { compileGraph } from '../../../compiler/pipeline.ts'
import { expectClose, graphOf, inputOf, runModule } from '../../support/run-graph.ts'
import { model, node } from '../build.ts'
import { runNode, type OneNode } from '../one-node.ts'

const values = (text: OneNode): number[] => toNumbers(runNode(text)[0]!)
const mean = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0) / list.length

describe('Philox 4x32-10', () => {
  // Known answers of Random123's kat_vectors.
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ])('of counter %j and key %j gives %j', async (counter, key, answer) => {
    const inputs = counter.map((_, i) => inputOf(`c${i}`, 'u32', [1]))
    const b = new Builder(undefined)
    const outputs = answer.map((_, i) => b.map(inputs, (...c) => philox(c, key as [number, number])[i]!))
    const graph = graphOf(inputs, outputs)
    const given = Object.fromEntries(counter.map((n, i) => [`c${i}`, tensorOf('u32', [1], [n])]))
    const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
    for (const results of [evaluate(graph, given), runModule(modules.simd!, spec, given)]) {
      expect(Object.values(results).flatMap(toNumbers)).toEqual(answer)
    }
  })
})

describe('random operators', () => {
  const uniform = (attributes: OneNode['attributes']): number[] =>
    values({ operator: 'RandomUniform', inputs: [], attributes: { shape: [50, 41], ...attributes } })

  it('fill a range evenly', () => {
    const drawn = uniform({ low: { float: -1 }, high: { float: 3 } })
    expect(drawn).toHaveLength(2050)
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(-1)
    expect(Math.max(...drawn)).toBeLessThan(3)
    // Three standard deviations of the mean: 3 · 4/√12 / √2050.
    expect(Math.abs(mean(drawn) - 1)).toBeLessThan(0.077)
    const quarters = [0, 1, 2, 3].map((q) => drawn.filter((v) => Math.floor(v + 1) === q).length)
    quarters.forEach((n) => expect(Math.abs(n - 512)).toBeLessThan(60))
  })

  it('give the same for one seed, something else for another', () => {
    expect(uniform({ seed: { float: 7 } })).toEqual(uniform({ seed: { float: 7 } }))
    expect(uniform({ seed: { float: 7 } })).not.toEqual(uniform({ seed: { float: 8 } }))
    expect(uniform({})).toEqual(uniform({}))
  })

  it('without a seed differ from node to node', () => {
    const attributes = { shape: [64] }
    const text = {
      outputs: ['a', 'b'],
      nodes: [
        node('a = RandomNormal()', { name: 'first', attributes }),
        node('b = RandomNormal()', { name: 'second', attributes }),
      ],
    }
    const { a, b } = evaluate(importModel(model(text)).graph, {})
    expect(toNumbers(a!)).not.toEqual(toNumbers(b!))
  })

  it('have mean and deviation of a normal distribution', () => {
    const like = tensorOf('f64', [64, 32], new Array<number>(2048).fill(0))
    const text: OneNode = {
      operator: 'RandomNormalLike',
      inputs: [like],
      attributes: { mean: { float: 10 }, scale: { float: 2 }, seed: { float: 3 } },
    }
    const [y] = runNode(text)
    expect([y!.dtype, ...y!.shape]).toEqual(['f64', 64, 32])
    const drawn = toNumbers(y!)
    const deviations = drawn.map((v) => (v - mean(drawn)) ** 2)
    expect(Math.abs(mean(drawn) - 10)).toBeLessThan(0.14)
    expect(Math.abs(Math.sqrt(mean(deviations)) - 2)).toBeLessThan(0.1)
    const within = drawn.filter((v) => Math.abs(v - 10) < 2).length / 2048
    expect(Math.abs(within - 0.6827)).toBeLessThan(0.035)
  })

  it('draw ones and classes as often as they are likely', () => {
    const likely = tensorOf(
      'f32',
      [3000],
      Array.from({ length: 3000 }, (_, i) => [0, 0.25, 1][i % 3]!),
    )
    const ones = values({ operator: 'Bernoulli', opset: 15, inputs: [likely] })
    const share = [0, 1, 2].map((k) => mean(ones.filter((_, i) => i % 3 === k)))
    expect([share[0], share[2]]).toEqual([0, 1])
    expect(Math.abs(share[1]! - 0.25)).toBeLessThan(0.045)

    const logits = tensorOf('f32', [2, 3], [Math.log(1), Math.log(2), Math.log(5), 0, -Infinity, -Infinity])
    const drawn = values({ operator: 'Multinomial', inputs: [logits], attributes: { sample_size: 2000 } })
    const classes = [0, 1, 2].map((k) => drawn.slice(0, 2000).filter((v) => v === k).length / 2000)
    classes.forEach((p, k) => expect(Math.abs(p - [0.125, 0.25, 0.625][k]!)).toBeLessThan(0.04))
    expect(new Set(drawn.slice(2000))).toEqual(new Set([0]))
  })

  it('drop out in training, and keep the mean', () => {
    const text = (ratio: number, training: number): OneNode => ({
      operator: 'Dropout',
      opset: 13,
      inputs: [
        tensorOf('f32', [2000], new Array<number>(2000).fill(3)),
        tensorOf('f32', [], [ratio]),
        tensorOf('bool', [], [training]),
      ],
      constant: [1, 2],
      outputs: 2,
    })
    const [y, mask] = runNode(text(0.25, 1))
    const kept = toNumbers(mask!)
    expect(toNumbers(y!)).toEqual(kept.map((m) => (m ? 4 : 0)))
    expect(Math.abs(mean(kept) - 0.75)).toBeLessThan(0.03)
    expect(new Set(toNumbers(runNode(text(1, 1))[0]!))).toEqual(new Set([0]))
    expect(new Set(toNumbers(runNode(text(0.25, 0))[0]!))).toEqual(new Set([3]))
  })

  it('are the same in a module, in every run', async () => {
    const text = {
      inputs: ['p f32[200,100]'],
      outputs: ['u', 'n', 'b'],
      nodes: ['u = RandomUniformLike(p)', 'n = RandomNormalLike(p)', 'b = Bernoulli(p)'],
    }
    const { graph } = importModel(model(text))
    const inputs: Record<string, Tensor> = { p: tensorOf('f32', [200, 100], new Array<number>(20000).fill(0.5)) }
    const expected = evaluate(graph, inputs)
    const { modules, spec, report } = await compileGraph(graph, { targets: ['simd'] })
    const actual = runModule(modules.simd!, spec, inputs)
    for (const name of ['u', 'b']) expectClose(actual[name]!, expected[name]!, 0)
    expectClose(actual['n']!, expected['n']!, 1e-5)
    expect(report.weights).toBeLessThan(20000)
  })
})
