import { In, Out } from './roles'

/** Whether NaN counts as below the threshold of any branch: a constant of the site. */
// @ts-ignore: decorator
@external('hole', 'missing')
declare function missing(): bool

/** Bytes of a branch: threshold, feature, then what comes next where x is at most the threshold, and where not. */
// @ts-ignore: decorator
@inline
function branchSize<T, I>(): i32 {
  return <i32>sizeof<T>() + 3 * <i32>sizeof<I>()
}

/** What comes after branch `at` of a tree for one row; a leaf stays what it is. */
// @ts-ignore: decorator
@inline
function step<T, I>(tree: usize, row: usize, at: i32): i32 {
  const own = tree + select<i32>(0, at, at < 0) * branchSize<T, I>()
  const threshold = load<T>(own)
  let feature: i32
  if (sizeof<I>() == 2) feature = <i32>load<u16>(own, sizeof<T>())
  else feature = load<i32>(own, sizeof<T>())
  const mask: i32 = sizeof<I>() == 2 ? 0x7fff : 0x7fffffff
  let value: T
  let below: bool
  if (missing()) {
    value = load<T>(row + (feature & mask) * <i32>sizeof<T>())
    // The highest bit of the feature says where NaN goes.
    const sign = sizeof<I>() == 2 ? 15 : 31
    below = (value <= threshold) | (<bool>(feature >>> sign) & (value != value))
  } else {
    value = load<T>(row + feature * <i32>sizeof<T>())
    below = value <= threshold
  }
  let next: i32
  if (sizeof<I>() == 2) {
    // Both in one load, which need not wait for the comparison.
    const both = load<i32>(own, sizeof<T>() + 2)
    next = (both << (<i32>below << 4)) >> 16
  } else {
    const both = load<i64>(own, sizeof<T>() + 4)
    next = <i32>((both << (<i64>below << 5)) >> 32)
  }
  return select<i32>(at, next, at < 0)
}

/** Four walks at once hide the time that one waits for memory. */
// @ts-ignore: decorator
@inline
function four<T, I>(
  t0: usize,
  t1: usize,
  t2: usize,
  t3: usize,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  y0: usize,
  y1: usize,
  y2: usize,
  y3: usize,
  nodes: usize,
): void {
  const b0 = nodes + load<i32>(t0)
  const b1 = nodes + load<i32>(t1)
  const b2 = nodes + load<i32>(t2)
  const b3 = nodes + load<i32>(t3)
  let n0 = 0
  let n1 = 0
  let n2 = 0
  let n3 = 0
  do {
    n0 = step<T, I>(b0, r0, n0)
    n1 = step<T, I>(b1, r1, n1)
    n2 = step<T, I>(b2, r2, n2)
    n3 = step<T, I>(b3, r3, n3)
  } while ((n0 & n1 & n2 & n3) >= 0)
  store<i32>(y0, load<i32>(t0, 4) - 1 - n0)
  store<i32>(y1, load<i32>(t1, 4) - 1 - n1)
  store<i32>(y2, load<i32>(t2, 4) - 1 - n2)
  store<i32>(y3, load<i32>(t3, 4) - 1 - n3)
}

/**
 * The leaf that each row of x reaches in each tree, y [rows][trees] of i32. `trees` has two i32 for each: where its branches
 * begin, in bytes behind `nodes`, and its first leaf. A branch is a T and three I: threshold, feature, and what comes
 * next, branch i of the same tree as i, leaf i as -1 - i. Four rows at a time go down a tree while it is in cache; the rows
 * that are left go down four trees at a time. `row` is in bytes.
 */
// @ts-ignore: decorator
@inline
function walkTrees<T, I>(x: usize, nodes: usize, trees: usize, y: usize, rows: i32, count: i32, row: i32): void {
  const whole = rows & ~3
  const line = count << 2
  const end = trees + (count << 3)
  if (whole > 0) {
    let column = y
    for (let tree = trees; tree < end; tree += 8) {
      let from = x
      let to = column
      for (let r = 0; r < whole; r += 4) {
        four<T, I>(
          tree,
          tree,
          tree,
          tree,
          from,
          from + row,
          from + 2 * row,
          from + 3 * row,
          to,
          to + line,
          to + 2 * line,
          to + 3 * line,
          nodes,
        )
        from += row << 2
        to += line << 2
      }
      column += 4
    }
  }
  for (let r = whole; r < rows; r++) {
    const from = x + r * row
    const to = y + r * line
    const last = count - 1
    for (let i = 0; i < count; i += 4) {
      const i1 = min(i + 1, last)
      const i2 = min(i + 2, last)
      const i3 = min(i + 3, last)
      four<T, I>(
        trees + (i << 3),
        trees + (i1 << 3),
        trees + (i2 << 3),
        trees + (i3 << 3),
        from,
        from,
        from,
        from,
        to + (i << 2),
        to + (i1 << 2),
        to + (i2 << 2),
        to + (i3 << 2),
        nodes,
      )
    }
  }
}

export function f32_trees_i16(x: In, nodes: In, trees: In, y: Out, rows: i32, count: i32, row: i32): void {
  walkTrees<f32, i16>(x, nodes, trees, y, rows, count, row)
}

export function f32_trees_i32(x: In, nodes: In, trees: In, y: Out, rows: i32, count: i32, row: i32): void {
  walkTrees<f32, i32>(x, nodes, trees, y, rows, count, row)
}

export function f64_trees_i16(x: In, nodes: In, trees: In, y: Out, rows: i32, count: i32, row: i32): void {
  walkTrees<f64, i16>(x, nodes, trees, y, rows, count, row)
}

export function f64_trees_i32(x: In, nodes: In, trees: In, y: Out, rows: i32, count: i32, row: i32): void {
  walkTrees<f64, i32>(x, nodes, trees, y, rows, count, row)
}
