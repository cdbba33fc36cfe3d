import { resize, type Filter, type Fit, type Pixels } from './resize.ts'

/** How a picture becomes a model's input: value = (byte · scale − mean) / std, channel by channel. */
export interface Preprocess {
  /** How it gets the input's size. */
  readonly resize: Filter
  readonly fit: Fit
  readonly layout: 'NCHW' | 'NHWC'
  readonly channels: 'RGB' | 'BGR' | 'gray'
  readonly scale: number
  /** One number for each channel, in the order of `channels`. */
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** Where an input has its channels, height and width. */
export const axesOf = (shape: readonly number[], layout: Preprocess['layout']): readonly [number, number, number] =>
  (layout === 'NCHW' ? [shape[1], shape[2], shape[3]] : [shape[3], shape[1], shape[2]]) as [number, number, number]

/** ITU-R BT.601 luma; of a gray pixel its gray, which the sum misses in the last bit. */
const luma = (r: number, g: number, b: number): number => (r === g && g === b ? r : 0.299 * r + 0.587 * g + 0.114 * b)

/** Gives `write` each element of an input of `shape`, by its place. Compiler and models' scripts both call this: they find the same bits. */
export function eachValue(
  pixels: Pixels,
  p: Preprocess,
  shape: readonly number[],
  write: (place: number, value: number) => void,
): void {
  const [channels, height, width] = axesOf(shape, p.layout)
  const bytes = resize(pixels, width, height, p.resize, p.fit)
  const size = width * height
  const own = bytes.length / size
  for (let c = 0; c < channels; c++) {
    const [mean, std, from] = [p.mean[c]!, p.std[c]!, own === 1 ? 0 : p.channels === 'BGR' ? 2 - c : c]
    for (let pixel = 0; pixel < size; pixel++) {
      const at = pixel * own
      const byte =
        own === 3 && p.channels === 'gray' ? luma(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!) : bytes[at + from]!
      write(p.layout === 'NCHW' ? c * size + pixel : pixel * channels + c, (byte * p.scale - mean) / std)
    }
  }
}
