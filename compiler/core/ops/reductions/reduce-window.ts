import { check } from '../../diagnostics/check.ts'
import { rowMajorStrides, walk } from '../../shape.ts'
import { reader, writer, zeros, type TensorType } from '../../tensor.ts'
import { combiner, identityOf, checkReducible, type ReduceKind } from './reduce.ts'
import { inResult, type Facets, type Index } from '../facets.ts'
import { isTrivialWindow, windowIndex, windowPlace, windowPositions, windowShape, type WindowAxis } from '../window.ts'

export interface ReduceWindowAttrs {
  readonly kind: ReduceKind
  /** One entry for each axis of the operand. */
  readonly window: readonly WindowAxis[]
}

/** Combines the elements under a moving window (StableHLO reduce_window); padding counts as the identity of `kind`. */
export const reduceWindow: Facets<ReduceWindowAttrs> = {
  type: ([x], { kind, window }) => {
    check(x !== undefined, 'reduce_window wants one operand')
    check(window.length === x.shape.length, `window of rank ${window.length} on rank ${x.shape.length}`)
    checkReducible(kind, x.dtype)
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
  indices: ([x], { window }) =>
    window.flatMap((w, i): Index[] => {
      const extent = windowPositions(x!.shape[i]!, w)
      const from = windowPlace(0, i, x!.shape[i]!, w)
      return from ? [{ extent, places: [from, inResult(0, i, extent)] }] : []
    }),
  // What a kept axis has of a window is one element.
  keep: (_, attrs, { operands, results }) =>
    attrs.window.every((w, i) => isTrivialWindow(w) || (!operands[0]![i] && !results[0]![i])) ? attrs : undefined,
}
