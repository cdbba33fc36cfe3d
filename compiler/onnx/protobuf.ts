import { fail } from '../core/diagnostics/diagnostic.ts'

/** Wire types of the protobuf encoding ("Message Structure" in its specification); groups do not occur in ONNX. */
const varint = 0
const wide = 1
const delimited = 2
const narrow = 5

/** Bytes of the longest integer. */
const longestVarint = 10
const tooLong = 'a number takes more than ten bytes'

/** Bytes that are no message, or end within one. */
class DamagedError extends Error {}

const damaged = (what: string): never => {
  throw new DamagedError(what)
}

/** What `read` makes of messages. A101 where they are damaged; `what` names the whole, `hint` is for the user. */
export function reading<T>(what: string, hint: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof DamagedError)) throw error
    fail('A101', `not ${what}, or a damaged one: ${error.message}`, { hint })
  }
}

/** Units that a message, or else a run or a string, takes from the budget: about what it takes of memory. */
const messageCost = 4

/**
 * Bounds what a file may become: a message of two bytes is an object of hundreds. Numbers cost nothing, since they stay
 * in the file until they are asked for, and take eight bytes each then.
 */
class Budget {
  private left: number

  constructor(bytes: number) {
    this.left = Math.min(2 ** 21 + bytes / 4, 2 ** 24)
  }

  spend(units: number): void {
    this.left -= units
    if (this.left < 0) fail('A301', 'the model has too many parts for its size')
  }
}

/** Consecutive fields of one number and wire type: from the first one's tag to the end of the last. */
interface Run {
  readonly wire: number
  readonly from: number
  to: number
  count: number
}

/** Elements of a repeated field of scalars: packed one behind the other, or each behind a tag. */
interface Stretch {
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
  readonly packed: boolean
  /** Where they are not packed: how many. */
  readonly count: number
}

function countVarints({ bytes, from, to, packed, count }: Stretch): number {
  if (!packed) return count
  let found = 0
  let length = 0
  for (let i = from; i < to; i++) {
    if (bytes[i]! < 0x80) {
      found++
      length = 0
    } else if (++length === longestVarint) damaged(tooLong)
  }
  return length === 0 ? found : damaged('it ends within a number')
}

/** Reads varints; `at` is where the next one starts. */
class Cursor {
  at: number
  private readonly bytes: Uint8Array
  private readonly end: number

  constructor(bytes: Uint8Array, from: number, end: number) {
    this.bytes = bytes
    this.at = from
    this.end = end
  }

  get more(): boolean {
    return this.at < this.end
  }

  private byte(): number {
    return this.at < this.end ? this.bytes[this.at++]! : damaged('it ends within a number')
  }

  /** Bits 0 to 31, and in `high` bits 32 to 63. */
  low = 0
  high = 0

  integer(): void {
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.byte()
      const bits = byte & 0x7f
      if (shift < 32) low |= bits << shift
      if (shift === 28) high = bits >> 4
      else if (shift > 28) high |= bits << (shift - 32)
      if (byte < 0x80) {
        this.low = low
        this.high = high
        return
      }
    }
    damaged(tooLong)
  }

  /** A tag or a length: bits 0 to 31. */
  unsigned(): number {
    const first = this.bytes[this.at]!
    if (this.at < this.end && first < 0x80) {
      this.at++
      return first
    }
    this.integer()
    return this.low >>> 0
  }

  /** Passes `length` bytes and gives where they started. */
  pass(length: number): number {
    const from = this.at
    if (length > this.end - from) damaged(`it ends at byte ${this.end}, within a field that ends at ${from + length}`)
    this.at = from + length
    return from
  }

  skip(wire: number): void {
    if (wire === varint) {
      for (let length = 1; this.byte() >= 0x80; length++) if (length === longestVarint) damaged(tooLong)
    } else if (wire === delimited) this.pass(this.unsigned())
    else if (wire === wide) this.pass(8)
    else if (wire === narrow) this.pass(4)
    else damaged(`there is no wire type ${wire}`)
  }
}

/**
 * Elements of a repeated field of 64-bit integers, which stay varints until they are asked for. That they are whole is known when it is made:
 * who asks later is not within `reading`.
 */
