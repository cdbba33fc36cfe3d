import { readFileSync } from 'node:fs'
import { unzipSync } from 'fflate'
import proto from 'onnx-proto'
import * as ort from 'onnxruntime-web/wasm'
import { describe, expect, test } from 'vitest'
import { CLASSES, loadDigits, PIXELS, SEED, select, split } from '../../examples/digits/data.ts'

// examples/digits/README.md states these.
const STATED_ACCURACY = 298 / 300
const SAMPLES = 300

const read = (name: string) => readFileSync(new URL(`../../examples/digits/${name}`, import.meta.url))

/** The data behind an npy 1.0 header, whose length stands at byte 8. */
const npyData = (npy: Uint8Array) => npy.subarray(10 + npy[8]! + 256 * npy[9]!)
const npyHeader = (npy: Uint8Array) => new TextDecoder().decode(npy.subarray(10, 10 + npy[8]! + 256 * npy[9]!))

const files = unzipSync(read('test.npz'))
const [image, y] = [npyData(files['image.npy']!), npyData(files['y.npy']!)]

describe('the digits example', () => {
  test('the split is deterministic, disjoint and complete', () => {
    const { train, validation, test } = split(10_000, SEED)
    expect([train.length, validation.length, test.length]).toEqual([7000, 1500, 1500])
    expect(new Set([...train, ...validation, ...test])).toEqual(new Set(Array.from({ length: 10_000 }, (_, i) => i)))
    expect(split(10_000, SEED)).toEqual({ train, validation, test })
    expect(split(10_000, SEED + 1).test).not.toEqual(test)
  })

  test('test.npz holds digits that the model was neither trained nor chosen on', () => {
    expect(npyHeader(files['image.npy']!)).toContain(
      `'descr': '|u1', 'fortran_order': False, 'shape': (300, 1, 28, 28,)`,
    )
    expect(npyHeader(files['y.npy']!)).toContain(`'shape': (300,)`)
    const digits = loadDigits()
    const heldOut = select(digits, split(digits.labels.length, SEED).test.subarray(0, SAMPLES))
    expect(Buffer.compare(image, heldOut.images)).toBe(0)
    expect(Buffer.compare(y, heldOut.labels)).toBe(0)
  })

  test('digits.onnx is small and as accurate as stated', async () => {
    const model = read('digits.onnx')
    expect(model.length).toBeLessThan(100_000)
    const { metadataProps, graph } = proto.onnx.ModelProto.decode(model)
    expect(metadataProps).toEqual([expect.objectContaining({ key: 'labels', value: '0,1,2,3,4,5,6,7,8,9' })])
    expect(graph!.node!.filter((node) => node.opType === 'BatchNormalization')).toHaveLength(3)
    ort.env.wasm.numThreads = 1
    const session = await ort.InferenceSession.create(model)
    const run = async (count: number) => {
      const pixels = Float32Array.from(image.subarray(0, count * PIXELS))
      const { probabilities } = await session.run({ image: new ort.Tensor('float32', pixels, [count, 1, 28, 28]) })
      expect(probabilities!.dims).toEqual([count, CLASSES])
      return probabilities!.data as Float32Array
    }
    const probabilities = await run(SAMPLES)
    const right = y.filter((label, i) => {
      const row = probabilities.subarray(i * CLASSES, (i + 1) * CLASSES)
      return row.indexOf(Math.max(...row)) === label
    })
    expect(right.length / SAMPLES).toBeGreaterThanOrEqual(STATED_ACCURACY - 0.01)
    const alone = await run(1)
    alone.forEach((p, i) => expect(p).toBeCloseTo(probabilities[i]!, 5))
  })
})
