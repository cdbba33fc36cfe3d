import { elementCount, type Shape } from '../shape.ts'
import { formatType, type Tensor } from '../tensor.ts'
import { mixed, require, toResult, type Facets } from './facets.ts'

export interface ReshapeAttrs {
  readonly shape: Shape
}

/** The same elements in row-major order under another shape. */
export const reshape: Facets<ReshapeAttrs> = {
  type: ([x], { shape }) => {
    require(x !== undefined, 'reshape wants one operand')
    require(elementCount(x.shape) ===
      elementCount(shape), `${formatType(x)} has not as many elements as [${shape.join(',')}]`)
    return [{ dtype: x.dtype, shape }]
  },
  evaluate: ([x], { shape }) => [{ dtype: x!.dtype, shape, data: x!.data } satisfies Tensor],
  axes: ([x], { shape }) => {
    const before = x!.shape
    return [
      before.map((d, i) => {
        const outer = elementCount(before.slice(0, i))
        const axis = shape.findIndex((e, j) => e === d && elementCount(shape.slice(0, j)) === outer)
        return axis < 0 ? mixed : toResult(axis)
      }),
    ]
  },
}