export class Integers {
  readonly length: number
  private readonly stretches: readonly Stretch[]

  constructor(stretches: readonly Stretch[]) {
    this.stretches = stretches
    this.length = stretches.reduce((sum, stretch) => sum + countVarints(stretch), 0)
  }

  private read(write: (i: number, low: number, high: number) => void): void {
    let i = 0
    for (const { bytes, from, to, packed } of this.stretches) {
      const cursor = new Cursor(bytes, from, to)
      while (cursor.more) {
        if (!packed) cursor.unsigned()
        cursor.integer()
        write(i++, cursor.low, cursor.high)
      }
    }
  }

  /** Bits 0 to 31 of each. */
  int32s(): Int32Array {
    const result = new Int32Array(this.length)
    this.read((i, low) => (result[i] = low))
    return result
  }

  /** As signed integers; beyond 2^53 they lose precision. */
  numbers(): Float64Array {
    const result = new Float64Array(this.length)
    this.read((i, low, high) => (result[i] = high * 2 ** 32 + (low >>> 0)))
    return result
  }

  bigints(): BigInt64Array {
    const result = new BigInt64Array(this.length)
    const halves = new Int32Array(result.buffer)
    this.read((i, low, high) => {
      halves[2 * i] = low
      halves[2 * i + 1] = high
    })
    return result
  }
}

/** What stands in length-delimited fields, one behind the other. */
function* payloads(bytes: Uint8Array, from: number, to: number): Generator<readonly [from: number, end: number]> {
  const cursor = new Cursor(bytes, from, to)
  while (cursor.more) {
    cursor.unsigned()
    const start = cursor.pass(cursor.unsigned())
    yield [start, cursor.at]
  }
}

const decoder = new TextDecoder()

/** Strings repeat: those of up to so many bytes are compared with the last few before they are made anew. */
const shortString = 16
const recentStrings = 8

/**
 * A protobuf message: its fields by number, as they stand in the file. Reading it takes time in proportion to its bytes, and
 * memory in proportion to the fields that differ from the one before them. Call it within `reading`: a field may not be of the
 * type that is asked for.
 */
export class Message {
  readonly bytes: Uint8Array
  private readonly runs = new Map<number, Run[]>()
  private readonly budget: Budget

  constructor(bytes: Uint8Array, budget: Budget = new Budget(bytes.length), from = 0, end = bytes.length) {
    this.bytes = bytes
    this.budget = budget
    budget.spend(messageCost)
    const cursor = new Cursor(bytes, from, end)
    let last = -1
    let run: Run | undefined
    while (cursor.more) {
      const start = cursor.at
      const tag = cursor.unsigned()
      cursor.skip(tag & 7)
      if (run && tag === last) {
        run.to = cursor.at
        run.count++
        continue
      }
      const field = tag >>> 3
      if (field === 0) damaged('there is a field 0')
      run = { wire: tag & 7, from: start, to: cursor.at, count: 1 }
      last = tag
      const known = this.runs.get(field)
      if (known) {
        budget.spend(1)
        known.push(run)
      } else this.runs.set(field, [run])
    }
  }

  has(field: number): boolean {
    return this.runs.has(field)
  }

  /** Payloads of the length-delimited fields of that number. */
  private *payloads(field: number): Generator<readonly [from: number, end: number]> {
    for (const { wire, from, to } of this.runs.get(field) ?? []) {
      if (wire !== delimited) damaged(`field ${field} has wire type ${wire}`)
      yield* payloads(this.bytes, from, to)
    }
  }

  /** A repeated field of scalars, whose wire type is `expected` where it is not packed. */
  private stretches(field: number, expected: number): Stretch[] {
    const { bytes } = this
    return (this.runs.get(field) ?? []).flatMap(({ wire, from, to, count }): Stretch[] => {
      if (wire === expected) return [{ bytes, from, to, packed: false, count }]
      if (wire !== delimited) damaged(`field ${field} has wire type ${wire}`)
      return Array.from(payloads(bytes, from, to), ([start, end]) => {
        this.budget.spend(1)
        return { bytes, from: start, to: end, packed: true, count: 0 }
      })
    })
  }

