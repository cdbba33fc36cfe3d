import type { Random } from './random.ts'

/** What samples are: the first axis of each is 1. */
export type Kind = 'picture' | 'sound' | 'spectrogram' | 'tokens' | 'values'

/** How a picture stands in a tensor: element (y, x, c) at y · row + x · column + c · channel. */
export interface PictureLayout {
  readonly kind: 'picture'
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly strides: { readonly row: number; readonly column: number; readonly channel: number }
  /** What the bytes 0 and 255 are in each channel, once preprocessed. */
  readonly black: readonly number[]
  readonly white: readonly number[]
}

/** Amplitudes f32[1, length]. */
export interface SoundLayout {
  readonly kind: 'sound'
  readonly length: number
}

/** f32[1, frames, bins] or f32[1, frames, bins, 1]: what each frequency has at each time. */
export interface SpectrogramLayout {
  readonly kind: 'spectrogram'
  readonly frames: number
  readonly bins: number
}

/** Numbers of tokens [1, length]. */
export interface TokensLayout {
  readonly kind: 'tokens'
  readonly length: number
}

/** Any other f32[1, …]. */
export interface ValuesLayout {
  readonly kind: 'values'
}

export type Layout = PictureLayout | SoundLayout | SpectrogramLayout | TokensLayout | ValuesLayout

/** A change of a training sample that leaves its class: another one for each sample and epoch. */
export interface Augmentation<L extends Layout = Layout> {
  readonly name: string
  /** What it is for. */
  readonly of: L['kind']
  /**
   * Another sample of the same shape; the one given stays as it is. `parameters` tells how many numbers the model learns: a small
   * one is helped by less.
   */
  apply(values: Float32Array, layout: L, random: Random, parameters: number): Float32Array
}

/** A change that blends a training sample of f32 with another one, and their targets alike: another one for each sample and epoch. */
export interface Mixing<L extends Layout = Layout> {
  readonly name: string
  /** What it is for; undefined for any. */
  readonly of: L['kind'] | undefined
  /** The share of samples that are mixed. */
  readonly probability: number
  /** A sample of the same shape, and the share of `values` in it; what is left is of `other`. Both stay as they are. */
  mix(values: Float32Array, other: Float32Array, layout: L, random: Random): { values: Float32Array; share: number }
}
