import { describe, expect, it } from 'vitest'
import {
  broadcastAccess,
  contiguous,
  isContiguous,
  mapStrides,
  reshapeAccess,
  reshapeStrides,
} from '../../compiler/schedule/program/access.ts'
import type { Access, Buffer } from '../../compiler/schedule/program/program.ts'
import { elementCount, rowMajorStrides, walk, type Shape } from '../../compiler/core/shape.ts'
import { Random } from '../support/random.ts'

const buffer: Buffer = { name: 'b', dtype: 'f32', length: 100, home: { kind: 'arena' } }
const indices: Buffer = { name: 'i', dtype: 'i32', length: 4, home: { kind: 'arena' } }

/** Offsets that strides visit over a shape, in row-major order. */
function visited(shape: Shape, strides: readonly number[]): number[] {
  const offsets: number[] = []
  walk(shape, [strides], ([at]) => void offsets.push(at!))
  return offsets
}

describe('reshapeStrides', () => {
  it.each<[number[], Shape, Shape, number[] | undefined]>([
    [[3, 1], [2, 3], [6], [1]],
    [[1], [6], [2, 3], [3, 1]],
    [[1, 2], [2, 3], [6], undefined],
    [
      [1, 2],
      [2, 3],
      [2, 1, 3],
      [1, 0, 2],
    ],
    [
      [12, 4, 1],
      [2, 3, 4],
      [6, 4],
      [4, 1],
    ],
    [[24, 4, 1], [2, 3, 4], [6, 4], undefined],
    [
      [24, 4, 1],
      [2, 3, 4],
      [2, 12],
      [24, 1],
    ],
    [[0], [6], [2, 3], [0, 0]],
    [[0, 0], [2, 3], [6], [0]],
    [[-1], [6], [3, 2], [-2, -1]],
    [[12, 1, 3], [2, 3, 4], [2, 12], undefined],
    [[5], [1], [1, 1], [0, 0]],
    [[], [], [1], [0]],
    [[7, 3], [1, 4], [4], [3]],
    [
      [6, 1],
      [4, 6],
      [8, 3],
      [3, 1],
    ],
    [[12, 1], [4, 6], [8, 3], undefined],
  ])('%j over %j as %j is %j', (strides, from, to, expected) => {
    expect(reshapeStrides(strides, from, to)).toEqual(expected)
  })

  it('visits what the original visits, and is found wherever there is one', () => {
    const random = new Random(3)
    let found = 0
    for (let round = 0; round < 3000; round++) {
      const from = Array.from({ length: 1 + random.int(4) }, () => random.pick([1, 2, 3, 4, 6]))
      const count = elementCount(from)
      const to: number[] = []
      for (let rest = count; rest > 1;) {
        const d = random.pick([1, 2, 3, 4, 6, rest].filter((n) => rest % n === 0))
        to.push(d)
        rest /= d
      }
      const strides = random.int(2) === 0 ? rowMajorStrides(from) : from.map(() => random.pick([0, 1, 2, 3, 6, 12, -1]))
      const reshaped = reshapeStrides(strides, from, to)
      const expected = visited(from, strides)
      if (reshaped) {
        found++
        expect(visited(to, reshaped)).toEqual(expected)
      } else {
        // No strides do: those that fit the first step of each axis do not visit the same elements.
        const own = rowMajorStrides(to)
        const only = to.map((d, i) => (d === 1 ? 0 : expected[own[i]!]! - expected[0]!))
        expect(visited(to, only)).not.toEqual(expected)
      }
    }
    expect(found).toBeGreaterThan(1000)
  })
})

describe('accesses', () => {
  const plain: Access = { buffer, offset: 5, strides: [12, 4, 1] }
  const indirect: Access = {
    ...plain,
    indirect: [{ index: { buffer: indices, offset: 0, strides: [0, 4, 1] }, scale: 2, limit: 9 }],
  }

  it('contiguous is row-major from 0', () => {
    expect(contiguous(buffer, [2, 3, 4])).toEqual({ buffer, offset: 0, strides: [12, 4, 1] })
  })

  it('isContiguous does not care about axes of length 1', () => {
    expect(isContiguous(plain, [2, 3, 4])).toBe(true)
    expect(isContiguous({ ...plain, strides: [99, 4, 1] }, [1, 3, 4])).toBe(true)
    expect(isContiguous({ ...plain, strides: [24, 4, 1] }, [2, 3, 4])).toBe(false)
    expect(isContiguous(indirect, [2, 3, 4])).toBe(false)
  })

  it('mapStrides reaches loaded indices', () => {
    const turned = mapStrides(indirect, ([a, b, c]) => [c!, a!, b!])
    expect(turned.strides).toEqual([1, 12, 4])
    expect(turned.indirect![0]!.index.strides).toEqual([1, 0, 4])
    expect(turned.indirect![0]!.scale).toBe(2)
  })

  it('reshapeAccess needs the indices to follow', () => {
    expect(reshapeAccess(plain, [2, 3, 4], [24])?.strides).toEqual([1])
    expect(reshapeAccess(indirect, [2, 3, 4], [24])).toBeUndefined()
    expect(reshapeAccess(indirect, [2, 3, 4], [2, 12])?.indirect![0]!.index.strides).toEqual([0, 1])
    expect(reshapeAccess(plain, [2, 0, 4], [0, 3])?.strides).toEqual([0, 0])
  })

  it('broadcastAccess stays where it repeats', () => {
    expect(broadcastAccess({ buffer, offset: 1, strides: [4, 1] }, [1, 4], [2, 3, 4])).toEqual({
      buffer,
      offset: 1,
      strides: [0, 0, 1],
    })
  })
})
