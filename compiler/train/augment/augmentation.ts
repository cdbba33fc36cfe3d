import type { TypedArray } from '../../core/dtype.ts'
import { randomBits } from '../../core/philox.ts'
import type { Samples } from '../samples.ts'

/** How a picture stands in a tensor: element (y, x, c) at y · row + x · column + c · channel. */
export interface PictureShape {
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly strides: { readonly row: number; readonly column: number; readonly channel: number }
}

/** A change of a training picture that leaves its class: another one for each sample and epoch. */
export interface Augmentation {
  readonly name: string
  /** Another picture of the same shape. `random` gives numbers in [0, 1). */
  readonly apply: (pixels: Float32Array, shape: PictureShape, random: () => number) => Float32Array
}

/** The shape of pictures in an input [1, H, W, C] or [1, C, H, W]. */
export function pictureShape(shape: readonly number[], layout: 'NHWC' | 'NCHW'): PictureShape {
  const [channels, height, width] = layout === 'NCHW' ? shape.slice(1) : [shape[3], shape[1], shape[2]]
  const [h, w, c] = [height!, width!, channels!]
  const strides = layout === 'NCHW' ? { row: w, column: 1, channel: h * w } : { row: w * c, column: c, channel: 1 }
  return { height: h, width: w, channels: c, strides }
}

/**
 * `samples` with the pictures of input `name` changed by one augmentation after another. What is drawn is a function of seed, epoch
 * and sample alone.
 */
export function augmented(
  samples: Samples,
  name: string,
  shape: PictureShape,
  augmentations: readonly Augmentation[],
  seed: number,
): Samples {
  if (augmentations.length === 0) return samples
  const changed = (pixels: TypedArray, index: number, epoch: number): Float32Array => {
    const random = drawing(index, epoch, seed)
    return augmentations.reduce((p, { apply }) => apply(p, shape, random), pixels as Float32Array)
  }
  return {
    count: samples.count,
    at(index, epoch) {
      const sample = samples.at(index, epoch)
      const other = ({ inputs, target }: Awaited<typeof sample>) => ({
        inputs: { ...inputs, [name]: changed(inputs[name]!, index, epoch) },
        target,
      })
      return sample instanceof Promise ? sample.then(other) : other(sample)
    },
  }
}

function drawing(index: number, epoch: number, seed: number): () => number {
  let [count, bits] = [0, [] as readonly number[]]
  return () => {
    const at = count++ % 4
    if (at === 0) bits = randomBits([index, epoch, count, 0x61756773], [seed >>> 0, 0])
    return bits[at]! / 2 ** 32
  }
}
