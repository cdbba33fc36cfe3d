import { load8 } from '../extend'
import { In, Out } from '../../roles'

/**
 * Bᵀ d B of TH rows of TW tiles of `u8_winograd_i16_3x3`: 16 planes [TH · TW][C] of i16, `plane` bytes apart. Tiles begin two
 * pixels apart and two rows, of `xpix` and `xrow` bytes. C is a multiple of 8.
 */
export function u8_winograd_input(x: In, v: Out, TH: i32, TW: i32, C: i32, xrow: i32, xpix: i32, plane: i32): void {
  for (; TH > 0; TH--) {
    let r = x
    for (let left = TW; left > 0; left--) {
      for (let k = 0; k < C; k += 8) {
        transformInput(r + k, v, xrow, xpix, plane)
        v += 16
      }
      r += xpix << 1
    }
    x += xrow << 1
  }
}

/** Bᵀ d B of eight channels of a tile. */
// @ts-ignore: decorator
@inline
function transformInput(p: usize, to: usize, xrow: i32, xpix: i32, plane: i32): void {
  const p1 = p + xrow
  const p2 = p1 + xrow
  const p3 = p2 + xrow
  const a0 = load8(p1)
  const a1 = load8(p1 + xpix)
  const a2 = load8(p1 + 2 * xpix)
  const a3 = load8(p1 + 3 * xpix)
  const b0 = load8(p2)
  const b1 = load8(p2 + xpix)
  const b2 = load8(p2 + 2 * xpix)
  const b3 = load8(p2 + 3 * xpix)
  inputRow(
    to,
    plane,
    i16x8.sub(load8(p), b0),
    i16x8.sub(load8(p + xpix), b1),
    i16x8.sub(load8(p + 2 * xpix), b2),
    i16x8.sub(load8(p + 3 * xpix), b3),
  )
  to += 4 * plane
  inputRow(to, plane, i16x8.add(a0, b0), i16x8.add(a1, b1), i16x8.add(a2, b2), i16x8.add(a3, b3))
  to += 4 * plane
  inputRow(to, plane, i16x8.sub(b0, a0), i16x8.sub(b1, a1), i16x8.sub(b2, a2), i16x8.sub(b3, a3))
  to += 4 * plane
  inputRow(
    to,
    plane,
    i16x8.sub(a0, load8(p3)),
    i16x8.sub(a1, load8(p3 + xpix)),
    i16x8.sub(a2, load8(p3 + 2 * xpix)),
    i16x8.sub(a3, load8(p3 + 3 * xpix)),
  )
}

// @ts-ignore: decorator
@inline
function inputRow(q: usize, plane: i32, d0: v128, d1: v128, d2: v128, d3: v128): void {
  v128.store(q, i16x8.sub(d0, d2))
  v128.store(q + plane, i16x8.add(d1, d2))
  v128.store(q + 2 * plane, i16x8.sub(d2, d1))
  v128.store(q + 3 * plane, i16x8.sub(d1, d3))
}
