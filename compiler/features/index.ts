export { clipGraph, extentOf, type FeatureInput, type SoundFeatures } from './clip.ts'
export { withSound, type SoundGraph } from './front.ts'
export { completeFeatures, featureChecks, type FeatureOptions, type Features } from './options.ts'
