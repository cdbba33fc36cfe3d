export type { Progress, Sample } from './calibrate.ts'
export type { Validation } from './metric.ts'
export { quantize, type Quantized, type QuantizeOptions } from './quantize.ts'
