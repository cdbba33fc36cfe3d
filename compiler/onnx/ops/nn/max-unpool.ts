import { elementCount } from '../../../core/shape.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import { perAxis, spatialLengths } from '../../shared/nn/window.ts'

/**
 * Puts the elements of X at the flat indices I of the shape that pooling started from. Where output_shape is larger, the
 * rest is zeros at the end of each axis.
 */
export const maxUnpool: Operator = {
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const indices = c.input(1)
    const { dtype, shape } = x.type
    const lengths = spatialLengths(c, x)
    const sizes = c.ints('kernel_shape')
    c.check(
      sizes.length === lengths.length,
      `kernel_shape has ${sizes.length} entries for ${lengths.length} spatial axes`,
    )
    const strides = perAxis(c, 'strides', sizes.length, 1, 1)
    const pads = perAxis(c, 'pads', 2 * sizes.length, 0, 0)
    const unpooled = lengths.map((d, i) => (d - 1) * strides[i]! + sizes[i]! - pads[i]! - pads[i + sizes.length]!)
    c.check(
      unpooled.every((d) => d >= 0),
      `the result would have shape [${unpooled.join(',')}]`,
    )
    const inferred = [...shape.slice(0, 2), ...unpooled]
    const count = elementCount(shape)
    const flat = b.scatter(
      b.full(0, dtype, [elementCount(inferred)]),
      b.reshape(indices, [count, 1]),
      b.reshape(x, [count]),
      {
        kind: 'set',
        updateWindowDims: [],
        insertedWindowDims: [0],
        inputBatchingDims: [],
        scatterIndicesBatchingDims: [],
        scatterDimsToOperandDims: [0],
        indexVectorDim: 1,
      },
    )
    const result = b.reshape(flat, inferred)
    const wanted = c.constantInts(2, inferred)
    c.check(
      wanted.length === inferred.length && wanted.every((d, i) => d >= inferred[i]!),
      `output_shape [${wanted.join(',')}] is smaller than [${inferred.join(',')}]`,
    )
    const none = range(0, inferred.length).map(() => 0)
    return [
      b.pad(
        result,
        b.scalar(0, dtype),
        none,
        wanted.map((d, i) => d - inferred[i]!),
      ),
    ]
  },
}
