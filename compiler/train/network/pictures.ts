import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { Value } from '../../core/graph.ts'

/** A702 where what a layer gets is no picture, [1, H, W, C]. */
export function checkPictures(kind: string, { type: { dtype, shape } }: Value): void {
  if (shape.length === 4) return
  const [, ...own] = shape
  fail('A702', `${kind}: its input is ${dtype}[${own.join(', ')}]; it takes a picture, [height, width, channels]`, {
    hint:
      own.length === 2
        ? `reshape([${own.join(', ')}, 1]) before it makes a picture of one channel`
        : 'input, or reshape before it, says the shape',
  })
}
