import { beforeAll, describe, expect, it } from 'vitest'
import { quantize, type QuantizeOptions } from '../../compiler/compress/index.ts'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { allNodesOf, type Graph } from '../../compiler/core/graph.ts'
import { codedBits, codeLengths, countBytes } from '../../compiler/core/bytes/huffman.ts'
import { bytesOf } from '../../compiler/core/tensor.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { digitsNetwork, type DigitsCase } from './networks.ts'

const code = async (run: Promise<unknown>): Promise<string | undefined> => {
  const error = await run.then(
    () => undefined,
    (e: unknown) => e,
  )
  return error instanceof CompileError ? error.message : String(error)
}

describe('a classifier of digits with weights of 3 bits and more', () => {
  let digits: DigitsCase
  let options: QuantizeOptions
  beforeAll(async () => {
    digits = await digitsNetwork(500, 200)
    const { samples, labels } = digits
    options = {
      ...{ mode: 'weights', executor: compiledExecutor, calibration: samples.slice(0, 30) },
      validation: { samples: samples.slice(100), labels: labels.slice(100) },
    }
  })

  it('chooses bits for each layer by a drop, from 3 on', async () => {
    const validation = { samples: digits.samples.slice(100, 140) }
    const three = { ...options, mode: 'weights', bits: 3, metric: 'mse', validation } as const
    const bitsWith = async (maxDrop?: number): Promise<[number[], number]> => {
      const { report } = await quantize(digits.graph, { ...three, maxDrop })
      if (maxDrop !== undefined) expect(report.accuracy!.drop).toBeLessThanOrEqual(maxDrop)
      return [report.layers.map(({ bits }) => bits), report.accuracy!.drop]
    }
    const [all, drop] = await bitsWith()
    expect(all).toEqual([8, 3])
    const [four, dropOfFour] = await bitsWith(0.9 * drop)
    expect(four).toEqual([8, 4])
    expect(await bitsWith(0.9 * dropOfFour).then(([bits]) => bits)).toEqual([8, 8])
  })

  it('chooses as many bits for each layer as fit', async () => {
    // What the constants take in codes: no module is needed to see which bits are chosen.
    const measure = (graph: Graph): Promise<number> => {
      const bits = allNodesOf(graph).map((node) => {
        if (node.op !== 'constant') return 0
        const counts = countBytes(bytesOf(node.attrs.value))
        return codedBits(counts, codeLengths(counts))
      })
      return Promise.resolve(bits.reduce((sum, n) => sum + n, 0) / 8)
    }
    const { validation: _, ...without } = options
    const three = { ...without, mode: 'weights', bits: 3 } as const
    const least = await measure((await quantize(digits.graph, three)).graph)
    const bitsWithin = async (bytes: number): Promise<number[]> => {
      const { graph, report } = await quantize(digits.graph, { ...three, maxSize: { bytes, measure } })
      expect(await measure(graph)).toBeLessThanOrEqual(bytes)
      return report.layers.map(({ bits }) => bits)
    }
    expect((await bitsWithin(least + 40))[1]).toBe(3)
    expect((await bitsWithin(1e6)).filter((bits) => bits === 32).length).toBe(1)
    expect(await code(bitsWithin(least - 1))).toMatch(
      /A501[^]*takes [\d.]+ bytes where all weights have the fewest bits/,
    )
    const integers = quantize(digits.graph, { ...three, mode: 'int8', bits: undefined, maxSize: { bytes: 1, measure } })
    expect(await code(integers)).toMatch(/A501[^]*bits of weights alone/)
    const blind = quantize(digits.graph, { ...three, calibration: [], maxSize: { bytes: 1, measure } })
    expect(await code(blind)).toMatch(/A501[^]*needs samples/)
  })
})
