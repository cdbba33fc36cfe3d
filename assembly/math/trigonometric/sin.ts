import { shiftedSin as scalarSin } from '../scalar'
import { shiftedSin } from './trig'

/** Sine of x radians; accuracy as in `shiftedSin`. */
export function f32x4_sin(x: v128): v128 {
  return shiftedSin(x, 0)
}

/** Sine of x radians; accuracy as in `shiftedSin`. */
export function f64_sin(x: f64): f64 {
  return x == 0 ? x : scalarSin(x, 0)
}
