/**
 * Constants in Huffman codes, where it is asked for: the module's file is smaller, and its start takes longer. Constants of one region
 * share a table of codes. They are decoded where they are, so that no memory is needed for it: each half of the region is loaded
 * with a few bytes as they are, the codes of all bytes behind them, and zeros, which take no bytes in the file. `bytes_from_huffman`
 * writes from the highest address down, and reads codes before it writes there.
 */
import { codedBits, codeLengths, countBytes, encodeBackwards } from '../../core/bytes/huffman.ts'
import { storedBytes } from '../../core/bytes/zero-runs.ts'
import { align } from './align.ts'

/** What the decoder writes its table to. */
export const tableBytes = 8192

/** Memory that is loaded with codes, in terms of the decoder's arguments. */
export interface CodedRegion {
  readonly lengths: number
  readonly out: number
  readonly lane: number
  readonly count: number
  readonly ends: readonly [number, number]
}

export interface Coded {
  /** What is loaded in place of the data, as long as it. */
  readonly data: Uint8Array
  /** Addresses are from its start. */
  readonly region: CodedRegion
  /** Bytes of the file that it takes less. */
  readonly saved: number
}

/** The lengths of codes take this, two in a byte. */
const lengthsBytes = 128
/** Of code, for a region: a call with seven constants. */
const callBytes = 26
/** The decoder reads as far below a stream. */
const leastHead = 16
/** The decoder writes as many bytes of a half at a time. */
const step = 4

/**
 * How many bytes at the start of both halves stay as they are, the fewest: behind them no bytes from there on have codes that take more
 * than they. What has been written then never reaches down to codes that were not read.
 */
function headOf(halves: readonly Uint8Array[], lengths: Uint8Array): number {
  const size = halves[0]!.length
  let head = size
  /** Of each half, by how many bits codes are fewer, of all bytes from a place on; and the most that was so far. */
  const saved = halves.map(() => 0)
  const most = halves.map(() => 0)
  for (let at = size - step; at >= leastHead; at -= step) {
    let fits = true
    halves.forEach((half, i) => {
      for (let k = at; k < at + step; k++) saved[i] = saved[i]! + 8 - lengths[half[k]!]!
      // From here to any place it is what is saved from here on less what is saved from there on.
      fits &&= saved[i]! >= most[i]!
      most[i] = Math.max(most[i]!, saved[i]!)
    })
    if (fits) head = at
  }
  return head
}

/** `data`, of a multiple of 16 bytes, in codes; undefined where that saves nothing. */
export function coded(data: Uint8Array): Coded | undefined {
  const lane = data.length / 2
  const lengths = codeLengths(countBytes(data))
  const halves = [data.subarray(0, lane), data.subarray(lane)]
  const head = headOf(halves, lengths)
  const streams = halves.map((half) => encodeBackwards(half.subarray(head), lengths))
  const [end0, end1] = streams.map((stream, i) => i * lane + head + stream.length) as [number, number]
  if (end1 + lengthsBytes > data.length) return undefined
  const result = new Uint8Array(data.length)
  halves.forEach((half, i) => {
    result.set(half.subarray(0, head), i * lane)
    result.set(streams[i]!, i * lane + head)
  })
  for (let i = 0; i < lengthsBytes; i++) result[end1 + i] = lengths[2 * i]! | (lengths[2 * i + 1]! << 4)
  const saved = storedBytes(data) - storedBytes(result) - callBytes
  if (saved <= 0) return undefined
  return { data: result, region: { lengths: end1, out: head, lane, count: lane - head, ends: [end0, end1] }, saved }
}

/** Smaller constants stay as they are. */
const smallest = 256

/** Least that a module saves by codes: the decoder takes as much. */
export const leastSavedByCodes = 560

/** Padded to whole blocks of 16 bytes, as they stand in memory. */
function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const result = new Uint8Array(chunks.reduce((sum, chunk) => sum + align(chunk.length), 0))
  let at = 0
  for (const chunk of chunks) {
    result.set(chunk, at)
    at += align(chunk.length)
  }
  return result
}

const bitsOf = (counts: Float64Array): number => codedBits(counts, codeLengths(counts))
/** Bits of what a table costs. */
const tableBits = 8 * (lengthsBytes + callBytes + 24)

interface Group<T> {
  readonly members: T[]
  counts: Float64Array
  bits: number
}

/**
 * `constants` in groups that share a table each: of those with about as many bits for a byte, ones of a type next to each other, neighbours
 * are together where that takes fewer bits. What is in no group stays as it is; there is none at all where too little is saved.
 */
export function codedGroups<T extends { readonly data: Uint8Array; readonly type: string }>(
  constants: readonly T[],
): { readonly members: readonly T[]; readonly coded: Coded }[] {
  const candidates = constants.flatMap((constant) => {
    if (constant.data.length < smallest) return []
    const counts = countBytes(constant.data)
    return [{ constant, counts, bits: bitsOf(counts) }]
  })
  const each = ({ bits, constant }: (typeof candidates)[number]): number => bits / constant.data.length
  const byType = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
  candidates.sort((a, b) => byType(a.constant.type, b.constant.type) || each(a) - each(b))
  const groups: Group<T>[] = []
  for (const { constant, counts, bits } of candidates) {
    const last = groups.at(-1)
    const both = last?.counts.map((count, byte) => count + counts[byte]!)
    const together = both && bitsOf(both)
    if (last && both && together! <= last.bits + bits + tableBits) {
      last.members.push(constant)
      last.counts = both
      last.bits = together!
    } else groups.push({ members: [constant], counts, bits })
  }
  const found = groups.flatMap(({ members }) => {
    const own = coded(joined(members.map(({ data }) => data)))
    return own ? [{ members, coded: own }] : []
  })
  return found.reduce((sum, group) => sum + group.coded.saved, 0) < leastSavedByCodes ? [] : found
}
