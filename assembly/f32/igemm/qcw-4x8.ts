import { group } from './group'
import { Aux, In, Out, Scratch } from '../../roles'

/**
 * `f32_igemm_4x8` with weights that are integers, multiplied by `scales` [group][CO rounded up to 8]: i8 in the place of the floats, or
 * where `packed` integers of 4 bits, two rows of eight in eight bytes, the first in the lower halves, both plus 8; a block
 * ends with a whole pair. Each block is expanded to floats once for each band, in `scratch`, which has room for it.
 */
export function f32_qcw_igemm_4x8(
  x: In,
  w: In,
  b: In,
  y: Out,
  aux: Aux,
  groups: i32,
  OH: i32,
  OW: i32,
  band: i32,
  CO: i32,
  KH: i32,
  KW: i32,
  run: i32,
  xg: i32,
  sy: i32,
  step: i32,
  xrow: i32,
  xcol: i32,
  wg: i32,
  bg: i32,
  yg: i32,
  yrow: i32,
  ypix: i32,
  auxg: i32,
  auxrow: i32,
  auxpix: i32,
  f0: f32,
  f1: f32,
  scales: In,
  scratch: Scratch,
): void {
  for (; groups > 0; groups--) {
    group(
      true, 4, x, w, b, y, aux, OH, OW, band, CO, KH, KW, run, sy, step, xrow, xcol, yrow, ypix, auxrow, auxpix,
      f0, f1, scales, scratch,
    )
    x += xg
    w += wg
    b += bg
    y += yg
    aux += auxg
    scales += bg
  }
}
