import { afterAll, describe, expect, it } from 'vitest'
import { compile, type Report } from '../../compiler/index.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { compare } from '../../compiler/verify/compare.ts'
import { modulePlaces, openReference } from '../../compiler/verify/index.ts'
import { Random } from '../support/random.ts'
import { bert, sizes } from './bert.ts'

const places = modulePlaces()
afterAll(() => places.close())

const random = new Random(5)
const numbersBelow = (n: number) =>
  tensorOf(
    'i32',
    [1, sizes.length],
    Array.from({ length: sizes.length }, () => random.int(n)),
  )
const inputs = {
  ids: numbersBelow(sizes.words),
  segments: numbersBelow(2),
  mask: tensorOf(
    'i32',
    [1, sizes.length],
    Array.from({ length: sizes.length }, (_, i) => (i < 11 ? 1 : 0)),
  ),
}

const kernelsOf = ({ kernels }: Report): unknown[] =>
  kernels.map(({ kernel, relaxed, macs }) => [kernel, relaxed, macs])

describe.each(['f32', 'int8'] as const)('BERT after onnxruntime’s optimizer, in %s', (numbers) => {
  it('is right in both modules, and the program that it is without', async () => {
    const [plain, fused] = await Promise.all([compile(bert('plain', numbers)), compile(bert('fused', numbers))])
    expect(kernelsOf(fused.report)).toEqual(kernelsOf(plain.report))
    expect(fused.report.weights).toBe(plain.report.weights)
    expect(fused.report.arena).toBe(plain.report.arena)
    const reference = await openReference(bert('fused', numbers), () => expect.unreachable())
    const { y } = await reference.run(inputs)
    await reference.close()
    // Beside rounding of floats, a byte of activations may fall to the other side.
    const tolerance = numbers === 'f32' ? { atol: 1e-5, rtol: 1e-4 } : { atol: 0.03, rtol: 0.03 }
    for (const { modules, spec } of [plain, fused]) {
      for (const { variant, run } of places.runners(modules, spec)) {
        const found = await run(inputs)
        expect(compare(found.y!, y!, tolerance).wrong, variant).toBeUndefined()
      }
    }
  })
})
