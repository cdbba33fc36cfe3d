import { shiftedSin as scalarSin } from '../scalar'
import { shiftedSin } from './trig'

/** Cosine of x radians; accuracy as in `shiftedSin`. */
export function f32x4_cos(x: v128): v128 {
  return shiftedSin(x, 1)
}

/** Cosine of x radians; accuracy as in `shiftedSin`. */
export function f64_cos(x: f64): f64 {
  return scalarSin(x, 1)
}
