import { madd } from '../madd'
import { storeLanes } from './store'
import { Aux, In, Out } from '../roles'

// @ts-ignore: decorator
@external('hole', 'epilogue')
declare function epilogue(acc: v128, y: usize, aux: usize, column: i32, p0: v128, p1: v128): v128

/**
 * Rows of a matrix product where there are too few rows for the tile of implicit gemm: each weight is loaded once a row.
 * Strides are in bytes. x [M][K], w packed [N / 8][K][8] (padded with zeros), b [N rounded up to 8], y and aux [M][N].
 * Four blocks of eight columns go side by side: eight independent sums hide the latency of the multiply-add. The
 * baseline takes three: an add has less latency, and engines that load all eight vectors first (V8 before Turboshaft)
 * would run out of registers.
 */
export function f32_gemv_1x32(
  x: In,
  w: In,
  b: In,
  y: Out,
  aux: Aux,
  M: i32,
  K: i32,
  N: i32,
  xrow: i32,
  yrow: i32,
  auxrow: i32,
  f0: f32,
  f1: f32,
): void {
  const p0 = f32x4.splat(f0)
  const p1 = f32x4.splat(f1)
  const block = K << 5
  const side: i32 = ASC_FEATURE_RELAXED_SIMD ? 32 : 24
  const end = x + (K << 2)
  for (let m = 0; m < M; m++) {
    const stop = end + m * xrow
    let wn = w
    let n = 0
    for (; n + side <= N; n += side) {
      let a = x + m * xrow
      let q0 = wn
      let q1 = q0 + block
      let q2 = q1 + block
      let q3 = q2 + block
      const c = b + (n << 2)
      let c0 = v128.load(c)
      let c1 = v128.load(c, 16)
      let c2 = v128.load(c, 32)
      let c3 = v128.load(c, 48)
      let c4 = v128.load(c, 64)
      let c5 = v128.load(c, 80)
      let c6 = p0
      let c7 = p0
      if (ASC_FEATURE_RELAXED_SIMD) {
        c6 = v128.load(c, 96)
        c7 = v128.load(c, 112)
      }
      do {
        const v = v128.load32_splat(a)
        c0 = madd(v, v128.load(q0), c0)
        c1 = madd(v, v128.load(q0, 16), c1)
        c2 = madd(v, v128.load(q1), c2)
        c3 = madd(v, v128.load(q1, 16), c3)
        c4 = madd(v, v128.load(q2), c4)
        c5 = madd(v, v128.load(q2, 16), c5)
        if (ASC_FEATURE_RELAXED_SIMD) {
          c6 = madd(v, v128.load(q3), c6)
          c7 = madd(v, v128.load(q3, 16), c7)
          q3 += 32
        }
        a += 4
        q0 += 32
        q1 += 32
        q2 += 32
      } while (a < stop)
      wn += ASC_FEATURE_RELAXED_SIMD ? block << 2 : block * 3
      const column = n << 2
      const o = y + column
      const u = aux + column
      v128.store(o, epilogue(c0, o, u, column, p0, p1))
      v128.store(o + 16, epilogue(c1, o + 16, u + 16, column + 16, p0, p1))
      v128.store(o + 32, epilogue(c2, o + 32, u + 32, column + 32, p0, p1))
      v128.store(o + 48, epilogue(c3, o + 48, u + 48, column + 48, p0, p1))
      v128.store(o + 64, epilogue(c4, o + 64, u + 64, column + 64, p0, p1))
      v128.store(o + 80, epilogue(c5, o + 80, u + 80, column + 80, p0, p1))
      if (ASC_FEATURE_RELAXED_SIMD) {
        v128.store(o + 96, epilogue(c6, o + 96, u + 96, column + 96, p0, p1))
        v128.store(o + 112, epilogue(c7, o + 112, u + 112, column + 112, p0, p1))
      }
    }
    for (; n < N; n += 8) {
      let a = x + m * xrow
      let q = wn
      const column = n << 2
      let c0 = v128.load(b + column)
      let c1 = v128.load(b + column, 16)
      do {
        const v = v128.load32_splat(a)
        c0 = madd(v, v128.load(q), c0)
        c1 = madd(v, v128.load(q, 16), c1)
        a += 4
        q += 32
      } while (a < stop)
      wn += block
      const o = y + column
      const u = aux + column
      storeLanes(o, epilogue(c0, o, u, column, p0, p1), N - n)
      if (N - n > 4) storeLanes(o + 16, epilogue(c1, o + 16, u + 16, column + 16, p0, p1), N - n - 4)
    }
    y += yrow
    aux += auxrow
  }
}
