import { zipSync } from 'fflate'
import { describe, expect, it } from 'vitest'
import { readNpy, readNpz, writeNpy, writeNpz } from '../../compiler/data/index.ts'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { dtypes, type DType } from '../../compiler/core/scalar/dtype.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'

/** How types that NumPy lacks are written. */
const npyTypes: Readonly<Partial<Record<DType, DType>>> = {
  ...{
    bf16: 'f32',
    f8e4m3fn: 'f32',
    f8e4m3fnuz: 'f32',
    f8e5m2: 'f32',
    f8e5m2fnuz: 'f32',
    f8e8m0: 'f32',
    f4e2m1: 'f32',
  },
  ...{ i4: 'i8', i2: 'i8', u4: 'u8', u2: 'u8' },
}

/** A .npy file of version 1 as NumPy writes it. */
function npy(dict: string, data: readonly number[]): Uint8Array {
  const header = new TextEncoder().encode(`${dict.padEnd(117)}\n`)
  return Uint8Array.from([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, header.length, 0, ...header, ...data])
}

const code = (body: () => unknown): string | undefined => {
  try {
    body()
    return undefined
  } catch (error) {
    if (error instanceof CompileError) return error.diagnostics[0]!.code
    throw error
  }
}

/** numpy.savez_compressed(x=arange(6, dtype='<f4').reshape(2, 3), ids=array([1, -2])), NumPy 2.4. */
const savez = Buffer.from(
  'UEsDBC0AAAAIAAAAIQBP6QAq//////////8FABQAeC5ucHkBABAAmAAAAAAAAABVAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TZqKuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5GkY6CsaaOgq1CmQDLgYwaLAHEg5ABMQNQLzAAQBQSwMELQAAAAgAAAAhAJr79SP//////////wcAFABpZHMubnB5AQAQAJAAAAAAAAAASwAAAAAAAACb7BfqGxDJyFDGUK2eklqcXKRupaBuk2mhrqOgnpZfVFKUmBefX5SSChJ3S8wpTgWKF2ckFqQC+RpGOpo6CrUKFAAuRgYI+PcfAgBQSwECLQMtAAAACAAAACEAT+kAKlUAAACYAAAABQAAAAAAAAAAAAAAgAEAAAAAeC5ucHlQSwECLQMtAAAACAAAACEAmvv1I0sAAACQAAAABwAAAAAAAAAAAAAAgAGMAAAAaWRzLm5weVBLBQYAAAAAAgACAGgAAAAQAQAAAAA=',
  'base64',
)

describe('npy', () => {
  it('reads what NumPy writes', () => {
    const half = npy("{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }", [0x00, 0x3e, 0x00, 0xc0])
    expect(toNumbers(readNpy(half))).toEqual([1.5, -2])
    const scalar = npy("{'descr': '|b1', 'fortran_order': False, 'shape': (), }", [1])
    expect(readNpy(scalar)).toEqual({ dtype: 'bool', shape: [], data: Uint8Array.of(1) })
    const empty = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (0, 3), }", [])
    expect(readNpy(empty)).toEqual({ dtype: 'u8', shape: [0, 3], data: new Uint8Array() })
  })

  it('reads from a Buffer that shares its memory', () => {
    const t = tensorOf('f32', [2], [1.5, -2])
    const file = writeNpy(t)
    const pool = Buffer.alloc(file.length + 64)
    pool.set(file, 64)
    expect(readNpy(pool.subarray(64))).toEqual(t)
  })

  it('rearranges Fortran order', () => {
    const t = npy("{'descr': '<i2', 'fortran_order': True, 'shape': (2, 3), }", [0, 0, 3, 0, 1, 0, 4, 0, 2, 0, 5, 0])
    expect(readNpy(t)).toEqual({ dtype: 'i16', shape: [2, 3], data: Int16Array.of(0, 1, 2, 3, 4, 5) })
  })

  it('keeps every dtype and value in a round trip', () => {
    for (const dtype of dtypes) {
      const t = tensorOf(dtype, [2, 1, 2], [0, 1, 1, 0])
      const held = npyTypes[dtype] ?? dtype
      const expected = tensorOf(held, [2, 1, 2], toNumbers(t))
      const bytes = writeNpy(t)
      expect(readNpy(bytes), dtype).toEqual(expected)
      expect((bytes.length - expected.data.byteLength) % 64).toBe(0)
    }
  })

  it('refuses damaged and foreign files', () => {
    const good = writeNpy(tensorOf('f32', [3], [1, 2, 3]))
    expect(code(() => readNpy(good))).toBeUndefined()
    for (let length = 0; length < good.length; length++) {
      expect(code(() => readNpy(good.subarray(0, length)))).toBe('A502')
    }
    const shape = (dims: string): Uint8Array =>
      npy(`{'descr': '<f4', 'fortran_order': False, 'shape': (${dims}), }`, [])
    expect(code(() => readNpy(shape('1099511627776,')))).toBe('A502')
    expect(code(() => readNpy(shape(`${'9'.repeat(60)}, ${'9'.repeat(50)}`)))).toBe('A502')
    expect(code(() => readNpy(npy("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (0,), }", [])))).toBe(
      'A502',
    )
    expect(code(() => readNpy(npy("{'descr': '>i4', 'fortran_order': False, 'shape': (1,), }", [0, 0, 0, 1])))).toBe(
      'A502',
    )
    expect(code(() => readNpy(npy("{'descr': '|O', 'fortran_order': False, 'shape': (0,), }", [])))).toBe('A502')
  })
})

describe('npz', () => {
  it('reads what NumPy writes', () => {
    expect(readNpz(savez)).toEqual({
      x: { dtype: 'f32', shape: [2, 3], data: Float32Array.of(0, 1, 2, 3, 4, 5) },
      ids: { dtype: 'i64', shape: [2], data: BigInt64Array.of(1n, -2n) },
    })
  })

  it('keeps tensors in a round trip, also under unlucky names, and writes the same bytes again', () => {
    const tensors = Object.fromEntries([
      ['y', tensorOf('i8', [2], [-1, 1])],
      ['__proto__', tensorOf('f64', [], [0.1])],
      ['a/b:0', tensorOf('u64', [1], [2n ** 63n])],
    ])
    const read = readNpz(writeNpz(tensors))
    expect(Object.entries(read)).toEqual(Object.entries(tensors))
    expect(writeNpz(tensors)).toEqual(writeNpz(tensors))
  })

  it('refuses truncated and damaged archives', () => {
    for (let length = 0; length < savez.length; length += 7) {
      expect(code(() => readNpz(savez.subarray(0, length)))).toBe('A502')
    }
    for (let at = 0; at < savez.length; at++) {
      const damaged = Uint8Array.from(savez)
      damaged[at]! ^= 0xff
      expect([undefined, 'A502', 'A301']).toContain(code(() => readNpz(damaged)))
    }
  })

  it('allocates nothing for sizes that an archive only claims', () => {
    const archive = zipSync({ 'x.npy': writeNpy(tensorOf('u8', [4], [1, 2, 3, 4])) })
    const directory = archive.length - 22 - (46 + 'x.npy'.length)
    new DataView(archive.buffer).setUint32(directory + 24, 0x7fff_ffff, true)
    expect(code(() => readNpz(archive))).toBe('A502')
  })
})
