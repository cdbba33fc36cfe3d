import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { readImage, writeNpz, writePng } from '../../compiler/data/index.ts'
import { commandLine } from '../support/command-line.ts'

const { at, out, err, attar } = commandLine()

const config = (input: string, layers: string, train: string, augment: string): string => `
import { cutout, defineConfig, dense, dropTokens, embedding, flatten, flip, gain, sequential, shift } from 'attar/config'
export default defineConfig({
  network: sequential([${layers}]),
  input: ${input},
  data: { train: '${train}', val: '20%' },
  ${augment}
})`

const ramp = (length: number): number[] => Array.from({ length }, (_, i) => (i % 16) / 16)

beforeAll(async () => {
  for (const [name, level] of [
    ['dark', 40],
    ['<light>', 200],
  ] as const) {
    mkdirSync(at('pictures', name), { recursive: true })
    for (let i = 0; i < 5; i++) {
      const data = Uint8Array.from({ length: 108 }, (_, k) => level + i + (k % 3 === 0 ? 30 : 0))
      writeFileSync(at('pictures', name, `${i}.png`), await writePng({ width: 6, height: 6, channels: 3, data }))
    }
  }
  const labels = tensorOf('i32', [8], [0, 1, 0, 1, 0, 1, 0, 1])
  writeFileSync(at('sounds.npz'), writeNpz({ input: tensorOf('f32', [8, 64], ramp(512)), y: labels }))
  const ids = Array.from({ length: 80 }, (_, i) => 1 + (i % 7))
  writeFileSync(at('tokens.npz'), writeNpz({ input: tensorOf('i32', [8, 10], ids), y: labels }))
  const pictures = (augment: string): string => config('[6, 6, 3]', 'flatten(), dense(2)', 'pictures', augment)
  writeFileSync(at('pictures.config.ts'), pictures("augment: [flip('horizontal'), cutout({ size: 2 })],"))
  writeFileSync(at('none.config.ts'), pictures(''))
  writeFileSync(at('wrong.config.ts'), pictures('augment: [shift({ by: 0.1 })],'))
  writeFileSync(
    at('sounds.config.ts'),
    config('[64]', 'dense(2)', 'sounds.npz', 'augment: [shift({ by: 0.2 }), gain({ decibels: 6 })],'),
  )
  const tokens = 'embedding(8, 4), flatten(), dense(2)'
  writeFileSync(
    at('tokens.config.ts'),
    config("{ shape: [10], dtype: 'i32' }", tokens, 'tokens.npz', 'augment: [dropTokens({ share: 0.5 })],'),
  )
})

it('draws pictures beside what epochs show of them', async () => {
  const args = ['--samples', '3', '--epochs', '4']
  expect(await attar('augment', at('pictures.config.ts'), '--preview', at('sheet.png'), ...args), err.join()).toBe(0)
  expect(out.join()).toContain('flip horizontal, cutout 2')
  const sheet = await readImage(readFileSync(at('sheet.png')), 'sheet.png')
  const cell = 6 * 16
  expect([sheet.width, sheet.height]).toEqual([5 * (cell + 4) + 12, 3 * (cell + 4) + 4])
  // Mid gray is what cutout leaves: in no original, in every other drawing.
  const grays = (from: number, to: number): number => {
    let count = 0
    for (let y = 0; y < cell; y++)
      for (let x = from; x < to; x++) {
        const at = ((y + 4) * sheet.width + x) * 3
        count += [0, 1, 2].every((c) => sheet.data[at + c] === 128) ? 1 : 0
      }
    return count
  }
  expect(grays(4, 4 + cell)).toBe(0)
  for (let i = 1; i <= 4; i++) expect(grays(12 + i * (cell + 4), 12 + (i + 1) * (cell + 4) - 4)).toBeGreaterThan(0)
})

it('writes pages of pictures, sounds and tokens, with labels as text', async () => {
  const page = async (name: string): Promise<string> => {
    const args = ['--preview', at('sheet.html'), '--epochs', '2', '--samples', '4', '--json']
    expect(await attar('augment', at(`${name}.config.ts`), ...args), err.join()).toBe(0)
    return readFileSync(at('sheet.html'), 'utf8')
  }
  const pictures = await page('pictures')
  expect(pictures.match(/<img /g)).toHaveLength(4 * 3)
  expect(pictures).toContain('&lt;light&gt;')
  expect(pictures).not.toContain('<light>')
  expect((await page('sounds')).match(/<img [^>]*width="64"/g)).toHaveLength(4 * 3)
  const cells = (await page('tokens')).match(/(?<=<td class="text">)[^<]*/g)!
  expect(cells).toHaveLength(4 * 3)
  const words = cells.map((cell) => cell.split(' ').filter((id) => id !== '0').length)
  expect(words.filter((_, i) => i % 3 === 0)).toEqual([10, 10, 10, 10])
  expect(Math.min(...words)).toBeLessThan(8)
})

it.each([
  ['none', 'x.png', 'there is nothing to show'],
  ['wrong', 'x.png', 'shift 0.1 is for sounds; the data is pictures'],
  ['tokens', 'x.png', 'tokens and plain numbers are text'],
  ['pictures', 'x.jpg', '--preview writes .html or .png'],
])('says what is wrong: %s to %s', async (name, file, message) => {
  expect(await attar('augment', at(`${name}.config.ts`), '--preview', at(file))).toBe(2)
  expect(err.join('\n')).toContain(message)
})
