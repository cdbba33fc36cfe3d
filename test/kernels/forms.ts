import type { Form } from '../support/convolution.ts'
import type { Random } from '../support/random.ts'

/** What one band of activations holds at most, in bytes; the bands of expanded weights are four times as long. */
export const bandBytes = 1 << 16

/** Rows and columns of somewhat more than `least` pixels, rows of a few or of many. */
function pixels(random: Random, least: number): [number, number] {
  const count = least + 1 + random.int(least)
  const columns = random.pick([1, 5, 13, 29, 65, count])
  return [Math.ceil(count / columns), Math.min(columns, count)]
}

/** Whose pixels' activations fill more than a band. */
export const beyondBand =
  (kernel: number, element: number, more: Partial<Form> = {}, channelCounts = [40, 56, 96, 160, 256, 512]) =>
  (random: Random): Form => {
    const channels = random.pick(channelCounts)
    const [rows, columns] = pixels(random, Math.floor(bandBytes / (channels * element)))
    const outputs = 5 + random.int(9)
    const pad = kernel >> 1
    return { x: [1, rows, columns, channels], kernel: [kernel, kernel], outputs, pad, ...more }
  }

/** So many multiply-adds that six pixels are taken at a time. */
export const large = (random: Random): Form => {
  const channels = random.pick([61, 130])
  const outputs = 57 + random.int(9)
  const [rows, columns] = pixels(random, Math.ceil(2 ** 23 / (9 * channels * outputs)))
  return { x: [1, rows, columns, channels], kernel: [3, 3], outputs, pad: 1 }
}

export const grouped =
  (element: number) =>
  (random: Random): Form => {
    const groups = random.pick([2, 3])
    const channels = groups * random.pick([9, 16, 22])
    const [rows, columns] = pixels(random, Math.floor(bandBytes / (channels * element)))
    return { x: [2, rows, columns, channels], kernel: [1, 1], outputs: groups * (4 + random.int(7)), groups }
  }

export const depthwise =
  (kernel: number, stride: number) =>
  (random: Random): Form => {
    const channels = 5 + random.int(40)
    const x = [1 + random.int(2), kernel + random.int(9), kernel + random.int(30), channels]
    return { x, kernel: [kernel, kernel], outputs: channels, groups: channels, stride, pad: random.int(2) }
  }

/**
 * Even lengths of more tiles than a strip, whole blocks or not. Columns are no multiple of four: of integers, tiles of four by four pixels
 * have rounding errors.
 */
export const tiled =
  (outputs: readonly number[]) =>
  (random: Random): Form => {
    const channels = random.pick([16, 24, 32])
    const x = [1 + random.int(2), 2 * (4 + random.int(7)), 22 + 4 * random.int(6), channels]
    return { x, kernel: [3, 3], outputs: random.pick(outputs), pad: 1 }
  }

export const tiledByFour = (random: Random): Form => ({
  x: [1 + random.int(2), 4 * (3 + random.int(4)), 4 * (8 + random.int(8)), random.pick([16, 20])],
  kernel: [3, 3],
  outputs: random.pick([16, 21, 24]),
  pad: 1,
})
