import { describe, expect, it } from 'vitest'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { defaultTolerance, openReference, verifyModel, type Runner } from '../../compiler/verify/index.ts'
import { model, stored } from '../onnx/build.ts'

const noFiles = (): never => {
  throw new Error('there are none')
}
const f32 = (...values: number[]): Tensor => tensorOf('f32', [1, values.length], values)

describe('onnxruntime-web as the reference', () => {
  it('measures each output of each variant', async () => {
    const affine = model({
      inputs: ['x f32[1,2]', 'scale f32[1,2]'],
      outputs: ['y f32[1,2]'],
      nodes: ['y = Mul(x, scale)'],
    })
    const runner = (variant: string, error: number): Runner => ({
      variant,
      run: async ({ x }) => ({ y: f32(...[...x!.data].map((v, i) => 10 * Number(v) + (i === 0 ? error : 0))) }),
    })
    const reference = await openReference(affine, noFiles)
    expect(reference.inputs).toEqual(['x', 'scale'])
    try {
      const samples = [{ x: f32(1, 2) }, { x: f32(4, 3) }]
      const bound = { scale: f32(10, 10) }
      const runners = [runner('exact', 0), runner('off', 15)]
      const [exact, off] = await verifyModel(reference, runners, samples, bound, defaultTolerance)
      expect(exact!.outputs).toEqual([
        { output: 'y', maxAbs: 0, maxRel: 0, sqnrDb: Infinity, top1: 1, status: 'pass', tolerance: defaultTolerance },
      ])
      // Σ y² = 100 + 400 + 1600 + 900; the first sample's largest element moves.
      expect(off!.outputs[0]).toMatchObject({ maxAbs: 15, maxRel: 1.5, top1: 0.5, status: 'fail' })
      expect(off!.outputs[0]!.sqnrDb).toBeCloseTo(10 * Math.log10(3000 / 450), 9)
      await expect(reference.run(samples[0]!)).rejects.toThrow(/A501[^]*"scale"[^]*--bind scale=/)
    } finally {
      await reference.close()
    }
  })

  it('reads weights from files beside the model', async () => {
    const w = { ...stored('w', f32(3, 5)), dataLocation: 1, externalData: [{ key: 'location', value: 'w.bin' }] }
    const { rawData, ...external } = w
    const graph = {
      inputs: ['x f32[1,2]'],
      outputs: ['y f32[1,2]'],
      nodes: ['y = Add(x, w)'],
      initializers: [external],
    }
    const reference = await openReference(model(graph), (name) => (name === 'w.bin' ? rawData! : noFiles()))
    expect(await reference.run({ x: f32(1, 1) })).toEqual({ y: f32(4, 6) })
    await reference.close()
  })

  it('says what it cannot load', async () => {
    await expect(openReference(new Uint8Array([1, 2, 3]), noFiles)).rejects.toThrow(/A101|A507/)
  })
})
