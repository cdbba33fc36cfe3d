import type { WindowAxis } from '../../../core/ops/window.ts'
import type { Layer } from '../context.ts'
import type { Initializer } from '../initializers.ts'
import { paddingOf, type Padding } from '../padding.ts'

export interface ConvOptions {
  readonly stride?: number | undefined
  readonly dilation?: number | undefined
  readonly groups?: number | undefined
  readonly padding?: Padding | undefined
  readonly bias?: boolean | undefined
  readonly initializer?: Initializer | undefined
}

/** Convolution with `channels` filters of `size` × `size`: [1, H, W, C] to [1, H', W', channels]. */
export const conv = (channels: number, size: number, options: ConvOptions = {}): Layer => ({
  kind: 'conv',
  build: (network, x) => {
    const { stride = 1, dilation = 1, groups = 1, padding = 'same', bias = true, initializer = 'he-normal' } = options
    const [, height, width, inputs] = x.type.shape as [number, number, number, number]
    const each = inputs / groups
    const taps = size * size
    const w = network.parameter(
      'weight',
      [size, size, each, channels],
      initializer,
      { inputs: taps * each, outputs: (taps * channels) / groups },
      true,
    )
    const window = [height, width].map((length): WindowAxis => ({
      ...{ size, stride, dilation, baseDilation: 1 },
      ...paddingOf(padding, length, size, stride, dilation),
    }))
    const activation = { batch: 0, feature: 3, spatial: [1, 2] }
    const rhs = { input: 2, output: 3, spatial: [0, 1] }
    const { b } = network
    const y = b.convolution(x, w, { lhs: activation, rhs, out: activation, window, groups })
    if (!bias) return y
    return b.binary('add', y, network.parameter('bias', [channels], 'zeros', { inputs: 1, outputs: 1 }, false))
  },
})

/** Convolution of each channel by itself, `multiplier` results each. */
export const depthwise = (
  size: number,
  { multiplier = 1, ...options }: Omit<ConvOptions, 'groups'> & { readonly multiplier?: number | undefined } = {},
): Layer => ({
  kind: 'depthwise',
  build: (network, x) => {
    const channels = x.type.shape.at(-1)!
    return conv(channels * multiplier, size, { ...options, groups: channels }).build(network, x)
  },
})
