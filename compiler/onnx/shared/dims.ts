import { known, numberOf, sameDim, type Dim } from '../dims.ts'

/** NumPy's rule. One of two sizes that are unlike must be 1; a size that may turn out to be 1 is taken to be another. */
export function broadcastDims(shapes: readonly (readonly Dim[])[]): readonly Dim[] | undefined {
  const rank = Math.max(0, ...shapes.map(({ length }) => length))
  const result = Array.from({ length: rank }, (_, i): Dim | undefined => {
    const sizes = shapes.map((dims) => dims[i - rank + dims.length] ?? known(1)).filter((dim) => numberOf(dim) !== 1)
    const [first = known(1)] = sizes
    return sizes.every((dim) => sameDim(dim, first)) ? first : undefined
  })
  return result.every((dim) => dim !== undefined) ? result : undefined
}
