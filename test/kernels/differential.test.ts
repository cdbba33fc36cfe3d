import { afterAll, describe, expect, it, vi } from 'vitest'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { bytesOf } from '../../compiler/core/tensor.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { templates } from '../../compiler/schedule/templates.generated.ts'
import { Linker } from '../../compiler/wasm/link.ts'
import { expectSameBytes, jobOf } from '../support/engines/jobs.ts'
import { Random } from '../support/random.ts'
import { relaxedEngines, type RelaxedEngine } from '../support/engines/relaxed-engines.ts'
import { graphOf } from '../support/run-graph.ts'
import { runOver } from '../support/engines/run-over.ts'
import { floatFamilies, integerFamilies, type Family } from './sites.ts'

/** DRAWS: how many shapes of each family. DRAWS_SEED: the first one's seed. */
const draws = Number(process.env['DRAWS'] ?? 3)
const firstSeed = Number(process.env['DRAWS_SEED'] ?? 1)

/** More multiply-accumulates take the evaluator too long; then the baseline is what the others are compared with. */
const mostEvaluated = 1.5e6

const engines = await relaxedEngines()
afterAll(() => engines.forEach((engine) => engine.close()))
/** Emulation is slow, and floats are not done by other instructions there. */
const native = engines.filter(({ emulated }) => !emulated)
const dotRuns = engines.some(({ exactFrom }) => exactFrom !== undefined)

const linked = vi.spyOn(Linker.prototype, 'link')
const inlined = vi.spyOn(Linker.prototype, 'straight')

/**
 * Both modules of a few draws of a family: they must give the same bytes whatever their memory held. Where `error` is not given
 * these are the evaluator's and the same in both, else the relaxed module's floats are so near to the baseline's, relatively to 1 and more.
 */
async function expectAlike(family: Family, used: readonly RelaxedEngine[], error?: number): Promise<void> {
  for (let draw = 0; draw < draws; draw++) {
    const { input, data, outputs, sparse } = family(new Random(firstSeed * 7919 + draw), draw)
    const graph = graphOf([input], outputs)
    const inputs = { x: data }
    const compiled = await compileGraph(graph, { ...(sparse && { sparse }) })
    const runs = runOver(jobOf(compiled, 'simd', inputs))
    expectSameBytes(runs, runs[0]!, 'simd')
    if (error === undefined && compiled.report.kernels.reduce((sum, k) => sum + k.macs, 0) < mostEvaluated) {
      expectSameBytes(runs, Object.values(evaluate(graph, inputs)).map(bytesOf), 'simd, by the evaluator')
    }
    for (const engine of used) {
      const relaxed = await engine.run(jobOf(compiled, 'relaxed-simd', inputs))
      expectSameBytes(relaxed, error === undefined ? runs[0]! : relaxed[0]!, engine.name)
      if (error !== undefined) {
        outputs.forEach(({ type: { dtype } }, i) => {
          const [a, b] = [relaxed[0]![i]!, runs[0]![i]!].map((bytes) =>
            dtype === 'f64' ? new Float64Array(bytes.slice().buffer) : new Float32Array(bytes.slice().buffer),
          )
          const far = b!.findIndex(
            (v, at) => !Object.is(a![at], v) && !(Math.abs(a![at]! - v) <= error * Math.max(1, Math.abs(v))),
          )
          if (far >= 0) expect.fail(`${engine.name}: output ${i}, element ${far} is ${a![far]}, not ${b![far]}`)
        })
      }
    }
  }
}

describe('both modules give the same', () => {
  it.each(Object.entries(integerFamilies))('of bytes: %s', async (_, family) => {
    await expectAlike(family, engines)
  })

  it.each(Object.entries(floatFamilies.exact))('of floats: %s', async (_, family) => {
    await expectAlike(family, native)
  })

  it.each(Object.entries(floatFamilies.rounded))('of floats, nearly: %s', async (_, [family, error]) => {
    await expectAlike(family as Family, native, error as number)
  })

  it('by all templates that there are', () => {
    const names = [...linked.mock.calls, ...inlined.mock.calls].map(([name]) => name as string)
    // Conversions of floats of 16 bits are tried for all there are, and codes of weights decoded, by half.test.ts and huffman.test.ts.
    const apart = /_b?f16|^b?f16_|^bytes_from_huffman$/
    const missing = Object.keys(templates).filter((name) => !names.includes(name) && !apart.test(name))
    expect(missing).toEqual([])
    if (!dotRuns) console.log('NOT RUN: kernels of the relaxed dot product, which no engine here has exact')
    if (native.length === 0) console.log('NOT RUN: modules with relaxed SIMD, since no current Node is here')
  })
})
