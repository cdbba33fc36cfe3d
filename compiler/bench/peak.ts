import type { Target } from '../index.ts'

/** Enough chains to hide the latency of a multiplication and an addition at two a cycle each; 14 of SSE's 16 registers. */
const accumulators = 12

/** Multiply-accumulates of one iteration. */
export const macsPerIteration = accumulators * 4

/**
 * A module that exports `run(x: f32, y: f32, iterations: i32): f32`: a = a · x + y on f32x4 accumulators that never leave
 * their registers, so that its speed is the most that multiply-adds reach on the machine. The operands are parameters, or
 * an engine could compute ahead.
 */
export function peakModule(target: Target): Uint8Array {
  const [x, y, iterations] = [0, 1, 2]
  const [xs, ys] = [3, 4]
  const sums = Array.from({ length: accumulators }, (_, i) => 5 + i)
  const multiplyAdd = (a: number): number[] =>
    target === 'relaxed-simd'
      ? [...get(a), ...get(xs), ...get(ys), ...relaxedMadd, ...set(a)]
      : [...get(a), ...get(xs), ...mul, ...get(ys), ...add, ...set(a)]
  const body = [
    ...[1, 2 + accumulators, v128], // locals
    ...[...get(x), ...splat, ...set(xs)],
    ...[...get(y), ...splat, ...set(ys)],
    ...[loop, empty],
    ...sums.flatMap(multiplyAdd),
    ...[...get(iterations), i32Const, 1, i32Sub, tee, iterations, branchIf, 0],
    end,
    ...sums.flatMap(get),
    ...sums.slice(1).flatMap(() => add),
    ...[simd, 0x1f, 0], // lane 0
    end,
  ]
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, 3, f32, f32, i32, 1, f32]),
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
const splat = [simd, 0x13]
const add = [simd, 0xe4, 0x01]
const mul = [simd, 0xe6, 0x01]
const relaxedMadd = [simd, 0x85, 0x02]

/** LEB128 of a number below 2¹⁴. */
const unsigned = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, n >> 7])

const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content]
