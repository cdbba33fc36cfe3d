/** The pixel after the one at `p`, or the same one again where there is none. */
// @ts-ignore: decorator
@inline
export function next(p: usize, more: bool, step: i32, wraps: bool, skip: i32): usize {
  return more ? p + step + (wraps ? skip : 0) : p
}
