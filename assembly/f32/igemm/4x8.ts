import { group } from './group'
import { Aux, In, Out } from '../../roles'

/**
 * Convolution and matrix product as implicit gemm, 4 pixels × 8 output channels, without im2col.
 * All strides are in bytes. Activations are channels-last and bordered, so that no tap needs a bounds test.
 *
 * x       first tap of the first pixel; xg to the next group, sy to the next row of pixels, step to the next pixel,
 *         xrow and xcol to the next tap down and across, run floats contiguous under each tap
 * w       packed [group][CO / 8][KH][KW][run][8], the last block padded with zeros
 * b       bias [group][CO rounded up to 8]; wg, bg, yg and auxg lead to the next group (or image, or matrix)
 * y, aux  output and a second operand for the epilogue, each with strides of its own
 * `band` pixels, whole tiles, are done for all channels before the next.
 * Pixels are taken four at a time across the ends of rows; what hangs over repeats the last pixel.
 *
 * @rows groups: x xg, w wg, b bg, y yg, aux auxg
 * @rows OW: x step, y ypix, aux auxpix
 */
export function f32_igemm_4x8(
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
      false, 4, x, w, b, y, aux, OH, OW, band, CO, KH, KW, run, sy, step, xrow, xcol, yrow, ypix, auxrow, auxpix,
      f0, f1, 0, 0,
    )
    x += xg
    w += wg
    b += bg
    y += yg
    aux += auxg
  }
}
