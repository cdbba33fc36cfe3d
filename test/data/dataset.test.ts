import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encode } from 'fast-png'
import { gzipSync } from 'fflate'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { readDataset, readImage, writeNpz, type InputType } from '../../compiler/data/index.ts'

/** A JPEG of 8 × 4 pixels of about (200, 100, 40). */
const jpeg = Buffer.from(
  '/9j/4AAQSkZJRgABAQAAAQABAAD/2wCEAAMDAwMDAwQEBAQFBQUFBQcHBgYHBwsICQgJCAsRCwwLCwwLEQ8SDw4PEg8bFRMTFRsfGhkaHyYiIiYwLTA+PlQBAwMDAwMDBAQEBAUFBQUFBwcGBgcHCwgJCAkICxELDAsLDAsRDxIPDg8SDxsVExMVGx8aGRofJiIiJjAtMD4+VP/CABEIAAQACAMBEQACEQEDEQH/xAAnAAEAAAAAAAAAAAAAAAAAAAAEAQEBAAAAAAAAAAAAAAAAAAAHCP/aAAwDAQACEAMQAAAAEBUn/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPwB//8QAFBEBAAAAAAAAAAAAAAAAAAAAAP/aAAgBAgEBPwB//8QAFBEBAAAAAAAAAAAAAAAAAAAAAP/aAAgBAwEBPwB//9k=',
  'base64',
)
const png = (width: number, height: number, data: number[], channels: 1 | 3 | 4 = 3): Uint8Array =>
  encode({ width, height, channels, depth: 8, data: Uint8Array.from(data) })

let folder: string
const at = (...parts: string[]): string => join(folder, ...parts)
const put = (name: string, content: string | Uint8Array): string => {
  writeFileSync(at(name), content)
  return at(name)
}
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attar-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const x: InputType = { name: 'x', dtype: 'f32', shape: [1, 2] }
const rows = (samples: readonly Readonly<Record<string, { data: unknown }>>[], name = 'x') =>
  samples.map((s) => Array.from(s[name]!.data as ArrayLike<number>))

describe('CSV', () => {
  it('takes columns by name, or all of them, and labels', async () => {
    const { samples, labels } = await readDataset(put('a.csv', 'y,x.1,x.0\n1,3,2\n0,"5",4\n'), [x])
    expect(rows(samples)).toEqual([
      [2, 3],
      [4, 5],
    ])
    expect(labels).toEqual([[1], [0]])
    const free = await readDataset(put('b.csv', '\ufeffage,height,y\n1,2,7\n'), [x])
    expect([rows(free.samples), free.labels]).toEqual([[[1, 2]], [[7]]])
  })

  it('says where a number is missing', async () => {
    await expect(readDataset(put('c.csv', 'x.0,x.1\n1,2\n3,three\n'), [x])).rejects.toThrow(
      /A502[^]*c\.csv", line 3, column "x\.1": "three" is not a number/,
    )
    await expect(readDataset(put('d.csv', 'x.0,x.1\n1,2,3\n'), [x])).rejects.toThrow(/A502[^]*line 2/)
    await expect(readDataset(put('e.csv', 'a,b,c\n1,2,3\n'), [x])).rejects.toThrow(/A504[^]*3 columns for input "x"/)
    await expect(readDataset(put('f.csv', 'x.0,x.1\n'), [x])).rejects.toThrow(/no rows/)
  })
})

