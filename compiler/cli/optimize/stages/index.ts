import type { Stage } from '../stage.ts'
import { controlOf } from './control.ts'
import { integers } from './integers.ts'
import { pruned } from './pruned.ts'
import { quantized } from './quantized.ts'
import { student } from './student.ts'

/** Cheapest first. */
export const stages: readonly Stage[] = [quantized, pruned, student, integers]
export { controlOf }
