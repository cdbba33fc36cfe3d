export { augmented, pictureShape, type Augmentation, type PictureShape } from './augmentation.ts'
export { crop, type CropOptions } from './crop.ts'
export { flip } from './flip.ts'
