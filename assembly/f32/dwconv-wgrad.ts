import { madd } from '../madd'
import { storeLanes } from './store'
import { In, Out } from '../roles'

/**
 * Gradient of a depthwise convolution's weights: y[tap][c] = Σ over pixels of x[pixel + tap][c] · g[pixel][c], 3 × 3 taps and 4
 * channels at a time. All strides are in bytes. Activations are channels-last and x is bordered, so that no tap needs a bounds
 * test; what stands behind the C floats of a pixel is read and must not matter.
 *
 * x  first tap of the first pixel; xi to the next image, sy to the next row of pixels, step to the next pixel, xrow and xcol to the
 *    next tap down and across
 * g  gradient of the convolution's result at the first pixel; gi, grow and gpix as for x
 * y  [KH][KW][C]
 * `band` rows of pixels are summed for all channels before the next, whose sums are added.
 */
export function f32_dwconv_wgrad_3x3(
  x: In,
  g: In,
  y: Out,
  images: i32,
  OH: i32,
  OW: i32,
  band: i32,
  C: i32,
  KH: i32,
  KW: i32,
  xi: i32,
  sy: i32,
  step: i32,
  xrow: i32,
  xcol: i32,
  gi: i32,
  grow: i32,
  gpix: i32,
): void {
  const zero = f32x4.splat(0)
  const pixel = C << 2
  let first = true
  for (; images > 0; images--) {
    for (let oy = 0; oy < OH; oy += band) {
      const count = min(band, OH - oy)
      for (let n = 0; n < C; n += 4) {
        const at = n << 2
        for (let kh = 0; kh < KH; kh += 3) {
          for (let kw = 0; kw < KW; kw += 3) {
            // Taps beyond the last are those of the first row or column again.
            const right = kw + 1 < KW ? xcol : 0
            const righter = kw + 2 < KW ? 2 * xcol : 0
            const down = kh + 1 < KH ? xrow : 0
            const lower = kh + 2 < KH ? 2 * xrow : 0
            let c00 = zero
            let c01 = zero
            let c02 = zero
            let c10 = zero
            let c11 = zero
            let c12 = zero
            let c20 = zero
            let c21 = zero
            let c22 = zero
            let xr = x + oy * sy + at + kh * xrow + kw * xcol
            let gr = g + oy * grow + at
            for (let row = 0; row < count; row++) {
              let a = xr
              let b = xr + down
              let c = xr + lower
              let p = gr
              const end = gr + OW * gpix
              do {
                const e = v128.load(p)
                c00 = madd(v128.load(a), e, c00)
                c01 = madd(v128.load(a + right), e, c01)
                c02 = madd(v128.load(a + righter), e, c02)
                c10 = madd(v128.load(b), e, c10)
                c11 = madd(v128.load(b + right), e, c11)
                c12 = madd(v128.load(b + righter), e, c12)
                c20 = madd(v128.load(c), e, c20)
                c21 = madd(v128.load(c + right), e, c21)
                c22 = madd(v128.load(c + righter), e, c22)
                a += step
                b += step
                c += step
                p += gpix
              } while (p != end)
              xr += sy
              gr += grow
            }
            const channels = C - n
            let q = y + at + (kh * KW + kw) * pixel
            const columns = KW - kw
            store(q, pixel, c00, c01, c02, columns, channels, first)
            if (kh + 1 < KH) store((q += KW * pixel), pixel, c10, c11, c12, columns, channels, first)
            if (kh + 2 < KH) store(q + KW * pixel, pixel, c20, c21, c22, columns, channels, first)
          }
        }
      }
      first = false
    }
    x += xi
    g += gi
  }
}

/** Three taps of a row, of which there are `columns`. */
// @ts-ignore: decorator
@inline
function store(y: usize, pixel: i32, c0: v128, c1: v128, c2: v128, columns: i32, channels: i32, first: bool): void {
  storeLanes(y, first ? c0 : f32x4.add(v128.load(y), c0), channels)
  if (columns > 1) {
    y += pixel
    storeLanes(y, first ? c1 : f32x4.add(v128.load(y), c1), channels)
  }
  if (columns > 2) {
    y += pixel
    storeLanes(y, first ? c2 : f32x4.add(v128.load(y), c2), channels)
  }
}
