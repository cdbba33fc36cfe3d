import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { normalizeNest } from '../../compiler/schedule/program/normalize-nest.ts'
import { requestTranspose } from '../../compiler/wasm/transpose.ts'
import { Random } from '../support/random.ts'
import { expectCompiledEqualsEvaluated, graphOf, inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)

/** Compiles, compares with the evaluator, and counts the nests that turn blocks. */
async function turned(inputs: Value[], output: Value): Promise<number> {
  const graph = graphOf(inputs, [output])
  await expectCompiledEqualsEvaluated(graph, new Random(1))
  const { kernels } = schedule(runPasses(graph))
  return kernels.filter((k) => k.kind === 'nest' && requestTranspose(normalizeNest(k))).length
}

describe('large transposes', () => {
  it.each<[number[], number[], DType]>([
    [[128, 128], [1, 0], 'f32'],
    [[4, 4096], [1, 0], 'i32'],
    [[4100, 4], [1, 0], 'u32'],
    [[2, 3, 64, 48], [0, 3, 1, 2], 'f32'],
    [[3, 64, 5, 20], [0, 2, 3, 1], 'f32'],
    [[32, 8, 4, 20], [3, 2, 1, 0], 'f32'],
  ])('of %j to %j turn blocks of %s', async (shape, perm, dtype) => {
    const x = inputOf('x', dtype, shape)
    expect(await turned([x], b.transpose(x, perm))).toBe(1)
  })

  it.each<[number[], number[], DType]>([
    [[130, 128], [1, 0], 'f32'],
    [[128, 127], [1, 0], 'f32'],
    [[64, 64], [1, 0], 'f32'],
    [[128, 128], [1, 0], 'u8'],
    [[128, 64], [1, 0], 'f64'],
    [[8, 64, 64], [1, 0, 2], 'f32'],
  ])('of %j to %j, %s, do not', async (shape, perm, dtype) => {
    const x = inputOf('x', dtype, shape)
    expect(await turned([x], b.transpose(x, perm))).toBe(0)
  })

  it('of parts and into parts', async () => {
    const x = inputOf('x', 'f32', [130, 140])
    const part = b.transpose(b.slice(x, [1, 3], [128, 132]), [1, 0])
    expect(await turned([x], b.concatenate([part, part], 1))).toBeGreaterThan(0)
  })

  it('but not where more than a copy is asked for', async () => {
    const x = inputOf('x', 'f32', [128, 128])
    expect(await turned([x], b.binary('add', b.transpose(x, [1, 0]), x))).toBe(0)
    expect(await turned([x], b.unary('abs', b.transpose(x, [1, 0])))).toBe(0)
  })
})
