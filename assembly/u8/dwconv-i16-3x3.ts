import { interleave } from './columns'
import { expandRows } from './expand-rows'
import { extend, extendHigh } from './extend'
import { finish, wide } from './store'

/**
 * The same as `u8_dwconv_i16` for kernels of 3×3. Columns are `xcol` apart and pixels one or two columns; each column is read
 * once for all pixels it is under.
 */
export function u8_dwconv_i16_3x3(
  x: usize,
  w: usize,
  b: usize,
  c: usize,
  table: usize,
  y: usize,
  aux: usize,
  OH: i32,
  OW: i32,
  C: i32,
  KH: i32,
  KW: i32,
  vectors: i32,
  element: i32,
  sy: i32,
  step: i32,
  xrow: i32,
  xcol: i32,
  yrow: i32,
  ypix: i32,
  auxrow: i32,
  auxpix: i32,
  flip: i32,
  scratch: usize,
): void {
  const size = wide() ? 2 : 0
  expandRows(scratch, w, ((C + 7) >> 3) * 96)
  for (; OH > 0; OH--) {
    let wn = scratch
    let bn = b
    let cn = c
    for (let n = 0; n < C; n += 8) {
      let r = x + n
      let q = y + (n << size)
      let u = aux + n * element
      const b0 = v128.load(bn)
      const b1 = v128.load(bn, 16)
      // Sums of the pixel that begins at this column, and of those that began one and two columns ago.
      let one0 = b0
      let one1 = b1
      let two0 = b0
      let two1 = b1
      // The first columns of the first pixel: two of them where pixels are one column apart, else one.
      let lead = step == xcol ? 2 : 1
      for (let left = OW; left > 0; ) {
        const upper = interleave(v128.load64_zero(r), v128.load64_zero(r + xrow))
        const third = v128.load64_zero(r + (xrow << 1))
        const lower = interleave(third, third)
        const upper0 = extend(upper)
        const upper1 = extendHigh(upper)
        const lower0 = extend(lower)
        const lower1 = extendHigh(lower)
        r += xcol
        if (step == xcol) {
          const c0 = add(two0, upper0, lower0, wn + 128)
          const c1 = add(two1, upper1, lower1, wn + 160)
          two0 = add(one0, upper0, lower0, wn + 64)
          two1 = add(one1, upper1, lower1, wn + 96)
          one0 = add(b0, upper0, lower0, wn)
          one1 = add(b1, upper1, lower1, wn + 32)
          if (lead > 0) {
            lead--
            continue
          }
          finish(q, u, element, c0, c1, cn, vectors, table, C - n)
          q += ypix
          u += auxpix
          left--
          continue
        }
        if (lead > 0) {
          // The column that two pixels share: the last of one, the first of the other.
          const c0 = add(two0, upper0, lower0, wn + 128)
          const c1 = add(two1, upper1, lower1, wn + 160)
          one0 = add(b0, upper0, lower0, wn)
          one1 = add(b1, upper1, lower1, wn + 32)
          if (lead > 1) {
            finish(q, u, element, c0, c1, cn, vectors, table, C - n)
            q += ypix
            u += auxpix
            left--
          }
          lead = 0
          continue
        }
        two0 = add(one0, upper0, lower0, wn + 64)
        two1 = add(one1, upper1, lower1, wn + 96)
        lead = 2
      }
      wn += 192
      bn += 64
      cn += vectors << 1
    }
    x += sy
    y += yrow
    aux += auxrow
  }
}

/** `sum` and the products of a column's rows with weights at `w`. */
// @ts-ignore: decorator
@inline
function add(sum: v128, upper: v128, lower: v128, w: usize): v128 {
  const both = i32x4.add(i32x4.dot_i16x8_s(upper, v128.load(w)), i32x4.dot_i16x8_s(lower, v128.load(w, 16)))
  return i32x4.add(sum, both)
}
