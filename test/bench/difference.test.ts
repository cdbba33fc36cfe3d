import { expect, it } from 'vitest'
import { difference } from '../../compiler/bench/task.ts'
import { toHalf } from '../../compiler/core/scalar/half.ts'

const halves = (...values: number[]): Uint16Array => Uint16Array.from(values, toHalf)

it('compares floats of 16 bits by their values', () => {
  const own = halves(1, -2, 2 ** -24, Infinity, NaN, -0)
  expect(difference([own], [halves(1, -2, 2 ** -24, Infinity, NaN, 0)], ['f16'])).toMatchObject({ difference: 0 })
  const apart = { difference: 2 ** -9, magnitude: 2 }
  expect(difference([halves(1, -2)], [halves(1, -2 - 2 ** -9)], ['f16'])).toEqual(apart)
  // As engines give them that have Float16Array.
  const theirs = Object.defineProperty(Float32Array.of(1, -2 - 2 ** -9), Symbol.toStringTag, { value: 'Float16Array' })
  expect(difference([halves(1, -2)], [theirs], ['f16'])).toEqual(apart)
  // Integers of 16 bits are what they are.
  expect(difference([Uint16Array.of(3)], [Uint16Array.of(5)], ['u16'])).toEqual({ difference: 2, magnitude: 3 })
})
