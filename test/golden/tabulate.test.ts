import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Expr } from '../../compiler/core/scalar/expr.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { nodesOf, type Graph, type Value } from '../../compiler/core/graph.ts'
import { dequantized, saturated } from '../../compiler/core/scalar/quantization.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { fuseMaps } from '../../compiler/passes/fuse-maps.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { tabulate } from '../../compiler/passes/integers/tabulate.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { graphOf, inputOf, runModule } from '../support/run-graph.ts'

const b = new Builder(undefined)
const hardswish = (x: Expr): Expr => f.mul(x, f.div(f.clamp(f.add(x, 3), 0, 6), 6))
const gelu = (x: Expr): Expr => f.mul(f.mul(x, 0.5), f.add(f.erf(f.mul(x, Math.SQRT1_2)), 1))

const dequantize = (q: Value, scale: number, zero: number): Value =>
  b.map([q, b.scalar(scale, 'f32'), b.scalar(zero, q.type.dtype)], (e, s, z) => dequantized(e!, s!, z))
const quantize = (x: Value, scale: number, zero: number, dtype: DType): Value =>
  b.map([x, b.scalar(scale, 'f32'), b.scalar(zero, dtype)], (e, s, z) => saturated(f.div(e!, s!), z, dtype))

const opsOf = (graph: Graph): string[] =>
  nodesOf(graph)
    .map(({ op }) => op)
    .filter((op) => op !== 'input' && op !== 'constant')

/** All bytes, several times, in an order that is not theirs. */
const everyByte = (dtype: 'i8' | 'u8', count: number) =>
  tensorOf(
    dtype,
    [count],
    Array.from({ length: count }, (_, i) => ((i * 77) % 256) - (dtype === 'i8' ? 128 : 0)),
  )

describe('tabulate', () => {
  for (const from of ['i8', 'u8'] as const) {
    for (const to of ['i8', 'u8', 'f32'] as const) {
      it.each([
        ['sigmoid', f.sigmoid],
        ['tanh', f.tanh],
        ['gelu', gelu],
        ['hardswish', hardswish],
      ] as const)(`gives for every byte what %s of ${from} gives in ${to}`, async (_, formula) => {
        const x = inputOf('x', from, [1027])
        const y = b.map([dequantize(x, 0.05, from === 'u8' ? 120 : -3)], (e) => formula(e!))
        const graph = graphOf([x], [to === 'f32' ? y : quantize(y, 0.02, 5, to)])
        const optimized = runPasses(graph)
        expect(opsOf(optimized)).toEqual(from === 'u8' ? ['gather'] : ['map', 'gather'])
        const inputs = { x: everyByte(from, 1027) }
        const expected = evaluate(graph, inputs).y0!
        expect(evaluate(optimized, inputs).y0!.data).toEqual(expected.data)
        const { modules, spec } = await compileGraph(graph)
        for (const wasm of [modules.simd!, ...(process.version > 'v22' ? [modules['relaxed-simd']!] : [])])
          expect(runModule(wasm, spec, inputs).y0!.data).toEqual(expected.data)
      })
    }
  }

  it('takes what comes behind a quantized product out of its epilogue', async () => {
    const x = inputOf('x', 'u8', [32, 16])
    const w = dequantize(
      b.constant(
        tensorOf(
          'i8',
          [16, 24],
          Array.from({ length: 384 }, (_, i) => ((i * 31) % 255) - 127),
        ),
      ),
      0.01,
      0,
    )
    const contract = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
    const sums = quantize(b.dotGeneral(dequantize(x, 0.1, 128), w, contract), 0.5, -4, 'i8')
    const graph = graphOf(
      [x],
      [
        quantize(
          b.map([dequantize(sums, 0.5, -4)], (e) => f.tanh(e!)),
          1 / 128,
          0,
          'i8',
        ),
      ],
    )
    expect(opsOf(runPasses(graph))).toEqual(['dot_general', 'map', 'map', 'gather'])
    const inputs = { x: tensorOf('u8', [32, 16], toNumbers(everyByte('u8', 512))) }
    const expected = evaluate(graph, inputs).y0!
    expect(new Set(toNumbers(expected)).size).toBeGreaterThan(10)
    const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
    expect(runModule(modules.simd!, spec, inputs).y0!.data).toEqual(expected.data)
  })

  const tabulated = (x: Value, y: Value): boolean => opsOf(tabulate(fuseMaps(graphOf([x], [y])))).includes('gather')

  it('leaves what is cheap, small or depends on more than a byte', () => {
    const many = inputOf('x', 'u8', [2000])
    const few = inputOf('x', 'u8', [200])
    const wide = inputOf('x', 'i32', [2000])
    const row = b.constant(tensorOf('f32', [2000], new Array<number>(2000).fill(2)))
    const sigmoid = (x: Value): Value => b.map([x], (e) => f.sigmoid(e!))
    expect(tabulated(many, sigmoid(dequantize(many, 0.1, 0)))).toBe(true)
    expect(tabulated(many, dequantize(many, 0.1, 7))).toBe(false)
    expect(tabulated(few, sigmoid(dequantize(few, 0.1, 0)))).toBe(false)
    expect(tabulated(many, sigmoid(b.binary('mul', dequantize(many, 0.1, 0), row)))).toBe(false)
    expect(tabulated(wide, sigmoid(b.convert(wide, 'f32')))).toBe(false)
  })

  it('leaves a clamp in the epilogue of its product', () => {
    const x = inputOf('x', 'i32', [2000])
    const q = quantize(b.convert(x, 'f32'), 3, 0, 'u8')
    const relu6 = b.map([dequantize(q, 0.1, 0)], (e) => f.clamp(e!, 0, 6))
    expect(tabulated(x, quantize(relu6, 0.1, 0, 'u8'))).toBe(false)
    const swish = b.map([dequantize(q, 0.1, 0)], (e) => hardswish(e!))
    expect(tabulated(x, quantize(swish, 0.1, 0, 'u8'))).toBe(true)
  })
})
