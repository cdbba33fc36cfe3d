import { elementCount } from '../../../core/shape.ts'
import type { Layer } from '../context.ts'

/** All axes but the batch as one. */
export const flatten = (): Layer => ({
  kind: 'flatten',
  build: ({ b }, x) => b.reshape(x, [1, elementCount(x.type.shape)]),
})
