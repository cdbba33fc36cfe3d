import { cos } from '../../core/math/index.ts'
import type { Schedule } from './schedule.ts'

const rise = 0.3
const first = 1 / 25
const last = 1e-4 / 25

const between = (from: number, to: number, share: number): number =>
  from + ((to - from) * (1 - cos(Math.PI * share))) / 2

/** From 1/25 up to 1 over three tenths of the training, then down to 4·10⁻⁶, by half cosines (Smith & Topin, 2018). */
export const oneCycle: Schedule = (done) =>
  done < rise ? between(first, 1, done / rise) : between(1, last, (done - rise) / (1 - rise))
