import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import proto from 'onnx-proto'
import * as ort from 'onnxruntime-web/wasm'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../compiler/cli/train/settings.ts'
import { setUp } from '../../compiler/cli/train/run.ts'
import { terminalOn } from '../../compiler/cli/terminal.ts'
import { readNpz } from '../../compiler/data/index.ts'
import { CLASSES, loadDigits, PIXELS, SAMPLES, SEED, select, split, trainingFiles } from '../../examples/digits/data.ts'
import { commandLine } from '../support/command-line.ts'

// examples/digits/README.md states these.
const STATED = { all: 1473 / 1500, samples: 296 / 300 }

const read = (name: string) => readFileSync(new URL(`../../examples/digits/${name}`, import.meta.url))
const { at, streams } = commandLine()

const digits = loadDigits()
const heldOut = select(digits, split(digits.labels.length, SEED).test)

describe('the digits example', () => {
  test('the split is deterministic, disjoint and complete', () => {
    const { train, validation, test } = split(10_000, SEED)
    expect([train.length, validation.length, test.length]).toEqual([7000, 1500, 1500])
    expect(new Set([...train, ...validation, ...test])).toEqual(new Set(Array.from({ length: 10_000 }, (_, i) => i)))
    expect(split(10_000, SEED)).toEqual({ train, validation, test })
    expect(split(10_000, SEED + 1).test).not.toEqual(test)
  })

  test('test.npz holds digits that the model was neither trained nor chosen on', () => {
    const { image, y } = readNpz(read('test.npz'))
    expect([image!.dtype, image!.shape, y!.dtype, y!.shape]).toEqual(['u8', [SAMPLES, 1, 28, 28], 'u8', [SAMPLES]])
    expect(Buffer.compare(image!.data as Uint8Array, heldOut.images.subarray(0, SAMPLES * PIXELS))).toBe(0)
    expect(Buffer.compare(y!.data as Uint8Array, heldOut.labels.subarray(0, SAMPLES))).toBe(0)
  })

  test('digits.onnx was made by attar.config.ts as it is, from these digits', async () => {
    mkdirSync(at('out'))
    copyFileSync('examples/digits/attar.config.ts', at('attar.config.ts'))
    for (const [name, bytes] of Object.entries(trainingFiles(digits))) writeFileSync(at('out', name), bytes)
    const settings = await readConfig(at('attar.config.ts'))
    const { fingerprint } = await setUp(settings, {}, terminalOn(streams))
    const { metadataProps, producerName } = proto.onnx.ModelProto.decode(read('digits.onnx'))
    expect(producerName).toBe('attar')
    expect(metadataProps).toContainEqual(expect.objectContaining({ key: 'training', value: fingerprint }))
  })

  test('digits.onnx is small and as accurate as stated', async () => {
    const model = read('digits.onnx')
    expect(model.length).toBeLessThan(100_000)
    const { metadataProps, graph } = proto.onnx.ModelProto.decode(model)
    expect(metadataProps).toContainEqual(
      expect.objectContaining({ key: 'classes', value: JSON.stringify([...'0123456789']) }),
    )
    expect(graph!.node!.filter((node) => node.opType === 'Conv')).toHaveLength(3)
    ort.env.wasm.numThreads = 1
    const session = await ort.InferenceSession.create(model)
    const run = async (count: number) => {
      const pixels = Float32Array.from(heldOut.images.subarray(0, count * PIXELS))
      const { probabilities } = await session.run({ image: new ort.Tensor('float32', pixels, [count, 1, 28, 28]) })
      expect(probabilities!.dims).toEqual([count, CLASSES])
      return probabilities!.data as Float32Array
    }
    const probabilities = await run(heldOut.labels.length)
    const right = Array.from(heldOut.labels, (label, i) => {
      const row = probabilities.subarray(i * CLASSES, (i + 1) * CLASSES)
      return row.indexOf(Math.max(...row)) === label
    })
    const share = (all: boolean[]) => all.filter((isRight) => isRight).length / all.length
    // Sums in another order may decide a close one otherwise.
    expect(share(right)).toBeGreaterThanOrEqual(STATED.all - 0.001)
    expect(share(right.slice(0, SAMPLES))).toBeGreaterThanOrEqual(STATED.samples - 0.004)
    const alone = await run(1)
    alone.forEach((p, i) => expect(p).toBeCloseTo(probabilities[i]!, 5))
  })
})
