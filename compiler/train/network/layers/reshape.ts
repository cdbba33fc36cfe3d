import { fail } from '../../../core/diagnostics/diagnostic.ts'
import { elementCount, type Shape } from '../../../core/shape.ts'
import type { Layer } from '../context.ts'

/**
 * All axes but the batch as others, in the same order: [1, …] to [1, ...shape]. Gray pictures [1, H, W] become [H, W, 1].
 * @throws CompileError A702 where `shape` has another number of elements.
 */
export const reshape = (shape: Shape): Layer => ({
  kind: 'reshape',
  build: ({ b }, x) => {
    const [, ...own] = x.type.shape
    if (elementCount(own) !== elementCount(shape))
      fail(
        'A702',
        `reshape([${shape.join(', ')}]) is for ${elementCount(shape)} numbers, and there are [${own.join(', ')}]`,
      )
    return b.reshape(x, [1, ...shape])
  },
})
