export { augmented, type AugmentOptions } from './apply.ts'
export type {
  Augmentation,
  Kind,
  Layout,
  PictureLayout,
  SoundLayout,
  SpectrogramLayout,
  TokensLayout,
} from './augmentation.ts'
export { layoutOf, pictureLayout, type PictureValues } from './layouts.ts'
export * from './all.ts'
