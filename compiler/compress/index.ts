export type { Progress, Sample } from './calibrate.ts'
export { accuracyOf, defaultMetric, outputWidth, type Validation } from './accuracy/metric.ts'
export type { QuantizeOptions } from './options.ts'
export { quantize, type Quantized } from './quantize.ts'
