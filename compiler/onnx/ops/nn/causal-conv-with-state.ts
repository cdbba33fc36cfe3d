import { trivialWindow } from '../../../core/ops/window.ts'
import type { OpContext, Operator } from '../../context.ts'
import { addBias, channelsFirst } from '../../shared/nn/convolution.ts'
import * as f from '../../../core/scalar/formula.ts'

/** Depthwise convolution [batch, channel, time] over the state of earlier calls and the input, and the state for later ones. */
export const causalConvWithState: Operator = {
  since: 27,
  lower: (c: OpContext) => {
    const { b } = c
    const x = c.input(0)
    const w = c.input(1)
    const [batch = 0, channels = 0] = x.type.shape
    const size = w.type.shape[2] ?? 0
    c.check(size >= 1, `a kernel of shape [${w.type.shape.join(',')}]`)
    const past = c.inputs[3] ?? b.full(0, x.type.dtype, [batch, channels, size - 1])
    const whole = b.concatenate([past, x], 2)
    const convolved = b.convolution(whole, w, {
      ...channelsFirst([{ ...trivialWindow, size }], channels),
      rhs: { output: 0, input: 1, spatial: [2] },
    })
    const biased = addBias(c, convolved, c.inputs[2])
    const activation = c.string('activation', 'none')
    c.check(['none', 'silu', 'swish'].includes(activation), `activation is "${activation}"`)
    const result = activation === 'none' ? biased : b.map([biased], (e) => f.mul(e, f.sigmoid(e)))
    return [result, b.sliceAxis(whole, 2, whole.type.shape[2]! - size + 1, size - 1)]
  },
}
