import { cos } from '../../core/math/index.ts'
import type { Schedule } from './schedule.ts'

/** Half a cosine from 1 to 0 (Loshchilov & Hutter, "SGDR", 2017, without restarts). */
export const cosine: Schedule = (done) => (1 + cos(Math.PI * done)) / 2
