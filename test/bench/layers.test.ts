import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { benchLayers } from '../../compiler/bench/index.ts'
import { compile } from '../../compiler/index.ts'

it('times every kernel that does something, and only in a build made for it', async () => {
  const model = readFileSync('examples/digits/digits.onnx')
  const options = { dims: { batch: 1 }, targets: ['simd'] } as const
  const { layers, runMs } = await benchLayers(await compile(model, { ...options, instrument: true }), 'simd')
  expect(layers.length).toBeGreaterThan(5)
  const products = layers.filter((l) => l.macs > 0)
  expect(products).toHaveLength(4)
  expect(products.every((l) => l.nodes.length > 0)).toBe(true)
  for (const { medianMs, macs, gmacs } of layers) {
    expect(medianMs).toBeGreaterThanOrEqual(0)
    expect(gmacs === null).toBe(macs === 0)
  }
  expect(Number.isFinite(runMs)).toBe(true)
  expect((await benchLayers(await compile(model, options), 'simd')).layers).toEqual([])
})
