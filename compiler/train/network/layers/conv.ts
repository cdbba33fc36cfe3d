import { fail } from '../../../core/diagnostics/diagnostic.ts'
import type { WindowAxis } from '../../../core/ops/window.ts'
import type { Layer } from '../context.ts'
import type { Initializer } from '../initializers.ts'
import { checkArguments, checkOptions, count, flag, initializer, padding } from '../options.ts'
import { checkPictures } from '../pictures.ts'
import { paddingOf, type Padding } from '../padding.ts'

export interface ConvOptions {
  readonly stride?: number | undefined
  readonly dilation?: number | undefined
  readonly groups?: number | undefined
  readonly padding?: Padding | undefined
  readonly bias?: boolean | undefined
  readonly initializer?: Initializer | undefined
}

const windowChecks = { stride: count, dilation: count, padding, bias: flag, initializer }

/** Convolution with `channels` filters of `size` × `size`: [1, H, W, C] to [1, H', W', channels]. */
export function conv(channels: number, size: number, options: ConvOptions = {}): Layer {
  checkArguments('conv', { channels, size }, { channels: count, size: count })
  checkOptions('conv', options, { ...windowChecks, groups: count })
  return convolution(channels, size, options)
}

const convolution = (channels: number, size: number, options: ConvOptions): Layer => ({
  kind: 'conv',
  build: (network, x) => {
    const { stride = 1, dilation = 1, groups = 1, bias = true } = options
    checkPictures('conv', x)
    const [, height, width, inputs] = x.type.shape as [number, number, number, number]
    if (inputs % groups !== 0 || channels % groups !== 0)
      fail('A702', `conv: ${inputs} channels to ${channels} do not divide into ${groups} groups`)
    const each = inputs / groups
    const taps = size * size
    const w = network.parameter(
      'weight',
      [size, size, each, channels],
      options.initializer ?? 'he-normal',
      { inputs: taps * each, outputs: (taps * channels) / groups },
      true,
    )
    const window = [height, width].map((length): WindowAxis => ({
      ...{ size, stride, dilation, baseDilation: 1 },
      ...paddingOf(options.padding ?? 'same', length, size, stride, dilation),
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
export function depthwise(
  size: number,
  options: Omit<ConvOptions, 'groups'> & { readonly multiplier?: number | undefined } = {},
): Layer {
  checkArguments('depthwise', { size }, { size: count })
  checkOptions('depthwise', options, { ...windowChecks, multiplier: count })
  const { multiplier = 1, ...rest } = options
  return {
    kind: 'depthwise',
    build: (network, x) => {
      checkPictures('depthwise', x)
      const channels = x.type.shape.at(-1)!
      return convolution(channels * multiplier, size, { ...rest, groups: channels }).build(network, x)
    },
  }
}
