import { In, Out } from '../../../roles'

/** Bᵀ d B of a row of tiles: v, planes [TW][C], of x, whose rows and pixels are `xrow` and `xpix` bytes apart. */
export function f32_winograd_2x2_input(x: In, v: Out, TW: i32, C: i32, xrow: i32, xpix: i32, plane: i32): void {
  const size = C << 2
  for (let tx = 0; tx < TW; tx++) {
    for (let n = 0; n < size; n += 16) {
      transformTile(x + n, v + n, xrow, xpix, plane)
    }
    x += xpix << 1
    v += size
  }
}

/** Four channels of a tile. */
// @ts-ignore: decorator
@inline
function transformTile(p: usize, to: usize, xrow: i32, xpix: i32, plane: i32): void {
  const p1 = p + xrow
  const p2 = p1 + xrow
  const p3 = p2 + xrow
  const a0 = v128.load(p1)
  const a1 = v128.load(p1 + xpix)
  const a2 = v128.load(p1 + 2 * xpix)
  const a3 = v128.load(p1 + 3 * xpix)
  const b0 = v128.load(p2)
  const b1 = v128.load(p2 + xpix)
  const b2 = v128.load(p2 + 2 * xpix)
  const b3 = v128.load(p2 + 3 * xpix)
  inputRow(
    to,
    plane,
    f32x4.sub(v128.load(p), b0),
    f32x4.sub(v128.load(p + xpix), b1),
    f32x4.sub(v128.load(p + 2 * xpix), b2),
    f32x4.sub(v128.load(p + 3 * xpix), b3),
  )
  to += 4 * plane
  inputRow(to, plane, f32x4.add(a0, b0), f32x4.add(a1, b1), f32x4.add(a2, b2), f32x4.add(a3, b3))
  to += 4 * plane
  inputRow(to, plane, f32x4.sub(b0, a0), f32x4.sub(b1, a1), f32x4.sub(b2, a2), f32x4.sub(b3, a3))
  to += 4 * plane
  inputRow(
    to,
    plane,
    f32x4.sub(a0, v128.load(p3)),
    f32x4.sub(a1, v128.load(p3 + xpix)),
    f32x4.sub(a2, v128.load(p3 + 2 * xpix)),
    f32x4.sub(a3, v128.load(p3 + 3 * xpix)),
  )
}

// @ts-ignore: decorator
@inline
function inputRow(q: usize, plane: i32, d0: v128, d1: v128, d2: v128, d3: v128): void {
  v128.store(q, f32x4.sub(d0, d2))
  v128.store(q + plane, f32x4.add(d1, d2))
  v128.store(q + 2 * plane, f32x4.sub(d2, d1))
  v128.store(q + 3 * plane, f32x4.sub(d1, d3))
}
