export { augmented, type AugmentOptions } from './apply.ts'
export type {
  Augmentation,
  Kind,
  Layout,
  Mixing,
  PictureLayout,
  SoundLayout,
  SpectrogramLayout,
  TokensLayout,
  ValuesLayout,
} from './augmentation.ts'
export { layoutOf, pictureLayout, type PictureValues } from './layouts.ts'
export * from './all.ts'
