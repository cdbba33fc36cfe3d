import * as ort from 'onnxruntime-web/wasm'
import { afterAll, describe, expect, it } from 'vitest'
import { compile } from '../../compiler/index.ts'
import { expectSameBytes, jobOf } from '../support/engines/jobs.ts'
import { Random } from '../support/random.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { runOver } from '../support/engines/run-over.ts'
import { mobileNetV1, mobileNetV2, outputStep } from './mobilenet.ts'

ort.env.wasm.numThreads = 1
const engines = await relaxedEngines()
afterAll(() => engines.forEach((engine) => engine.close()))

const size = 224

describe.each([
  ['MobileNetV1', mobileNetV1],
  ['MobileNetV2', mobileNetV2],
] as const)('%s in bytes at 224 × 224', (_, build) => {
  it('is the same in both modules, and within a step of onnxruntime in integers', async () => {
    const random = new Random(17)
    const model = build(random, size)
    const compiled = await compile(model)
    expect(compiled.report.kernels.some(({ relaxed }) => relaxed === 'u8_igemm_dot_6x8')).toBe(true)
    const data = Float32Array.from({ length: 3 * size * size }, () => random.float() * 8 - 4)
    const inputs = { x: { dtype: 'f32' as const, shape: [1, 3, size, size], data } }
    const runs = runOver(jobOf(compiled, 'simd', inputs))
    expectSameBytes(runs, runs[0]!, 'simd')
    for (const engine of engines) {
      expectSameBytes(await engine.run(jobOf(compiled, 'relaxed-simd', inputs)), runs[0]!, engine.name)
    }
    // With its optimizations it computes in integers.
    const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: 'all' })
    const [expected] = Object.values(await session.run({ x: new ort.Tensor('float32', data, [1, 3, size, size]) }))
    const values = new Float32Array(runs[0]![0]!.slice().buffer)
    const steps = Array.from(expected!.data as Float32Array, (v, i) => Math.round((values[i]! - v) / outputStep))
    expect(new Set(values).size).toBeGreaterThan(10)
    expect(
      steps.every((n) => Math.abs(n) <= 1),
      `steps ${steps.join()}`,
    ).toBe(true)
  })
})
