import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { limitMs, macsIn, type Arithmetic, type Macs, type Peaks } from '../../compiler/bench/arithmetic.ts'
import { peakLoops, peakModule, type PeakLoop } from '../../compiler/bench/peak.ts'
import { quantile } from '../../compiler/bench/statistics.ts'
import { writeNpy } from '../../compiler/data/index.ts'
import { findCurrentNode } from '../../compiler/verify/child-instance.ts'
import { model, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'
import { mixed, mixedMacs } from './mixed.ts'

const current = findCurrentNode()

/** Its weights stand in a file beside it, and one of its inputs is to be bound. */
const [weights, dense] = (() => {
  const { rawData, ...w } = stored(
    'w',
    tensorOf(
      'f32',
      [8, 4],
      Array.from({ length: 32 }, (_, i) => i / 32),
    ),
  )
  const external = { ...w, dataLocation: 1, externalData: [{ key: 'location', value: 'w.bin' }] }
  const graph = {
    inputs: ['x f32[batch,8]', 'scale f32[1,4]'],
    outputs: ['y f32[batch,4]'],
    nodes: ['t = MatMul(x, w)', 'y = Mul(t, scale)'],
    initializers: [external],
  }
  return [rawData!, model(graph)]
})()

const { at, out, err, attar } = commandLine()

beforeAll(() => {
  writeFileSync(at('dense.onnx'), dense)
  writeFileSync(at('w.bin'), weights)
  writeFileSync(at('scale.npy'), writeNpy(tensorOf('f32', [1, 4], [1, 2, 3, 4])))
})

const lines = (): Record<string, unknown>[] => out.map((line) => JSON.parse(line) as Record<string, unknown>)
const shape = (): string[] => ['--dim', 'batch=2', '--bind', `scale=${at('scale.npy')}`]
const quick = ['--runs', '5', '--starts', '1', '--warm-up', '10']

const positive: unknown = expect.toSatisfy((x: unknown) => typeof x === 'number' && x > 0 && x < Infinity)
const sizes = { raw: positive, gzip: positive, brotli: positive }
const measured = {
  model: 'dense',
  engine: 'node (current)',
  version: expect.stringMatching(/^v\d+\./) as unknown,
  coldStartMs: positive,
  fetchMs: positive,
  instantiateMs: positive,
  firstRunMs: positive,
  medianMs: positive,
  p95Ms: positive,
  bestMs: positive,
  samples: 5,
  runsPerSample: positive,
  gmacs: positive,
  macs: { f32: 2 * 8 * 4, i16: 0, dot: 0 },
  peaks: { f32: positive },
  ofPeak: positive,
  bytes: sizes,
}

describe('attar bench', () => {
  it('measures a model and onnxruntime-web beside it', async () => {
    const peer = ['--against', 'onnxruntime-web', '--engines', 'node (current)', '--json']
    expect(await attar('bench', at('dense.onnx'), ...shape(), ...peer, ...quick)).toBe(0)
    expect(lines()).toEqual([
      { ...measured, system: 'attar', variant: 'relaxed-simd', compileMs: positive, peakBytes: 65536 },
      { ...measured, system: 'onnxruntime-web', variant: null, compileMs: null, peakBytes: positive },
      {
        model: 'dense',
        engine: 'node (current)',
        version: measured.version,
        variant: 'relaxed-simd',
        against: 'onnxruntime-web',
        ratio: positive,
        ratioQ1: positive,
        ratioQ3: positive,
        bestRatio: positive,
        coldStartRatio: positive,
        difference: expect.any(Number) as unknown,
        agrees: true,
      },
    ])
    const [own, other, comparison] = lines() as [Measured, Measured, { ratio: number }]
    expect(comparison.ratio).toBeCloseTo(other.medianMs / own.medianMs, 9)
    // Its engine is 14 MB; its memory starts at 16 MiB.
    expect(other.bytes.raw).toBeGreaterThan(5e6)
    expect(other.peakBytes).toBeGreaterThanOrEqual(2 ** 24)
  })

  it('measures compiled files, where modules are bound statically too, and says which engine cannot run the peer', async () => {
    expect(await attar('compile', at('dense.onnx'), ...shape(), '-o', at('out'), '--name', 'small')).toBe(0)
    out.length = 0
    const peer = ['--against', 'onnxruntime-web', '--model', at('dense.onnx'), '--bind', `scale=${at('scale.npy')}`]
    expect(await attar('bench', at('out'), '--engines', 'workerd', ...peer, ...quick, '--json')).toBe(0)
    const [own, absent] = lines() as [Measured, unknown]
    expect(own).toMatchObject({ model: 'small', engine: 'workerd', system: 'attar', compileMs: null })
    const shipped = ['small.relaxed.wasm', 'small.js'].map((file) => readFileSync(at('out', file)).length)
    expect(own.bytes.raw).toBe(shipped[0]! + shipped[1]!)
    expect(absent).toEqual({
      model: 'small',
      engine: 'workerd',
      system: 'onnxruntime-web',
      skipped: 'the engine compiles no WebAssembly at run time',
    })
  })

  it('prints a table', async () => {
    expect(await attar('bench', at('out'), '--engines', 'node (current)', ...quick)).toBe(0)
    expect(out.join('\n')).toMatch(
      /^small on node \(current\) \(v[^]*attar relaxed-simd( +[\d.,e-]+){9} +\d+ %\n[^]* 65,536/,
    )
  })

  it('refuses what it cannot measure', async () => {
    const wrong: [string[], string][] = [
      [[at('out'), '--engines', 'netscape'], 'no engine "netscape"'],
      [[at('out'), '--against', 'onnxruntime-web'], '--model model.onnx'],
      [[at('out'), '--name', 'other'], 'no such module'],
      [[at('out'), '--runs', '0'], 'not a whole number from 1'],
      [[at('out'), '--against', 'onnxruntime-web', '--model', at('none.onnx')], 'cannot read'],
    ]
    for (const [args, message] of wrong) {
      err.length = 0
      expect(await attar('bench', ...args)).toBe(2)
      expect(err.join('\n')).toContain(message)
    }
  })
})

interface Measured {
  readonly medianMs: number
  readonly macs: Macs
  readonly peaks: Peaks
  readonly ofPeak: number
  readonly bytes: { readonly raw: number }
  readonly peakBytes: number
}

describe('peaks', () => {
  const loopOf = (arithmetic: Arithmetic, relaxed = false): PeakLoop =>
    peakLoops.find((loop) => loop.arithmetic === arithmetic && loop.relaxed === relaxed)!
  const runOf = async (loop: PeakLoop) => {
    const { instance } = await WebAssembly.instantiate(peakModule(loop) as BufferSource)
    return instance.exports['run'] as (x: number, y: number, iterations: number) => number
  }

  it('are those of twelve chains of a multiplication and an addition, four lanes of one, two or four products', () => {
    expect(peakLoops.map(({ arithmetic, macsPerIteration }) => [arithmetic, macsPerIteration])).toEqual([
      ['f32', 12 * 4],
      ['f32', 12 * 4],
      ['dot', 12 * 16],
      ['i16', 12 * 8],
    ])
  })

  it('are measured by a module that multiplies and adds', async () => {
    const run = await runOf(loopOf('f32'))
    // Each of the twelve accumulators: ((0 · 2 + 3) · 2 + 3) · 2 + 3.
    expect(run(2, 3, 3)).toBe(12 * 21)
  })

  it('are measured by a module with products of i16', async () => {
    const run = await runOf(loopOf('i16'))
    expect(run(1, 0, 5)).toBe(12)
    // Of an accumulator's halves 7 and -2, by 3 and 5: 21 - 10, and the accumulator.
    const [x, y] = [-2 * 2 ** 16 + 7, 5 * 2 ** 16 + 3]
    expect(run(x, y, 1)).toBe(12 * (x + 11))
    // 2, 2 + 2 · 3, 8 + 8 · 3
    expect(run(2, 3, 2)).toBe(12 * 32)
    // -32768 · -32768 twice is 2³¹, which wraps, and the accumulator takes it back to what its halves are.
    const lowest = 0x80008000 | 0
    expect(run(lowest, lowest, 1)).toBe(Number(BigInt.asIntN(32, 12n * BigInt(2 ** 31 + lowest))))
  })

  it.skipIf(!current)('are measured by a module with the relaxed dot product, exact for 7 bits', async () => {
    const loop = loopOf('dot', true)
    const cases = [
      // Bytes 1, 2, -3 and 4 by 5, 6, 7 and 8: 5 + 12 - 21 + 32.
      { x: bytes(1, 2, -3, 4), y: bytes(5, 6, 7, 8), n: 1, expected: 12 * (bytes(1, 2, -3, 4) + 28) },
      // 2, 2 + 2 · 3, 8 + 8 · 3
      { x: 2, y: 3, n: 2, expected: 12 * 32 },
      // The most and the least that 7 bits give.
      { x: bytes(127, 127, 127, 127), y: bytes(127, 127, 127, 127), n: 1, expected: 12 * (0x7f7f7f7f + 4 * 127 * 127) },
      {
        x: bytes(-128, -128, -128, -128),
        y: bytes(127, 127, 127, 127),
        n: 1,
        expected: 12 * ((0x80808080 | 0) - 4 * 128 * 127),
      },
    ]
    const script = `const { instance } = await WebAssembly.instantiate(new Uint8Array([${peakModule(loop).join()}]))
      console.log(JSON.stringify(${JSON.stringify(cases)}.map(({ x, y, n }) => instance.exports.run(x, y, n))))`
    const { stdout } = spawnSync(current!.path, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    expect(JSON.parse(stdout)).toEqual(cases.map(({ expected }) => expected | 0))
  })

  it('limit each kind of multiply-accumulates of a module', () => {
    const report = { macs: 7_000_000, integerMacs: 6_000_000, dotMacs: 4_000_000 }
    expect(macsIn(report, 'simd')).toEqual({ f32: 1_000_000, i16: 6_000_000, dot: 0 })
    expect(macsIn(report, 'relaxed-simd')).toEqual({ f32: 1_000_000, i16: 2_000_000, dot: 4_000_000 })
    expect(macsIn(report, 'relaxed-simd', false)).toEqual(macsIn(report, 'simd'))
    // 1 / 20 + 2 / 40 + 4 / 160 milliseconds
    expect(limitMs(macsIn(report, 'relaxed-simd'), { f32: 20, i16: 40, dot: 160 })).toBeCloseTo(0.125, 12)
    expect(limitMs(macsIn(report, 'simd'), { f32: 20, i16: 40 })).toBeCloseTo(0.2, 12)
    expect(limitMs({ f32: 1_000_000, i16: 0, dot: 0 }, { f32: 20 })).toBeCloseTo(0.05, 12)
  })

  it('are those of the module that runs', async () => {
    writeFileSync(at('mixed.onnx'), model(mixed))
    const { integer, float } = mixedMacs
    const on = ['--engines', 'node (current)', '--json', ...quick]
    expect(await attar('bench', at('mixed.onnx'), ...on)).toBe(0)
    expect(await attar('compile', at('mixed.onnx'), '-o', at('baseline'), '--target', 'simd')).toBe(0)
    out.pop()
    expect(await attar('bench', at('baseline'), ...on)).toBe(0)
    const [relaxed, baseline] = lines() as unknown as [Measured, Measured]
    const byI16 = { macs: { f32: float, i16: integer, dot: 0 }, peaks: { f32: positive, i16: positive } }
    const byDot = { macs: { f32: float, i16: 0, dot: integer }, peaks: { f32: positive, dot: positive } }
    expect(baseline).toMatchObject({ variant: 'simd', ...byI16 })
    expect(Object.keys(baseline.peaks)).toEqual(['f32', 'i16'])
    // Machines whose dot product saturates run the other kernels.
    expect(relaxed).toMatchObject({ variant: 'relaxed-simd', ...(relaxed.peaks.dot === undefined ? byI16 : byDot) })
    for (const { macs, peaks, ofPeak, medianMs } of [relaxed, baseline]) {
      expect(ofPeak).toBeCloseTo(limitMs(macs, peaks) / medianMs, 9)
    }
  })
})

/** Four bytes in one i32, the lowest first. */
const bytes = (...values: number[]): number => values.reduce((sum, value, i) => sum | ((value & 255) << (8 * i)), 0)

describe('statistics', () => {
  it('interpolates quantiles between ranks', () => {
    expect([0, 0.25, 0.5, 0.95, 1].map((q) => quantile([4, 1, 3, 2], q))).toEqual([
      1,
      1.75,
      2.5,
      expect.closeTo(3.85, 9),
      4,
    ])
    expect(quantile([7], 0.95)).toBe(7)
  })
})
