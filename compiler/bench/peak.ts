import type { Arithmetic } from './arithmetic.ts'

/** Enough chains to hide the latency of a multiplication and an addition at two a cycle each; 14 of SSE's 16 registers. */
const accumulators = 12

/** A loop of multiply-accumulates whose operands never leave the registers: nothing on the machine is faster. */
export interface PeakLoop {
  readonly arithmetic: Arithmetic
  /** Whether it needs relaxed SIMD. */
  readonly relaxed: boolean
  /** Name of its module in the job. */
  readonly file: string
  readonly macsPerIteration: number
  /** What `run` is given to be timed. */
  readonly operands: readonly [x: number, y: number]
}

const ones = 0x01010101

/** The dot product stands before i16, which may have to take its place. */
export const peakLoops: readonly PeakLoop[] = [
  // Firefox has a slower fused multiply-add than its multiplication and addition on some machines, hence both.
  ...[false, true].map((relaxed) => loopOf('f32', relaxed, 4, [0.5, 1])),
  loopOf('dot', true, 16, [3 * ones, 5 * ones]),
  loopOf('i16', false, 8, [3 * ones, 5 * ones]),
]

function loopOf(arithmetic: Arithmetic, relaxed: boolean, macs: number, operands: readonly [number, number]): PeakLoop {
  const file = `peak.${arithmetic}${relaxed ? '.relaxed' : ''}.wasm`
  return { arithmetic, relaxed, file, macsPerIteration: accumulators * macs, operands }
}

/**
 * A module that exports `run(x, y, iterations: i32)`, which gives the sum of the accumulators' first lanes. For f32,
 * a = a · x + y from zero. For integers a = a + dot(a, y), where a begins as x: an accumulator is an operand too, since an
 * engine could take a product of what does not change out of the loop; i32 sums wrap, and 7-bit bytes of y keep
 * the relaxed dot product exact. All operands are parameters, or an engine could compute ahead.
 */
export function peakModule({ arithmetic, relaxed }: Pick<PeakLoop, 'arithmetic' | 'relaxed'>): Uint8Array {
  const [x, y, iterations] = [0, 1, 2]
  const [xs, ys] = [3, 4]
  const sums = Array.from({ length: accumulators }, (_, i) => 5 + i)
  const isFloat = arithmetic === 'f32'
  const [type, splat, add, first] = isFloat ? [f32, f32Splat, f32Add, f32Lane] : [i32, i32Splat, i32Add, i32Lane]
  // The last lanes differ, so that the chains are not one to an engine.
  const begin = (a: number, i: number): number[] => [...get(xs), i32Const, i, ...i32ReplaceLast, ...set(a)]
  const step = (a: number): number[] => {
    if (arithmetic === 'dot') return [...get(a), ...get(ys), ...get(a), ...relaxedDot, ...set(a)]
    if (arithmetic === 'i16') return [...get(a), ...get(a), ...get(ys), ...dot, ...add, ...set(a)]
    if (relaxed) return [...get(a), ...get(xs), ...get(ys), ...relaxedMadd, ...set(a)]
    return [...get(a), ...get(xs), ...f32Mul, ...get(ys), ...add, ...set(a)]
  }
  const body = [
    ...[1, 2 + accumulators, v128], // locals
    ...[...get(x), ...splat, ...set(xs)],
    ...[...get(y), ...splat, ...set(ys)],
    ...(isFloat ? [] : sums.flatMap(begin)),
    ...[loop, empty],
    ...sums.flatMap(step),
    ...[...get(iterations), i32Const, 1, i32Sub, tee, iterations, branchIf, 0],
    end,
    ...sums.flatMap(get),
    ...sums.slice(1).flatMap(() => add),
    ...first,
    end,
  ]
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, 3, type, type, i32, 1, type]),
    ...section(3, [1, 0]),
    ...section(7, [1, 3, ...new TextEncoder().encode('run'), 0, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ])
}

/** Opcodes of the WebAssembly 3.0 specification, section 5. */
const [i32, f32, v128, empty] = [0x7f, 0x7d, 0x7b, 0x40]
const [loop, end, branchIf, tee, i32Const, i32Sub, simd] = [0x03, 0x0b, 0x0d, 0x22, 0x41, 0x6b, 0xfd]
const get = (local: number): number[] => [0x20, local]
const set = (local: number): number[] => [0x21, local]
const [i32Splat, f32Splat] = [
  [simd, 0x11],
  [simd, 0x13],
]
const [i32Lane, f32Lane, i32ReplaceLast] = [
  [simd, 0x1b, 0],
  [simd, 0x1f, 0],
  [simd, 0x1c, 3],
]
const i32Add = [simd, 0xae, 0x01]
const f32Add = [simd, 0xe4, 0x01]
const f32Mul = [simd, 0xe6, 0x01]
const dot = [simd, 0xba, 0x01]
const relaxedMadd = [simd, 0x85, 0x02]
const relaxedDot = [simd, 0x93, 0x02]

/** LEB128 of a number below 2¹⁴. */
const unsigned = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, n >> 7])

const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content]