describe('JSON lines', () => {
  it('takes nested and flat lists', async () => {
    const text = '{"x": [[1, 2]], "y": 1}\n\n{"x": [3, 4], "y": 0}\n'
    const { samples, labels } = await readDataset(put('a.jsonl', text), [x])
    expect([rows(samples), labels]).toEqual([
      [
        [1, 2],
        [3, 4],
      ],
      [[1], [0]],
    ])
  })

  it('says which line is wrong', async () => {
    const wrong = (text: string) => readDataset(put('b.jsonl', `{"x": [1, 2]}\n${text}\n`), [x])
    await expect(wrong('{"x": [1')).rejects.toThrow(/A502[^]*b\.jsonl", line 2/)
    await expect(wrong('{"x": [1, 2, 3]}')).rejects.toThrow(/line 2: "x" has 3 elements, the model takes f32\[1,2\]/)
    await expect(wrong('{"z": [1, 2]}')).rejects.toThrow(/line 2: there is no "x"/)
    await expect(wrong('{"x": ["1", 2]}')).rejects.toThrow(/line 2: "x" is not made of numbers/)
    await expect(wrong('{"x": [1, 2], "y": 1}')).rejects.toThrow(/1 of 2 lines have "y"/)
    await expect(wrong('[1]')).rejects.toThrow(/line 2: it is not an object/)
  })
})

describe('arrays', () => {
  it('come with labels, all of them or a seeded choice', async () => {
    const arrays = {
      x: tensorOf('f32', [4, 1, 2], [0, 0, 1, 1, 2, 2, 3, 3]),
      y: tensorOf('i64', [4], [0n, 10n, 20n, 30n]),
    }
    const path = put('a.npz', writeNpz(arrays))
    const all = await readDataset(path, [x])
    expect(all.labels).toEqual([[0], [10], [20], [30]])
    const some = await readDataset(path, [x], { limit: 2, seed: 3 })
    expect(some.samples).toHaveLength(2)
    expect(rows(some.samples).map(([v]) => [v! * 10])).toEqual(some.labels)
    expect(await readDataset(path, [x], { limit: 2, seed: 3 })).toEqual(some)
  })
})

describe('labels', () => {
  const numbers = tensorOf('f32', [2, 1, 2], [0, 0, 1, 1])
  const classes = tensorOf('i64', [2], [3n, 4n])

  it('may go by another name', async () => {
    const npz = put('n.npz', writeNpz({ x: numbers, target: classes }))
    expect((await readDataset(npz, [x], { label: 'target' })).labels).toEqual([[3], [4]])
    const csv = put('n.csv', 'x.0,x.1,target\n0,0,3\n1,1,4\n')
    expect((await readDataset(csv, [x], { label: 'target' })).labels).toEqual([[3], [4]])
    const jsonl = put('n.jsonl', '{"x": [0, 0], "target": 3}\n{"x": [1, 1], "target": 4}\n')
    expect((await readDataset(jsonl, [x], { label: 'target' })).labels).toEqual([[3], [4]])
  })

  it('that are not used are named, and so is how to name them', async () => {
    const noteOf = async (path: string, label?: string) => (await readDataset(path, [x], { label })).notes!.join()
    const npz = put('u.npz', writeNpz({ x: numbers, y_train: classes, y: classes }))
    expect(await noteOf(npz)).toMatch(/u\.npz": not used: array "y_train"$/)
    expect(await noteOf(npz, 'y_train')).toMatch(/not used: array "y"$/)
    expect(await noteOf(put('v.npz', writeNpz({ x: numbers, labels: classes })))).toMatch(/"labels"; --label NAME/)
    expect(await noteOf(put('u.csv', 'x.0,x.1,target\n0,0,3\n'))).toMatch(/column "target"; --label NAME/)
    expect(await noteOf(put('u.jsonl', '{"x": [0, 0], "target": 3}\n'))).toMatch(/member "target"; --label NAME/)
    expect((await readDataset(put('w.npz', writeNpz({ x: numbers, y: classes })), [x])).notes).toEqual([])
  })

  it('that were asked for must be there', async () => {
    const wrong = (path: string, label: string) => readDataset(path, [x], { label })
    const npz = put('m.npz', writeNpz({ x: numbers, y: classes }))
    await expect(wrong(npz, 'z')).rejects.toThrow(/A501[^]*no array "z" for labels; it has x, y/)
    await expect(wrong(npz, 'x')).rejects.toThrow(/A501[^]*input of the model/)
    await expect(wrong(put('m.csv', 'x.0,x.1\n0,0\n'), 'z')).rejects.toThrow(/A501[^]*no column "z"/)
    await expect(wrong(put('m.jsonl', '{"x": [0, 0]}\n'), 'z')).rejects.toThrow(/A501[^]*no member "z"/)
  })
})

describe('pictures', () => {
  const input: InputType = { name: 'image', dtype: 'f32', shape: [1, 3, 1, 2] }

  it('are JPEG or PNG', async () => {
    const image = await readImage(jpeg, 'it')
    expect([image.width, image.height, image.channels]).toEqual([8, 4, 3])
    for (const [i, value] of [200, 100, 40].entries()) expect(Math.abs(image.data[i]! - value)).toBeLessThan(6)
    expect([...(await readImage(png(1, 2, [7, 9], 1), 'it')).data]).toEqual([7, 9])
    expect([...(await readImage(png(1, 1, [1, 2, 3, 0], 4), 'it')).data]).toEqual([1, 2, 3])
  })

  it('are refused where they are none', async () => {
    await expect(readImage(new Uint8Array(9), 'it')).rejects.toThrow(/A502[^]*neither a JPEG nor a PNG/)
    await expect(readImage(jpeg.subarray(0, 200), 'it')).rejects.toThrow(/A502/)
    const bomb = Uint8Array.from(png(1, 1, [0, 0, 0]))
    new DataView(bomb.buffer).setUint32(16, 1 << 20)
    new DataView(bomb.buffer).setUint32(20, 1 << 20)
    await expect(readImage(bomb, 'it')).rejects.toThrow(/A301[^]*pixels/)
  })

  it('in folders have classes, and are prepared as asked', async () => {
    for (const name of ['cat', 'dog']) mkdirSync(at('pets', name), { recursive: true })
    put('pets/dog/1.png', png(2, 1, [0, 51, 102, 255, 204, 153]))
    put('pets/cat/1.png', png(2, 1, [10, 20, 30, 10, 20, 30]))
    const options = { mean: [0.2, 0.2, 0.2], std: 0.5 }
    const { samples, labels, classes, preprocess } = await readDataset(at('pets'), [input], { preprocess: options })
    expect([labels, classes]).toEqual([
      [[0], [1]],
      ['cat', 'dog'],
    ])
    const expected = [0, 1, 0.2, 0.8, 0.4, 0.6].map((v) => (v - 0.2) / 0.5)
    toNumbers(samples[1]!.image!).forEach((v, i) => expect(v).toBeCloseTo(expected[i]!, 5))
    expect(preprocess).toEqual({
      ...{ resize: 'antialias', fit: 'stretch', layout: 'NCHW', channels: 'RGB', scale: 1 / 255 },
      ...{ mean: [0.2, 0.2, 0.2], std: [0.5, 0.5, 0.5] },
    })
    const bgr = await readDataset(at('pets'), [{ ...input, shape: [1, 1, 2, 3] }], {
      preprocess: { channels: 'BGR', scale: 1 },
    })
    expect(toNumbers(bgr.samples[0]!.image!)).toEqual([30, 20, 10, 30, 20, 10])
    await expect(readDataset(at('pets'), [{ ...input, shape: [1, 5, 5, 5] }])).rejects.toThrow(/A504[^]*5 channels/)
    await expect(readDataset(at('pets'), [input], { preprocess: { mean: [1, 2] } })).rejects.toThrow(/2 numbers for 3/)
  })

  it('are resized by pixels that are squares', async () => {
    const gray = async (values: number[], width: number, preprocess: object): Promise<number[]> => {
      mkdirSync(at('one'), { recursive: true })
      put('one/1.png', png(values.length, 1, values, 1))
      const wanted: InputType = { name: 'x', dtype: 'f32', shape: [1, 1, 1, width] }
      const { samples } = await readDataset(at('one'), [wanted], { preprocess: { scale: 1, ...preprocess } })
      return toNumbers(samples[0]!.x!)
    }
    expect(await gray([0, 100, 200, 40], 2, { resize: 'nearest' })).toEqual([100, 40])
    expect(await gray([0, 100, 200, 40], 2, { resize: 'bilinear' })).toEqual([50, 120])
    // A triangle over six pixels, of which the border leaves five: weights 1 3 3 1 of 8, less the one outside.
    const [left] = await gray([0, 100, 200, 40], 2, { resize: 'antialias' })
    expect(left).toBeCloseTo((3 * 0 + 3 * 100 + 1 * 200) / 7, 4)
    expect(await gray([0, 100], 4, { resize: 'bilinear' })).toEqual([0, 25, 75, 100])
    // Of 4 × 1 pixels a square is cut out of the middle.
    const square = await gray([0, 100, 200, 40], 1, { resize: 'nearest', fit: 'crop' })
    expect(square).toEqual([200])
  })

  it('come in IDX files, with the labels beside them', async () => {
    const header = (...dims: number[]): number[] => [0, 0, 8, dims.length, ...dims.flatMap((d) => [0, 0, 0, d])]
    const images = Uint8Array.from([...header(2, 1, 2), 0, 255, 51, 102])
    const path = put('some-images-idx3-ubyte.gz', gzipSync(images))
    put('some-labels-idx1-ubyte.gz', gzipSync(Uint8Array.from([...header(2), 7, 3])))
    const gray: InputType = { name: 'x', dtype: 'f32', shape: [1, 1, 1, 2] }
    const { samples, labels } = await readDataset(path, [gray])
    expect(labels).toEqual([[7], [3]])
    expect(rows(samples)[1]!.map((v) => Math.round(v * 5))).toEqual([1, 2])
    await expect(readDataset(put('x-idx3-ubyte', images.subarray(0, 18)), [gray])).rejects.toThrow(
      /A502[^]*do not fill/,
    )
  })
})

it('refuses other files', async () => {
  await expect(readDataset(put('a.txt', 'x'), [x])).rejects.toThrow(/A501[^]*no data set/)
})
