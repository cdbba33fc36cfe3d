import type { Image } from '../../data/index.ts'
import type { Layout } from '../../train/index.ts'

/** A training sample as a picture, or as text. */
export type Drawing = { readonly image: Image } | { readonly text: string }

type PictureLayout = Extract<Layout, { kind: 'picture' }>
type SoundLayout = Extract<Layout, { kind: 'sound' }>
type SpectrogramLayout = Extract<Layout, { kind: 'spectrogram' }>

/** `blueFirst`: the channels of pictures are blue, green, red. */
export function draw(values: ArrayLike<number | bigint>, layout: Layout, blueFirst: boolean): Drawing {
  if (layout.kind === 'tokens') return { text: Array.from(values, String).join(' ') }
  const numbers = values as ArrayLike<number>
  switch (layout.kind) {
    case 'picture':
      return { image: picture(numbers, layout, blueFirst) }
    case 'sound':
      return { image: waveform(numbers, layout) }
    case 'values':
      return { text: Array.from(numbers, (value) => value.toPrecision(3)).join(' ') }
    case 'spectrogram':
      return { image: spectrogram(numbers, layout) }
  }
}

/** A share of the way from black to white as a byte. */
const byteOf = (share: number): number => Math.min(255, Math.max(0, Math.round(share * 255)))

function picture(values: ArrayLike<number>, layout: PictureLayout, blueFirst: boolean): Image {
  const { height, width, channels, strides, black, white } = layout
  const shown = channels === 3 ? 3 : 1
  const data = new Uint8Array(height * width * shown)
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      for (let c = 0; c < shown; c++) {
        const k = blueFirst ? shown - 1 - c : c
        const value = values[y * strides.row + x * strides.column + k * strides.channel]!
        data[(y * width + x) * shown + c] = byteOf((value - black[k]!) / (white[k]! - black[k]!))
      }
  return { width, height, channels: shown, data }
}

/** For each column the range of the amplitudes there, full scale from top to bottom. */
function waveform(values: ArrayLike<number>, { length }: SoundLayout): Image {
  const [width, height] = [Math.min(length, 192), 96]
  const data = new Uint8Array(width * height).fill(255)
  for (let x = 0; x < width; x++) {
    let [low, high] = [Infinity, -Infinity]
    for (let i = Math.floor((x * length) / width); i < Math.floor(((x + 1) * length) / width); i++) {
      low = Math.min(low, values[i]!)
      high = Math.max(high, values[i]!)
    }
    const row = (amplitude: number): number =>
      Math.min(height - 1, Math.max(0, Math.round(((1 - amplitude) * (height - 1)) / 2)))
    for (let y = row(high); y <= row(low); y++) data[y * width + x] = 40
  }
  return { width, height, channels: 1, data }
}

/** Time from left to right, low frequencies below, dark what is strong. */
function spectrogram(values: ArrayLike<number>, { frames, bins }: SpectrogramLayout): Image {
  const all = Array.from(values)
  const [low, high] = all.reduce(([l, h], v) => [Math.min(l, v), Math.max(h, v)], [Infinity, -Infinity] as [
    number,
    number,
  ])
  const data = new Uint8Array(frames * bins)
  for (let t = 0; t < frames; t++)
    for (let f = 0; f < bins; f++)
      data[(bins - 1 - f) * frames + t] = byteOf(1 - (all[t * bins + f]! - low) / (high - low || 1))
  return { width: frames, height: bins, channels: 1, data }
}
