import { group } from './group'
import { Aux, In, Out } from '../../roles'

/** `f32_igemm_4x8` with 6 pixels at a time, for modules whose multiply-adds are fused: without, sixteen registers are one too few. */
export function f32_igemm_6x8(
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
): void {
  for (; groups > 0; groups--) {
    group(
      false, 6, x, w, b, y, aux, OH, OW, band, CO, KH, KW, run, sy, step, xrow, xcol, yrow, ypix, auxrow, auxpix,
      f0, f1, 0, 0,
    )
    x += xg
    w += wg
    b += bg
    y += yg
    aux += auxg
  }
}
