import * as f from '../../../core/formula.ts'
import type { Layer } from '../context.ts'

/** x · scale + offset, as Keras's `Rescaling`: bytes of pixels to numbers of about 1. */
export const rescaling = (scale: number, offset = 0): Layer => ({
  kind: 'rescaling',
  build: ({ b }, x) => b.map([x], (e) => (offset === 0 ? f.mul(e, scale) : f.add(f.mul(e, scale), offset))),
})
