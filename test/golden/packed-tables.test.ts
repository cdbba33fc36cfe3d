import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { nodesOf, type Value } from '../../compiler/core/graph.ts'
import { dequantized } from '../../compiler/core/scalar/quantization.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { packedTables } from '../../compiler/passes/integers/packed-tables.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { graphOf, inputOf, runModule } from '../support/run-graph.ts'
import { change, keeps } from './change.ts'

const b = new Builder(undefined)
const tableOf = (dtype: 'i4' | 'u4', rows: number, columns: number): Value => {
  const low = dtype === 'i4' ? -8 : 0
  return b.constant(
    tensorOf(
      dtype,
      [rows, columns],
      Array.from({ length: rows * columns }, (_, i) => low + ((i * 7 + Math.floor(i / 5)) % 16)),
    ),
  )
}

describe('packed-tables', () => {
  const indices = inputOf('i', 'i32', [2])

  it('keeps both halves of a row in its bytes', () => {
    const text = change(packedTables, [indices], [b.take(tableOf('i4', 64, 16), indices, 0)])
    expect(text.slice(text.lastIndexOf('%2 = gather')).replace(/: offsetDims.*/, '')).toMatchInlineSnapshot(`
      "%2 = gather u8[2,8] (%1, %0)
      %3 = map i4[2,8] (%2): i4(i32(and(%2, 15:u8)))
      %4 = map i4[2,8] (%2): i4(i32(mul(f32(and(%2, 240:u8)), 0.0625:f32)))
      %5 = concatenate i4[2,16] (%3, %4): axis=1
      output "y0" = %5
      "
    `)
    expect(text).toContain('constant u8[64,8]')
  })

  it.each(['i4', 'u4'] as const)('looks rows of %s up in half the bytes', async (dtype) => {
    const where = inputOf('i', 'i64', [3, 7])
    const rows = b.take(tableOf(dtype, 100, 48), where, 0)
    const zero = dtype === 'u4' ? [b.scalar(8, dtype)] : []
    const scale = b.constant(
      tensorOf(
        'f32',
        [48],
        Array.from({ length: 48 }, (_, i) => 0.01 * (i + 1)),
      ),
    )
    const graph = graphOf([where], [b.map([rows, scale, ...zero], (e, s, z) => dequantized(e!, s!, z))])
    // Places beyond the table are clamped.
    const places = [...Array(18).keys(), 99, 1000, -5].map((i) => BigInt(i))
    const inputs = { i: tensorOf('i64', [3, 7], places) }
    const expected = toNumbers(evaluate(graph, inputs).y0!)
    const { modules, spec, report } = await compileGraph(graph, { targets: ['simd'] })
    expect(toNumbers(runModule(modules.simd!, spec, inputs).y0!)).toEqual(expected)
    expect(report.weights).toBeLessThan((100 * 48) / 2 + 48 * 4 + 64)
  })

  it('leaves small tables, odd rows, parts of rows, and rows along another axis', () => {
    const some = inputOf('i', 'i32', [5])
    for (const [table, axis] of [
      [tableOf('i4', 10, 16), 0],
      [tableOf('i4', 100, 15), 0],
      [tableOf('i4', 100, 16), 1],
    ] as const)
      expect(keeps(packedTables, [some], [b.take(table, some, axis)])).toBe(true)
    const part = b.gather(tableOf('i4', 100, 16), some, {
      ...{ offsetDims: [1], collapsedSliceDims: [0], operandBatchingDims: [], startIndicesBatchingDims: [] },
      ...{ startIndexMap: [0], indexVectorDim: 1, sliceSizes: [1, 8] },
    })
    expect(keeps(packedTables, [some], [part])).toBe(true)
    expect(nodesOf(graphOf([some], [part])).map(({ op }) => op)).toContain('gather')
  })
})
