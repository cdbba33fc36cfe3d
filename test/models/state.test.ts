import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { compile, type Tensor } from '../../compiler/index.ts'
import { readCase, readSet } from '../../compiler/verify/cases.ts'
import { compare, defaultTolerance } from '../../compiler/verify/compare.ts'
import { findCases, modulePlaces } from '../../compiler/verify/index.ts'

/** A folder of models with data, as `attar verify --cases` takes it; not part of the repository. */
const root = process.env.ATTAR_CASES
const places = modulePlaces()
afterAll(() => places.close())

const recurrent = root === undefined ? [] : findCases(root).filter(({ folder }) => readCase(folder).meta.state.size > 0)

/** Values that shapes depend on. */
const constants = new Set(['sr'])

describe.skipIf(root === undefined)('real models with states', () => {
  it('are a voice detector and a speech enhancer at least', () => {
    const names = recurrent.map(({ name }) => name).join()
    expect(names).toContain('silero-vad')
    expect(names).toContain('gtcrn')
  })

  it.each(recurrent)('$name keeps them itself', async ({ folder }) => {
    const { model, inputs, outputs, meta, sets } = readCase(folder)
    const given = sets.map((set) => readSet(set, 'input', inputs))
    const state = Object.fromEntries([...meta.state].map(([next, input]) => [input, next]))
    const isState = (name: string): boolean => Object.hasOwn(state, name)
    const free = Object.entries(given[0]!)
    const { modules, spec, report } = await compile(model, {
      shapes: Object.fromEntries(
        free.flatMap(([name, { shape }]) => (constants.has(name) ? [] : [[name, shape] as const])),
      ),
      bind: Object.fromEntries(free.filter(([name]) => constants.has(name))),
      state,
      stateStart: Object.fromEntries(free.filter(([name]) => isState(name))),
    })
    expect(spec.inputs.map(({ name }) => name)).toEqual(
      inputs.map(({ name }) => name).filter((name) => !isState(name) && !constants.has(name)),
    )
    expect(spec.outputs).toHaveLength(outputs.length - meta.state.size)
    expect(report.states!.map(({ input, output }) => [input, output])).toEqual(Object.entries(state))
    expect(report.state).toBeGreaterThan(0)
    const runners = places.runners(modules, spec)
    expect(runners.length).toBeGreaterThan(0)
    for (const { variant, begin, run } of runners) {
      const firstResults: Readonly<Record<string, Tensor>>[] = []
      for (const round of ['loaded', 'anew']) {
        await begin!()
        for (const [i, set] of sets.entries()) {
          const found = await run(Object.fromEntries(spec.inputs.map(({ name }) => [name, given[i]![name]!])))
          if (round === 'anew') expect(found).toEqual(firstResults[i])
          else firstResults.push(found)
          const expected = readSet(set, 'output', outputs)
          expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort())
          for (const [name, value] of Object.entries(expected))
            expect(compare(found[name]!, value, defaultTolerance).wrong, join(variant, set, name)).toBeUndefined()
        }
      }
    }
  })
})
