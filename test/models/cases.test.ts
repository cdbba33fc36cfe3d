import { afterAll, describe, expect, it } from 'vitest'
import { compile, type Tensor } from '../../compiler/index.ts'
import { compare } from '../../compiler/verify/compare.ts'
import {
  defaultTolerance,
  findCases,
  modulePlaces,
  runCase,
  type Engine,
  type Runner,
} from '../../compiler/verify/index.ts'
import { expectSameBytes, jobOf } from '../support/engines/jobs.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { runOver } from '../support/engines/run-over.ts'

/** A folder of models with data, as `attar verify --cases` takes it; not part of the repository. */
const root = process.env.ATTAR_CASES

const places = modulePlaces()
const engines = root === undefined ? [] : await relaxedEngines()
afterAll(() => {
  places.close()
  engines.forEach((engine) => engine.close())
})

type Values = Readonly<Record<string, Tensor>>

/** What the modules of a model were, were given, and gave. */
interface Recorded {
  readonly compiled: Awaited<ReturnType<typeof compile>>
  readonly runs: Map<string, { readonly inputs: Values; readonly outputs: Values }[]>
}

/** Runs both modules and keeps what they do in `records`. */
const recording = (records: Recorded[]): Engine => ({
  prepare: async (model, options) => {
    const compiled = await compile(model, options)
    const record: Recorded = { compiled, runs: new Map() }
    records.push(record)
    return places.runners(compiled.modules, compiled.spec).map((runner): Runner => {
      const runs: { inputs: Values; outputs: Values }[] = []
      record.runs.set(runner.variant, runs)
      return {
        ...runner,
        run: async (inputs) => {
          const outputs = await runner.run(inputs)
          runs.push({ inputs, outputs })
          return outputs
        },
      }
    })
  },
})

/** Programs with products of bytes round alike everywhere; others have fused multiply-adds in one of the modules. */
async function expectModulesAlike({ compiled, runs }: Recorded): Promise<void> {
  const integer = compiled.report.kernels.some(({ dotMacs }) => dotMacs > 0)
  const tolerance = integer ? { atol: 0, rtol: 0 } : defaultTolerance
  const [baseline, relaxed] = [runs.get('simd')!, runs.get('relaxed-simd')]
  relaxed?.forEach(({ outputs }, i) => {
    for (const [name, output] of Object.entries(outputs)) {
      expect(compare(output, baseline[i]!.outputs[name]!, tolerance).wrong, name).toBeUndefined()
    }
  })
  if (!integer) return
  const { inputs } = baseline[0]!
  const [expected] = runOver(jobOf(compiled, 'simd', inputs))
  for (const engine of engines) {
    expectSameBytes(await engine.run(jobOf(compiled, 'relaxed-simd', inputs)), expected!, engine.name)
  }
}

describe.skipIf(root === undefined)('real models', () => {
  it.each(root === undefined ? [] : findCases(root))('$name', async (folder) => {
    const records: Recorded[] = []
    const result = await runCase(folder, recording(records))
    expect(result.status, result.message).toBe('pass')
    for (const record of records) await expectModulesAlike(record)
  })
})
