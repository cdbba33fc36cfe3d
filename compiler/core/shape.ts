/** Dimensions, outermost first. A scalar is []. */
export type Shape = readonly number[]

export const elementCount = (shape: Shape): number => shape.reduce((product, d) => product * d, 1)

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i])

/** Row-major strides in elements. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let stride = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride
    stride *= shape[i]!
  }
  return strides
}

/** The shape that all operands broadcast to (NumPy's rule, ONNX "multidirectional"), or undefined if they do not. */
export function broadcastShapes(shapes: readonly Shape[]): Shape | undefined {
  const rank = Math.max(0, ...shapes.map((s) => s.length))
  const result = new Array<number>(rank).fill(1)
  for (const shape of shapes) {
    for (let i = 0; i < shape.length; i++) {
      const at = rank - shape.length + i
      if (shape[i] === 1 || shape[i] === result[at]) continue
      if (result[at] !== 1) return undefined
      result[at] = shape[i]!
    }
  }
  return result
}

/** Strides that walk `shape` under an iteration over the (broadcast) `target`: 0 where it repeats. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const own = rowMajorStrides(shape)
  const lead = target.length - shape.length
  return target.map((_, i) => (i < lead || shape[i - lead] === 1 ? 0 : own[i - lead]!))
}

/**
 * Calls `visit` for every index of `shape` in row-major order with the affine offset of each stream.
 * `strides[s]` has one stride for each dimension of `shape`; `bases[s]` is where stream s starts (0 unless given).
 */
export function walk(
  shape: Shape,
  strides: readonly (readonly number[])[],
  visit: (offsets: readonly number[], index: readonly number[]) => void,
  bases: readonly number[] = strides.map(() => 0),
): void {
  if (shape.includes(0)) return
  const offsets = [...bases]
  const index = new Array<number>(shape.length).fill(0)
  for (;;) {
    visit(offsets, index)
    let axis = shape.length - 1
    for (; axis >= 0; axis--) {
      for (let s = 0; s < strides.length; s++) offsets[s]! += strides[s]![axis]!
      if (++index[axis]! < shape[axis]!) break
      for (let s = 0; s < strides.length; s++) offsets[s]! -= strides[s]![axis]! * shape[axis]!
      index[axis] = 0
    }
    if (axis < 0) return
  }
}
