export { adamw, adamwSettings, type AdamWOptions } from './adamw.ts'
export type { Becoming, Optimizer, StepMoment } from './optimizer.ts'
export { sgd, type SgdOptions } from './sgd.ts'
