import type { OpContext, Operator } from '../../context.ts'

function blocks(c: OpContext): { size: number; shape: readonly [number, number, number, number] } {
  const size = c.int('blocksize')
  const { shape } = c.input(0).type
  c.check(shape.length === 4 && size >= 1, `blocks of ${size} in [${shape.join(',')}]`)
  return { size, shape: shape as [number, number, number, number] }
}

/** Channels become blocks of pixels; mode CRD has the block's axes within the channel, DCR around it. */
export const depthToSpace: Operator = {
  floats: 'moved',
  lower: (c: OpContext) => {
    const { b } = c
    const { size, shape } = blocks(c)
    const [n, channels, h, w] = shape
    const depth = channels / (size * size)
    c.check(Number.isInteger(depth), `${channels} channels are no blocks of ${size} × ${size}`)
    const x = c.input(0)
    const split =
      c.string('mode', 'DCR') === 'CRD'
        ? b.transpose(b.reshape(x, [n, depth, size, size, h, w]), [0, 1, 4, 2, 5, 3])
        : b.transpose(b.reshape(x, [n, size, size, depth, h, w]), [0, 3, 4, 1, 5, 2])
    return [b.reshape(split, [n, depth, h * size, w * size])]
  },
}

/** Blocks of pixels become channels. */
export const spaceToDepth: Operator = {
  floats: 'moved',
  lower: (c: OpContext) => {
    const { b } = c
    const { size, shape } = blocks(c)
    const [n, channels, h, w] = shape
    c.check(h % size === 0 && w % size === 0, `${h} × ${w} pixels are no blocks of ${size} × ${size}`)
    const split = b.reshape(c.input(0), [n, channels, h / size, size, w / size, size])
    return [b.reshape(b.transpose(split, [0, 3, 5, 1, 2, 4]), [n, channels * size * size, h / size, w / size])]
  },
}
