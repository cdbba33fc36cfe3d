import { rowMajorStrides, walk } from '../shape.ts'
import { reader, writer, zeros, type TensorType } from '../tensor.ts'
import { combiner, identityOf, requireReducible, type ReduceKind } from './reduce.ts'
import { mixed, require, toResult, type Facets } from './facets.ts'
import { isTrivialWindow, windowIndex, windowShape, type WindowAxis } from './window.ts'

export interface ReduceWindowAttrs {
  readonly kind: ReduceKind
  /** One entry for each axis of the operand. */
  readonly window: readonly WindowAxis[]
}

/** Combines the elements under a moving window (StableHLO reduce_window); padding counts as the identity of `kind`. */
export const reduceWindow: Facets<ReduceWindowAttrs> = {
  type: ([x], { kind, window }) => {
    require(x !== undefined, 'reduce_window wants one operand')
    require(window.length === x.shape.length, `window of rank ${window.length} on rank ${x.shape.length}`)
    requireReducible(kind, x.dtype)
    return [{ dtype: x.dtype, shape: windowShape(x.shape, window) }]
  },
  evaluate: ([x], attrs) => {
    const [type] = reduceWindow.type([x!], attrs) as [TensorType]
    const result = zeros(type.dtype, type.shape)
    const read = reader(x!)
    const write = writer(result)
    const combine = combiner(attrs.kind, type.dtype)
    const strides = rowMajorStrides(x!.shape)
    const sizes = attrs.window.map((w) => w.size)
    let out = 0
    walk(type.shape, [], (_, position) => {
      let sum = identityOf(attrs.kind, type.dtype)
      walk(sizes, [], (_, element) => {
        let offset = 0
        for (let i = 0; i < strides.length; i++) {
          const index = windowIndex(position[i]!, element[i]!, x!.shape[i]!, attrs.window[i]!)
          if (index < 0) return
          offset += index * strides[i]!
        }
        sum = combine(sum, read(offset))
      })
      write(out++, sum)
    })
    return [result]
  },
  axes: ([x], { window }) => [x!.shape.map((_, i) => (isTrivialWindow(window[i]!) ? toResult(i) : mixed))],
}
