import { In, Out } from '../../../roles'

/** G g Gᵀ of a block of eight output channels: u, planes [C][8], of w [3][3][C][8]. */
export function f32_winograd_2x2_weights(w: In, u: Out, C: i32, plane: i32): void {
  const half = f32x4.splat(0.5)
  const tap = C << 5
  for (let c = 0; c < tap; c += 16) {
    const p = w + c
    const g0 = v128.load(p)
    const g1 = v128.load(p + tap)
    const g2 = v128.load(p + 2 * tap)
    const g3 = f32x4.mul(half, v128.load(p + 3 * tap))
    const g4 = f32x4.mul(half, v128.load(p + 4 * tap))
    const g5 = f32x4.mul(half, v128.load(p + 5 * tap))
    const g6 = v128.load(p + 6 * tap)
    const g7 = v128.load(p + 7 * tap)
    const g8 = v128.load(p + 8 * tap)
    const s0 = f32x4.mul(half, f32x4.add(g0, g6))
    const s1 = f32x4.mul(half, f32x4.add(g1, g7))
    const s2 = f32x4.mul(half, f32x4.add(g2, g8))
    let q = u + c
    weightRow(q, plane, g0, g1, g2)
    q += 4 * plane
    weightRow(q, plane, f32x4.add(s0, g3), f32x4.add(s1, g4), f32x4.add(s2, g5))
    q += 4 * plane
    weightRow(q, plane, f32x4.sub(s0, g3), f32x4.sub(s1, g4), f32x4.sub(s2, g5))
    q += 4 * plane
    weightRow(q, plane, g6, g7, g8)
  }
}

// @ts-ignore: decorator
@inline
function weightRow(q: usize, plane: i32, a: v128, b: v128, c: v128): void {
  const half = f32x4.splat(0.5)
  const sum = f32x4.mul(half, f32x4.add(a, c))
  const middle = f32x4.mul(half, b)
  v128.store(q, a)
  v128.store(q + plane, f32x4.add(sum, middle))
  v128.store(q + 2 * plane, f32x4.sub(sum, middle))
  v128.store(q + 3 * plane, c)
}
