import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { readDataset, writeNpz, type DatasetOptions, type InputType } from '../../compiler/data/index.ts'

let folder: string
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'attar-'))))
afterAll(() => rmSync(folder, { recursive: true }))

const ids = (dtype: DType = 'i32'): InputType => ({ name: 'ids', dtype, shape: [1, 4] })
const padded = { preprocess: { pad: 9 } }
async function read(name: string, content: string | Uint8Array, options: DatasetOptions = padded, input = ids()) {
  const path = join(folder, name)
  writeFileSync(path, content)
  const { samples, labels, preprocess } = await readDataset(path, [input], options)
  return { rows: samples.map((s) => Array.from(s['ids']!.data as Int32Array)), labels, preprocess }
}

describe('rows of ids', () => {
  const rows = [
    [1, 2, 9, 9],
    [3, 4, 5, 6],
  ]

  it('of JSON are cut and filled up', async () => {
    const text = '{"ids": [1, 2], "y": 0}\n{"ids": [3, 4, 5, 6, 7], "y": 1}\n'
    const found = await read('a.jsonl', text)
    expect(found).toEqual({ rows, labels: [[0], [1]], preprocess: { pad: 9 } })
    expect((await read('b.jsonl', text, padded, ids('i64'))).rows[0]).toEqual([1n, 2n, 9n, 9n])
    expect((await read('empty.jsonl', '{"ids": [], "y": 0}')).rows).toEqual([[9, 9, 9, 9]])
    await expect(read('c.jsonl', text, {})).rejects.toThrow(/line 1: "ids" has 2 elements[^]*pad: ID/)
  })

  it('of a table end where its cells are empty', async () => {
    const text = 'ids.0,ids.1,ids.2,ids.3,ids.4,y\n1,2,,,,0\n3,4,5,6,7,1\n'
    expect(await read('a.csv', text)).toEqual({ rows, labels: [[0], [1]], preprocess: { pad: 9 } })
    expect((await read('b.csv', 'ids.0,ids.1\n1,2\n')).rows).toEqual([[1, 2, 9, 9]])
    await expect(read('c.csv', text, {})).rejects.toThrow(/A504[^]*5 columns[^]*pad: ID/)
    await expect(read('d.csv', 'ids.0,ids.1,ids.2\n1,,2\n')).rejects.toThrow(/line 2, column "ids\.1"/)
  })

  it('of arrays are cut and filled up, whatever integers they are', async () => {
    const y = tensorOf('i64', [2], [0n, 1n])
    const short = writeNpz({ ids: tensorOf('i64', [2, 2], [1n, 2n, 3n, 4n]), y })
    expect(await read('a.npz', short)).toEqual({
      rows: [
        [1, 2, 9, 9],
        [3, 4, 9, 9],
      ],
      labels: [[0], [1]],
      preprocess: { pad: 9 },
    })
    const long = writeNpz({ tokens: tensorOf('i16', [2, 1, 5], [1, 2, 9, 9, 0, 3, 4, 5, 6, 7]), y })
    expect((await read('b.npz', long)).rows).toEqual(rows)
    await expect(read('c.npz', short, {})).rejects.toThrow(/A504[^]*pad: ID/)
    const large = writeNpz({ ids: tensorOf('i64', [1, 4], [1n, 2n, 3n, 2n ** 31n]) })
    await expect(read('d.npz', large, {})).rejects.toThrow(/A504[^]*2147483648, which i32 does not hold/)
  })

  it('are whole numbers that the input holds', async () => {
    await expect(read('x.jsonl', '{"ids": [1, 2.5, 3, 4]}', {})).rejects.toThrow(/A502[^]*line 1[^]*2\.5/)
    await expect(read('y.jsonl', '{"ids": [1, 3000000000, 3, 4]}', {})).rejects.toThrow(/3000000000, which i32/)
    await expect(read('z.csv', 'a,b,c,d\n1,2,3,4.5\n', {})).rejects.toThrow(/A502[^]*line 2[^]*4\.5/)
    await expect(read('p.jsonl', '{"ids": [1]}', { preprocess: { pad: 2 ** 31 } })).rejects.toThrow(/2147483648/)
  })

  it('alone are filled up', async () => {
    await expect(read('f.jsonl', '{"ids": [1]}', padded, ids('f32'))).rejects.toThrow(/A501[^]*pad[^]*no effect/)
  })
})
