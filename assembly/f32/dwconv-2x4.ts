import { madd } from '../madd'
import { storeLanes } from './store'
import { Aux, In, Out } from '../roles'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/**
 * `f32_dwconv_s1` for two rows of pixels at a time, where there are two or more and they stand as far apart as taps: a row of
 * elements is loaded once for both, and eight independent sums hide the latency of the multiply-add. The last two rows may do
 * again what those before have done.
 */
export function f32_dwconv_2x4(
  x: In,
  w: In,
  b: In,
  y: Out,
  aux: Aux,
  OH: i32,
  OW: i32,
  C: i32,
  KH: i32,
  KW: i32,
  sy: i32,
  xrow: i32,
  xcol: i32,
  yrow: i32,
  ypix: i32,
  auxrow: i32,
  auxpix: i32,
  f0: f32,
  f1: f32,
): void {
  const p0 = f32x4.splat(f0)
  const p1 = f32x4.splat(f1)
  const across = KW * xcol
  const line = KW << 4
  for (let top = 0; top < OH; top += 2) {
    const oy = min(top, OH - 2)
    let p = w
    for (let n = 0; n < C; n += 4) {
      const column = n << 2
      const bias = v128.load(b + column)
      const block = p
      for (let tile = 0; tile < OW; tile += 4) {
        const ox = min(tile, OW - 4)
        let acc0 = bias
        let acc1 = bias
        let acc2 = bias
        let acc3 = bias
        let low0 = bias
        let low1 = bias
        let low2 = bias
        let low3 = bias
        p = block
        let row = x + oy * sy + column + ox * xcol
        let a = row
        let end = a + across
        let x0 = v128.load(a)
        let x1 = v128.load(a + xcol)
        let x2 = v128.load(a + 2 * xcol)
        do {
          const k = v128.load(p)
          const x3 = v128.load(a + 3 * xcol)
          acc0 = madd(x0, k, acc0)
          acc1 = madd(x1, k, acc1)
          acc2 = madd(x2, k, acc2)
          acc3 = madd(x3, k, acc3)
          x0 = x1
          x1 = x2
          x2 = x3
          a += xcol
          p += 16
        } while (a != end)
        for (let kh = KH - 1; kh > 0; kh--) {
          row += xrow
          a = row
          end = a + across
          x0 = v128.load(a)
          x1 = v128.load(a + xcol)
          x2 = v128.load(a + 2 * xcol)
          do {
            const x3 = v128.load(a + 3 * xcol)
            const k = v128.load(p)
            acc0 = madd(x0, k, acc0)
            acc1 = madd(x1, k, acc1)
            acc2 = madd(x2, k, acc2)
            acc3 = madd(x3, k, acc3)
            const above = v128.load(p - line)
            low0 = madd(x0, above, low0)
            low1 = madd(x1, above, low1)
            low2 = madd(x2, above, low2)
            low3 = madd(x3, above, low3)
            x0 = x1
            x1 = x2
            x2 = x3
            a += xcol
            p += 16
          } while (a != end)
        }
        const q = y + oy * yrow + column + ox * ypix
        const u = aux + oy * auxrow + column + ox * auxpix
        store(q, u, ypix, auxpix, column, acc0, acc1, acc2, acc3, C - n, p0, p1)
        p -= line
        a = row + xrow
        end = a + across
        x0 = v128.load(a)
        x1 = v128.load(a + xcol)
        x2 = v128.load(a + 2 * xcol)
        do {
          const k = v128.load(p)
          const x3 = v128.load(a + 3 * xcol)
          low0 = madd(x0, k, low0)
          low1 = madd(x1, k, low1)
          low2 = madd(x2, k, low2)
          low3 = madd(x3, k, low3)
          x0 = x1
          x1 = x2
          x2 = x3
          a += xcol
          p += 16
        } while (a != end)
        store(q + yrow, u + auxrow, ypix, auxpix, column, low0, low1, low2, low3, C - n, p0, p1)
      }
    }
  }
}

/** Four pixels of a row. */
// @ts-ignore: decorator
@inline
function store(
  q: usize,
  u: usize,
  ypix: i32,
  auxpix: i32,
  column: i32,
  s0: v128,
  s1: v128,
  s2: v128,
  s3: v128,
  channels: i32,
  p0: v128,
  p1: v128,
): void {
  storeLanes(q, epilogue(s0, q, u, column, p0, p1), channels)
  q += ypix
  u += auxpix
  storeLanes(q, epilogue(s1, q, u, column, p0, p1), channels)
  q += ypix
  u += auxpix
  storeLanes(q, epilogue(s2, q, u, column, p0, p1), channels)
  q += ypix
  u += auxpix
  storeLanes(q, epilogue(s3, q, u, column, p0, p1), channels)
}