  /** Where a field stands more than once the last counts, as the specification wants. */
  private last(field: number, wire: number): Cursor | undefined {
    const run = this.runs.get(field)?.at(-1)
    if (!run) return undefined
    if (run.wire !== wire) damaged(`field ${field} has wire type ${run.wire}`)
    const cursor = new Cursor(this.bytes, run.from, run.to)
    for (let i = 1; i < run.count; i++) cursor.skip(cursor.unsigned() & 7)
    cursor.unsigned()
    return cursor
  }

  /** An integer of 32 bits, or an enumeration; 0 where it is absent. */
  int32(field: number): number {
    const cursor = this.last(field, varint)
    if (!cursor) return 0
    cursor.integer()
    return cursor.low
  }

  /** An integer of 64 bits; 0 where it is absent. */
  int64(field: number): bigint {
    const cursor = this.last(field, varint)
    if (!cursor) return 0n
    cursor.integer()
    return (BigInt(cursor.high) << 32n) | BigInt(cursor.low >>> 0)
  }

  float(field: number): number {
    const cursor = this.last(field, narrow)
    return cursor ? new DataView(this.bytes.buffer, this.bytes.byteOffset + cursor.pass(4), 4).getFloat32(0, true) : 0
  }

  /** undefined where it is absent. */
  content(field: number): Uint8Array | undefined {
    const cursor = this.last(field, delimited)
    if (!cursor) return undefined
    const from = cursor.pass(cursor.unsigned())
    return this.bytes.subarray(from, cursor.at)
  }

  /** '' where it is absent. */
  string(field: number): string {
    const content = this.content(field)
    return content && content.length > 0 ? decoder.decode(content) : ''
  }

  message(field: number): Message | undefined {
    const content = this.content(field)
    if (!content) return undefined
    const from = content.byteOffset - this.bytes.byteOffset
    return new Message(this.bytes, this.budget, from, from + content.length)
  }

  *messages(field: number): Generator<Message> {
    for (const [from, end] of this.payloads(field)) yield new Message(this.bytes, this.budget, from, end)
  }

  strings(field: number): string[] {
    const { bytes } = this
    const recent: { readonly from: number; readonly length: number; readonly text: string }[] = []
    const result: string[] = []
    for (const [from, end] of this.payloads(field)) {
      const length = end - from
      const known = recent.find((each) => {
        if (each.length !== length) return false
        for (let i = 0; i < length; i++) if (bytes[each.from + i] !== bytes[from + i]) return false
        return true
      })
      if (known) {
        result.push(known.text)
        continue
      }
      this.budget.spend(1)
      const text = decoder.decode(bytes.subarray(from, end))
      result.push(text)
      if (length > shortString) continue
      if (recent.length === recentStrings) recent.shift()
      recent.push({ from, length, text })
    }
    return result
  }

  integers(field: number): Integers {
    return new Integers(this.stretches(field, varint))
  }

  floats(field: number): Float32Array {
    return new Float32Array(this.fixed(field, narrow, 4))
  }

  doubles(field: number): Float64Array {
    return new Float64Array(this.fixed(field, wide, 8))
  }

  /** The elements of a repeated field of fixed width, one behind the other. */
  private fixed(field: number, wire: number, width: number): ArrayBuffer {
    const stretches = this.stretches(field, wire)
    const length = stretches.reduce((sum, s) => sum + (s.packed ? s.to - s.from : s.count * width), 0)
    if (length % width !== 0) damaged(`field ${field} has ${length} bytes, ${width} for each number`)
    const result = new Uint8Array(length)
    let to = 0
    for (const stretch of stretches) {
      if (stretch.packed) {
        result.set(this.bytes.subarray(stretch.from, stretch.to), to)
        to += stretch.to - stretch.from
        continue
      }
      const cursor = new Cursor(this.bytes, stretch.from, stretch.to)
      while (cursor.more) {
        cursor.unsigned()
        const from = cursor.pass(width)
        for (let i = 0; i < width; i++) result[to++] = this.bytes[from + i]!
      }
    }
    return result.buffer
  }
}
