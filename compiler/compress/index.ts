export type { Progress, Sample } from './calibrate.ts'
export { accuracyOf, defaultMetric, outputWidth, type Validation } from './metric.ts'
export { quantize, type Quantized, type QuantizeOptions } from './quantize.ts'
