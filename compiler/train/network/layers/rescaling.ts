import * as f from '../../../core/scalar/formula.ts'
import type { Layer } from '../context.ts'
import { checkArguments, number } from '../options.ts'

/** x · scale + offset, as Keras's `Rescaling`: bytes of pixels to numbers of about 1. */
export function rescaling(scale: number, offset = 0): Layer {
  checkArguments('rescaling', { scale, offset }, { scale: number, offset: number })
  return {
    kind: 'rescaling',
    build: ({ b }, x) => b.map([x], (e) => (offset === 0 ? f.mul(e, scale) : f.add(f.mul(e, scale), offset))),
  }
}
