import { describe, expect, it } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { convert, randomInputs, splitSamples } from '../../compiler/data/index.ts'

const x = { name: 'x', dtype: 'f32', shape: [2, 3] } as const

describe('splitSamples', () => {
  const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)

  it('takes one run, runs along a new dimension, and runs along the batch', () => {
    for (const [shape, runs] of [
      [[2, 3], 1],
      [[2, 2, 3], 2],
      [[6, 3], 3],
    ] as const) {
      const t = tensorOf('f32', shape, range(6 * runs))
      const { samples } = splitSamples({ x: t, labels: tensorOf('i32', [1], [7]) }, [x])
      expect(samples.map((s) => s.x!.shape)).toEqual(Array.from({ length: runs }, () => [2, 3]))
      expect(samples.flatMap((s) => toNumbers(s.x!))).toEqual(range(6 * runs))
    }
  })

  it('lets the only input go by another name, if that is clear', () => {
    const features = tensorOf('f32', [2, 2, 3], range(12))
    const labels = tensorOf('i64', [2], [0n, 1n])
    expect(splitSamples({ features, labels }, [x])).toMatchObject({ samples: { length: 2 }, used: ['features'] })
    expect(() => splitSamples({ features, others: features }, [x])).toThrow(/no array "x"/)
  })

  it('gives one run to a model without inputs', () => {
    expect(splitSamples({}, []).samples).toEqual([{}])
  })

  it('refuses what does not fit', () => {
    const t = (...shape: number[]) => tensorOf('f32', shape, range(shape.reduce((n, d) => n * d, 1)))
    expect(() => splitSamples({ y: t(2, 4) }, [x])).toThrow(/A504[^]*no array "x"/)
    expect(() => splitSamples({ x: t(5, 3) }, [x])).toThrow(/A504[^]*f32\[5,3\]/)
    expect(() => splitSamples({ x: t(2, 3), z: t(4) }, [x, { name: 'z', dtype: 'f32', shape: [] }])).toThrow(
      /1 runs, "z" for 4/,
    )
  })
})

it('takes integers as floats, and says so', () => {
  const notes: string[] = []
  const pixels = tensorOf('u8', [2, 1], [7, 255])
  const { samples } = splitSamples({ image: pixels }, [{ name: 'x', dtype: 'f32', shape: [1] }], notes)
  expect(samples.map(({ x }) => x)).toEqual([tensorOf('f32', [1], [7]), tensorOf('f32', [1], [255])])
  expect(notes).toEqual([expect.stringMatching(/"image" is u8, the model takes f32/)])
})

describe('convert', () => {
  it('rounds floats and keeps integers', () => {
    expect(toNumbers(convert(tensorOf('f64', [1], [0.1]), 'f32', 'x'))).toEqual([Math.fround(0.1)])
    expect(convert(tensorOf('i64', [2], [-1n, 7n]), 'i8', 'x')).toEqual(tensorOf('i8', [2], [-1, 7]))
    expect(convert(tensorOf('i32', [1], [3]), 'i64', 'x')).toEqual(tensorOf('i64', [1], [3n]))
  })

  it('refuses lossy conversions', () => {
    expect(() => convert(tensorOf('i64', [1], [300n]), 'u8', 'x')).toThrow(/x has the value 300/)
    expect(() => convert(tensorOf('f32', [1], [1]), 'i32', 'x')).toThrow(CompileError)
    expect(() => convert(tensorOf('i32', [1], [1]), 'f32', 'x')).toThrow(CompileError)
  })
})

describe('randomInputs', () => {
  it('depends on the seed alone and stays in range', () => {
    const inputs = [
      x,
      { name: 'ids', dtype: 'i64', shape: [50] },
      { name: 'flags', dtype: 'bool', shape: [50] },
      { name: 'bytes', dtype: 'i8', shape: [200] },
      { name: 'nibbles', dtype: 'u4', shape: [200] },
      { name: 'samples', dtype: 'i16', shape: [200] },
    ] as const
    const a = randomInputs(inputs, 1)
    expect(randomInputs(inputs, 1)).toEqual(a)
    expect(randomInputs(inputs, 2)).not.toEqual(a)
    expect(toNumbers(a.x!).every((v) => v >= -1 && v < 1)).toBe(true)
    expect(new Set(toNumbers(a.ids!))).toEqual(new Set([0, 1]))
    expect(new Set(toNumbers(a.flags!))).toEqual(new Set([0, 1]))
    expect(new Set(toNumbers(a.nibbles!))).toEqual(new Set(Array.from({ length: 16 }, (_, i) => i)))
    expect(Math.min(...toNumbers(a.bytes!))).toBeLessThan(-100)
    expect(Math.max(...toNumbers(a.bytes!))).toBeGreaterThan(100)
    expect(Math.min(...toNumbers(a.samples!))).toBeLessThan(-30000)
    expect(Math.max(...toNumbers(a.samples!))).toBeGreaterThan(30000)
  })
})
