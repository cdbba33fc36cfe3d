import { constantBytes, type Access } from '../program/program.ts'
import { noAxes, packedLength, packInto } from './pack.ts'

/** A number for each output channel, or its bits. */
export type ChannelVector = Float32Array | Int32Array

/** The elements of a constant f32 or i32 along its last axis; undefined where it is no constant. */
export function channelVector({ buffer, offset, strides }: Access, channels: number): ChannelVector | undefined {
  const bytes = constantBytes(buffer)
  if (!bytes) return undefined
  const stride = strides[strides.length - 1]!
  const vector = new (buffer.dtype === 'f32' ? Float32Array : Int32Array)(channels)
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const to = new DataView(vector.buffer)
  for (let c = 0; c < channels; c++) to.setInt32(4 * c, from.getInt32(4 * (offset + c * stride), true), true)
  return vector
}

/**
 * Vectors over the channels of all groups, biases and scales, as templates read them: [group][channels / width][vector][width].
 * `together` is as in `Layout`.
 */
export function packVectors(
  vectors: readonly ChannelVector[],
  groups: number,
  width: number,
  together = 1,
): Uint8Array<ArrayBuffer> {
  const channels = vectors[0]?.length ?? 0
  const words = new Int32Array(vectors.length * channels)
  vectors.forEach((v, i) => words.set(new Int32Array(v.buffer, v.byteOffset, channels), i * channels))
  const perGroup = channels / groups
  const layout = {
    outer: { extents: [groups], strides: [perGroup] },
    channels: { extent: perGroup, stride: 1, width, together },
    inner: noAxes,
    run: { extents: [vectors.length], strides: [channels] },
  }
  return new Uint8Array(packInto(new Int32Array(packedLength(layout)), words, layout).buffer)
}
