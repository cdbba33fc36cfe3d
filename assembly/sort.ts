import { In, Out, Scratch } from './roles'

/**
 * Stable merge sort of every row along one axis of [outer][length][inner], as sorted values and the i32 index each came
 * from. NaN counts as largest. `scratch` holds 2 × length indices.
 */
// @ts-ignore: decorator
@inline
function sortRows<T>(
  x: usize,
  values: usize,
  indices: usize,
  scratch: usize,
  outer: i32,
  length: i32,
  inner: i32,
  descending: i32,
): void {
  const size = sizeof<T>()
  const stride = inner * <i32>size
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) {
      const at = (o * length * inner + i) * <i32>size
      const base = x + at
      let from = scratch
      let to = scratch + (length << 2)
      for (let k = 0; k < length; k++) store<i32>(from + (k << 2), k)
      for (let width = 1; width < length; width <<= 1) {
        for (let low = 0; low < length; low += width << 1) {
          const middle = min(low + width, length)
          const high = min(low + (width << 1), length)
          let a = low
          let b = middle
          for (let k = low; k < high; k++) {
            let right = a >= middle
            if (!right && b < high) {
              const p = load<T>(base + load<i32>(from + (a << 2)) * stride)
              const q = load<T>(base + load<i32>(from + (b << 2)) * stride)
              // The right one goes first only where it is strictly before the left one.
              right = descending ? p < q || (q != q && p == p) : q < p || (p != p && q == q)
            }
            store<i32>(to + (k << 2), load<i32>(from + ((right ? b++ : a++) << 2)))
          }
        }
        const other = from
        from = to
        to = other
      }
      for (let k = 0; k < length; k++) {
        const index = load<i32>(from + (k << 2))
        store<i32>(indices + ((((o * length + k) * inner + i) as usize) << 2), index)
        store<T>(values + at + k * stride, load<T>(base + index * stride))
      }
    }
  }
}

export function f32_sort(x: In, values: Out, indices: Out, scratch: Scratch, outer: i32, length: i32, inner: i32, descending: i32): void {
  sortRows<f32>(x, values, indices, scratch, outer, length, inner, descending)
}

export function f64_sort(x: In, values: Out, indices: Out, scratch: Scratch, outer: i32, length: i32, inner: i32, descending: i32): void {
  sortRows<f64>(x, values, indices, scratch, outer, length, inner, descending)
}

export function i32_sort(x: In, values: Out, indices: Out, scratch: Scratch, outer: i32, length: i32, inner: i32, descending: i32): void {
  sortRows<i32>(x, values, indices, scratch, outer, length, inner, descending)
}

export function i64_sort(x: In, values: Out, indices: Out, scratch: Scratch, outer: i32, length: i32, inner: i32, descending: i32): void {
  sortRows<i64>(x, values, indices, scratch, outer, length, inner, descending)
}

export function u8_sort(x: In, values: Out, indices: Out, scratch: Scratch, outer: i32, length: i32, inner: i32, descending: i32): void {
  sortRows<u8>(x, values, indices, scratch, outer, length, inner, descending)
}

export function i8_sort(x: In, values: Out, indices: Out, scratch: Scratch, outer: i32, length: i32, inner: i32, descending: i32): void {
  sortRows<i8>(x, values, indices, scratch, outer, length, inner, descending)
}

export function i16_sort(x: In, values: Out, indices: Out, scratch: Scratch, outer: i32, length: i32, inner: i32, descending: i32): void {
  sortRows<i16>(x, values, indices, scratch, outer, length, inner, descending)
}

export function u16_sort(x: In, values: Out, indices: Out, scratch: Scratch, outer: i32, length: i32, inner: i32, descending: i32): void {
  sortRows<u16>(x, values, indices, scratch, outer, length, inner, descending)
}

export function u32_sort(x: In, values: Out, indices: Out, scratch: Scratch, outer: i32, length: i32, inner: i32, descending: i32): void {
  sortRows<u32>(x, values, indices, scratch, outer, length, inner, descending)
}

export function u64_sort(x: In, values: Out, indices: Out, scratch: Scratch, outer: i32, length: i32, inner: i32, descending: i32): void {
  sortRows<u64>(x, values, indices, scratch, outer, length, inner, descending)
}
