import { check } from '../../diagnostics/check.ts'
import { rowMajorStrides, walk } from '../../shape.ts'
import { reader, zeros, type TensorType } from '../../tensor.ts'
import { checkAxis, sameIndex, type Facets } from '../facets.ts'

export interface ArgreduceAttrs {
  readonly kind: 'max' | 'min'
  readonly axis: number
  /** Among equal elements take the last index, not the first. */
  readonly last: boolean
}

/** The i32 index of the largest or smallest element along `axis`, which vanishes from the shape. NaN wins over all. */
export const argreduce: Facets<ArgreduceAttrs> = {
  type: ([x], { axis }) => {
    check(x !== undefined, 'argreduce wants one operand')
    checkAxis(axis, x.shape.length)
    check(x.shape[axis]! > 0, 'argreduce over no elements')
    return [{ dtype: 'i32', shape: x.shape.filter((_, i) => i !== axis) }]
  },
  evaluate: ([x], attrs) => {
    const [type] = argreduce.type([x!], attrs) as [TensorType]
    const result = zeros('i32', type.shape)
    const read = reader(x!)
    const strides = rowMajorStrides(x!.shape)
    const along = strides[attrs.axis]!
    const outer = strides.filter((_, i) => i !== attrs.axis)
    let at = 0
    walk(type.shape, [outer], ([base]) => {
      let best = 0
      for (let i = 1; i < x!.shape[attrs.axis]!; i++) {
        const a = read(base! + i * along)
        const b = read(base! + best * along)
        const better = attrs.kind === 'max' ? a > b : a < b
        if (better || (a === b && attrs.last) || (Number.isNaN(a) && !Number.isNaN(b))) best = i
      }
      result.data[at++] = best
    })
    return [result]
  },
  indices: ([x], { axis }) => x!.shape.flatMap((_, i) => (i === axis ? [] : [sameIndex(x!, i, i < axis ? i : i - 1)])),
  keep: (_, attrs, { operands }) => (operands[0]![attrs.axis] ? undefined : attrs),
}
