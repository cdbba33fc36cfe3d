import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { main } from '../../compiler/cli/program.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { peakModule } from '../../compiler/bench/peak.ts'
import { quantile } from '../../compiler/bench/statistics.ts'
import { writeNpy } from '../../compiler/data/index.ts'
import { model, stored } from '../onnx/build.ts'

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

let folder: string
const at = (...parts: string[]): string => join(folder, ...parts)
let out: string[]
let err: string[]

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attar-'))
  writeFileSync(at('dense.onnx'), dense)
  writeFileSync(at('w.bin'), weights)
  writeFileSync(at('scale.npy'), writeNpy(tensorOf('f32', [1, 4], [1, 2, 3, 4])))
})
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => {
  out = []
  err = []
})

const attar = (...args: string[]): Promise<number> =>
  main(args, { out: (text) => void out.push(text), err: (text) => void err.push(text), status: () => {} })
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
  ofPeak: positive,
  bytes: sizes,
}

describe('attar bench', () => {
  it('measures a model and onnxruntime-web beside it', { timeout: 180_000 }, async () => {
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
    out = []
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
      [[at('out'), '--runs', '0'], 'not a positive number'],
      [[at('out'), '--against', 'onnxruntime-web', '--model', at('none.onnx')], 'cannot read'],
    ]
    for (const [args, message] of wrong) {
      err = []
      expect(await attar('bench', ...args)).toBe(2)
      expect(err.join('\n')).toContain(message)
    }
  })
})

interface Measured {
  readonly medianMs: number
  readonly bytes: { readonly raw: number }
  readonly peakBytes: number
}

describe('the peak', () => {
  it('is measured by a module that multiplies and adds', async () => {
    expect(WebAssembly.validate(new Uint8Array(peakModule('simd')))).toBe(true)
    const { instance } = await WebAssembly.instantiate(new Uint8Array(peakModule('simd')))
    const { run } = instance.exports as { run: (x: number, y: number, iterations: number) => number }
    // Each of the twelve accumulators: ((0 · 2 + 3) · 2 + 3) · 2 + 3.
    expect(run(2, 3, 3)).toBe(12 * 21)
  })
})

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
