import { describe, expect, it } from 'vitest'
import { tensorOf, toNumbers } from '../../../compiler/core/tensor.ts'
import type { AttributeValue } from '../build.ts'
import { runNode } from '../one-node.ts'

/** A row of 0, 1, 2, …, resized: which elements were taken. */
function taken(
  from: number,
  by: { readonly to: number } | { readonly scale: number },
  attributes: Readonly<Record<string, AttributeValue>>,
  opset = 13,
): number[] {
  const x = tensorOf(
    'f32',
    [1, from],
    Float32Array.from({ length: from }, (_, i) => i),
  )
  const scales = 'scale' in by ? tensorOf('f32', [2], [1, by.scale]) : undefined
  const sizes = 'to' in by ? tensorOf('i64', [2], [1n, BigInt(by.to)]) : undefined
  const inputs = opset < 11 ? [x, scales] : scales ? [x, undefined, scales] : [x, undefined, undefined, sizes]
  const constant = inputs.map((_, i) => i).slice(1)
  const [y] = runNode({ operator: 'Resize', opset, inputs, constant, attributes: { mode: 'nearest', ...attributes } })
  return toNumbers(y!)
}

/** Nearest neighbours in whole numbers: element i stands at numerator(i) / denominator. */
const rounded: Readonly<Record<string, (n: bigint, d: bigint) => bigint>> = {
  floor: (n, d) => (n - (((n % d) + d) % d)) / d,
  ceil: (n, d) => -rounded.floor!(-n, d),
  round_prefer_floor: (n, d) => rounded.ceil!(2n * n - d, 2n * d),
  round_prefer_ceil: (n, d) => rounded.floor!(2n * n + d, 2n * d),
}
const positions: Readonly<Record<string, (i: bigint, from: bigint, to: bigint) => readonly [bigint, bigint]>> = {
  half_pixel: (i, from, to) => [(2n * i + 1n) * from - to, 2n * to],
  half_pixel_symmetric: (i, from, to) => [(2n * i + 1n) * from - to, 2n * to],
  pytorch_half_pixel: (i, from, to) => (to > 1n ? [(2n * i + 1n) * from - to, 2n * to] : [0n, 1n]),
  asymmetric: (i, from, to) => [i * from, to],
  align_corners: (i, from, to) => (to > 1n ? [i * (from - 1n), to - 1n] : [0n, 1n]),
  tf_half_pixel_for_nn: (i, from, to) => [(2n * i + 1n) * from, 2n * to],
}

describe('Resize by sizes', () => {
  it.each(Object.keys(positions).flatMap((mode) => Object.keys(rounded).map((rounding) => [mode, rounding] as const)))(
    '%s, %s takes exactly the nearest',
    (mode, rounding) => {
      for (const from of [1, 2, 5, 20, 28, 57]) {
        for (const to of [1, 3, 4, 6, 13, 29, 60, 79]) {
          const expected = Array.from({ length: to }, (_, i) => {
            const [n, d] = positions[mode]!(BigInt(i), BigInt(from), BigInt(to))
            return Math.max(0, Math.min(from - 1, Number(rounded[rounding]!(n, d))))
          })
          const attributes = { coordinate_transformation_mode: mode, nearest_mode: rounding }
          expect([from, to, taken(from, { to }, attributes)]).toEqual([from, to, expected])
        }
      }
    },
  )

  it('keeps the aspect ratio by the exact ratio of another axis', () => {
    const x = tensorOf(
      'f32',
      [5, 57],
      Float32Array.from({ length: 5 * 57 }, (_, i) => i % 57),
    )
    const attributes = {
      ...{ mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
      keep_aspect_ratio_policy: 'not_larger',
    }
    const inputs = [x, undefined, undefined, tensorOf('i64', [2], [3n, 57n])]
    const [y] = runNode({ operator: 'Resize', opset: 19, inputs, constant: [3], attributes })
    // 57 · 3 / 5 = 34.2; element i stands at 5 i / 3.
    expect(y!.shape).toEqual([3, 34])
    expect(toNumbers(y!).slice(0, 34)).toEqual(Array.from({ length: 34 }, (_, i) => Math.floor((5 * i) / 3)))
  })
})

describe('Resize by scales', () => {
  it('has a length that is the product in f32, rounded down', () => {
    // 25 · 1.56 is 39, and f32(1.56) a little less.
    const attributes = { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }
    expect(taken(25, { scale: Math.fround(1.56) }, attributes)).toHaveLength(39)
    // f32(4 / 28) is a little more than a seventh: of 7, 14 and 21, i / scale in f32 reaches the last alone.
    expect(taken(28, { scale: Math.fround(4 / 28) }, attributes)).toEqual([0, 6, 13, 21])
  })

  it('does not shorten the result by the region of interest', () => {
    const inputs = [
      tensorOf('f32', [9], [0, 1, 2, 3, 4, 5, 6, 7, 8]),
      tensorOf('f32', [2], [0.25, 0.75]),
      tensorOf('f32', [1], [1]),
    ]
    const attributes = { mode: 'linear', coordinate_transformation_mode: 'tf_crop_and_resize' }
    const [y] = runNode({ operator: 'Resize', opset: 13, inputs, constant: [1, 2], attributes })
    expect(toNumbers(y!)).toEqual([2, 2.5, 3, 3.5, 4, 4.5, 5, 5.5, 6])
  })

  it('rounds up before opset 11 where it makes smaller, else down', () => {
    expect(taken(10, { scale: Math.fround(0.3) }, {}, 10)).toEqual([0, 4, 7])
    expect(taken(3, { scale: 2.5 }, {}, 10)).toEqual([0, 0, 0, 1, 1, 2, 2])
  })
})
