import { madd } from '../madd'
import { ragged } from '../ragged'
import { storeLanes } from './store'
import { In, Out, Scratch } from '../roles'

/** Columns whose gradients stand side by side at a time: with a tile's rows of x they stay in a first-level cache. */
const chunk: i32 = 64

/**
 * Gradient of a convolution's weights, and product of a transposed matrix with another: y[k][o] = Σ over pixels of
 * x[pixel + k] · g[pixel][o], 4 rows × 8 columns at a time. All strides are in bytes. Activations are channels-last and x is
 * bordered, so that no tap needs a bounds test.
 *
 * x  first tap of the first pixel; xg to the next group, xi to the next image, sy to the next row of pixels, step to the next
 *    pixel, xrow and xcol to the next tap down and across, C floats contiguous under each tap
 * g  gradient of the convolution's result at the first pixel; gg, gi, grow and gpix as for x. What stands behind the CO floats
 *    of a pixel is read and must not matter
 * y  [KH][KW][C][CO]: yg to the next group, yk to the next row
 * `band` pixels of all images, rows and columns are summed for every tile before the next band, whose sums are added. They are
 * brought to `scratch` first, so that the sums know no rows: [band][4] of x, then [8][band][8] of g, or fewer where CO is less.
 */
export function f32_wgrad_4x8(
  x: In,
  g: In,
  y: Out,
  scratch: Scratch,
  groups: i32,
  images: i32,
  OH: i32,
  OW: i32,
  band: i32,
  KH: i32,
  KW: i32,
  C: i32,
  CO: i32,
  xg: i32,
  xi: i32,
  sy: i32,
  step: i32,
  xrow: i32,
  xcol: i32,
  gg: i32,
  gi: i32,
  grow: i32,
  gpix: i32,
  yg: i32,
  yk: i32,
): void {
  const zero = f32x4.splat(0)
  const rows = KH * KW * C
  const last = rows - 1
  const pixels = images * OH * OW
  const down = xrow - KW * xcol
  const xleap = xi - OH * sy
  const gleap = gi - OH * grow
  const columns = scratch + (band << 4)
  for (; groups > 0; groups--) {
    // The row of pixels that the band begins in, and how far inside.
    let bx = x
    let bg = g
    let row = 0
    let column = 0
    for (let rest = pixels; rest > 0; rest -= band) {
      const first = rest == pixels
      const count = min(band, rest)
      const stop = scratch + (count << 4)
      const begin = min(scratch + ((OW - column) << 4), stop)
      const px = bx + column * step
      const pg = bg + column * gpix
      for (let n = 0; n < CO; n += chunk) {
        const side = min(CO, n + chunk)
        let block = columns
        for (let m = n; m < side; m += 8) {
          const at = m << 2
          const over = block + (count << 5)
          let from = pg + at
          let start = bg + at
          let to = block
          let end = min(block + ((OW - column) << 5), over)
          let oy = row
          while (true) {
            do {
              v128.store(to, v128.load(from))
              v128.store(to, v128.load(from, 16), 16)
              from += gpix
              to += 32
            } while (to != end)
            if (to == over) break
            start += grow
            if (++oy == OH) {
              oy = 0
              start += gleap
            }
            from = start
            end = min(end + (OW << 5), over)
          }
          block = over
        }
        // Where row k of the result finds its tap, and its channel there.
        let tap = 0
        let kw = 0
        let c = 0
        for (let k = 0; k < rows; k += 4) {
          const o0 = tap + (c << 2)
          const together = c + 4 <= C
          let o1 = 0
          let o2 = 0
          let o3 = 0
          if (!together) {
            // Rows beyond the last repeat it.
            o1 = rowOffset(min(k + 1, last), KW, C, xrow, xcol) - o0
            o2 = rowOffset(min(k + 2, last), KW, C, xrow, xcol) - o0
            o3 = rowOffset(min(k + 3, last), KW, C, xrow, xcol) - o0
          }
          for (c += 4; c >= C; c -= C) {
            tap += xcol
            if (++kw == KW) {
              kw = 0
              tap += down
            }
          }
          let a = px + o0
          let start = bx + o0
          let to = scratch
          let end = begin
          let oy = row
          while (true) {
            if (together) {
              do {
                v128.store(to, v128.load(a))
                a += step
                to += 16
              } while (to != end)
            } else {
              do {
                let v = v128.load32_zero(a)
                v = v128.load32_lane(a + o1, v, 1)
                v = v128.load32_lane(a + o2, v, 2)
                v128.store(to, v128.load32_lane(a + o3, v, 3))
                a += step
                to += 16
              } while (to != end)
            }
            if (to == stop) break
            start += sy
            if (++oy == OH) {
              oy = 0
              start += xleap
            }
            a = start
            end = min(end + (OW << 4), stop)
          }
          let p = columns
          for (let m = n; m < side; m += 8) {
            let c00 = zero
            let c01 = zero
            let c10 = zero
            let c11 = zero
            let c20 = zero
            let c21 = zero
            let c30 = zero
            let c31 = zero
            let q = scratch
            do {
              const g0 = v128.load(p)
              const g1 = v128.load(p, 16)
              const x0 = v128.load32_splat(q)
              c00 = madd(x0, g0, c00)
              c01 = madd(x0, g1, c01)
              const x1 = v128.load32_splat(q, 4)
              c10 = madd(x1, g0, c10)
              c11 = madd(x1, g1, c11)
              const x2 = v128.load32_splat(q, 8)
              c20 = madd(x2, g0, c20)
              c21 = madd(x2, g1, c21)
              const x3 = v128.load32_splat(q, 12)
              c30 = madd(x3, g0, c30)
              c31 = madd(x3, g1, c31)
              q += 16
              p += 32
            } while (q != stop)
            let to = y + k * yk + (m << 2)
            const left = CO - m
            store(to, c00, c01, left, first)
            if (k + 1 < rows) store((to += yk), c10, c11, left, first)
            if (k + 2 < rows) store((to += yk), c20, c21, left, first)
            if (k + 3 < rows) store(to + yk, c30, c31, left, first)
          }
        }
      }
      for (column += count; column >= OW; column -= OW) {
        bx += sy
        bg += grow
        if (++row == OH) {
          row = 0
          bx += xleap
          bg += gleap
        }
      }
    }
    x += xg
    g += gg
    y += yg
  }
}

/** Where row k of the result finds its channel of its tap. */
// @ts-ignore: decorator
@inline
function rowOffset(k: i32, KW: i32, C: i32, xrow: i32, xcol: i32): i32 {
  const tap = k / C
  return (tap / KW) * xrow + (tap % KW) * xcol + ((k % C) << 2)
}

// @ts-ignore: decorator
@inline
function store(y: usize, c0: v128, c1: v128, columns: i32, first: bool): void {
  if (!first) {
    c0 = f32x4.add(v128.load(y), c0)
    c1 = f32x4.add(v128.load(y, 16), c1)
  }
  if (ragged()) {
    if (columns <= 4) {
      storeLanes(y, c0, columns)
      return
    }
  }
  v128.store(y, c0)
  storeLanes(y + 16, c1, columns - 4)
}
