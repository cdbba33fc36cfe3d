import { describe, expect, it } from 'vitest'
import type { ModuleSpec } from '../../compiler/core/artefact/artefact.ts'
import { emptyLines, present, structuredValues } from '../../compiler/cli/run/structured.ts'
import { isStrings, isStructures } from '../../compiler/inspect/structures.ts'

const port = (name: string) => ({ name, dtype: 'f32', shape: [1], address: 0 }) as const
const outputs = ['a.0', 'a.1', 'b', 'b.present', 'c.present'].map(port)
const structures = {
  inputs: { sequences: [], optionals: [] },
  outputs: {
    sequences: [
      { name: 'a', elements: ['a.0', 'a.1'] },
      { name: 'e', elements: [] },
    ],
    optionals: [
      { name: 'b', present: 'b.present' },
      { name: 'c', present: 'c.present' },
    ],
  },
}

describe('structures in a specification', () => {
  it('are of tensors that are there', () => {
    expect(isStructures(structures, [], outputs)).toBe(true)
    expect(isStructures(structures, [], outputs.slice(1))).toBe(false)
    expect(isStructures({ ...structures, inputs: { sequences: 1 } }, [], outputs)).toBe(false)
  })

  it('become what outputs are to whoever runs the module', () => {
    const spec = { structures } as unknown as ModuleSpec
    const flag = (value: number) => ({ data: [value] })
    const all = { 'a.0': flag(1), 'a.1': flag(2), b: flag(3), 'b.present': flag(1), 'c.present': flag(0) }
    const { tensors, absent } = present(spec, all)
    expect([Object.keys(tensors), absent]).toEqual([['a.0', 'a.1', 'b'], ['c']])
    const values = Object.entries(tensors).map(([name, { data }]) => [name, data[0]] as const)
    expect(structuredValues(spec, values, absent)).toEqual({ a: [1, 2], b: 3, c: null, e: [] })
    expect(emptyLines(spec, absent)).toEqual(['e empty sequence', 'c has no value'])
  })

  it('have steps of strings that are known before', () => {
    const steps = [{ op: 'concat', args: ['x', 'x'], to: 's' }]
    const strings = {
      inputs: [{ name: 'x', shape: [1] }],
      steps,
      given: [],
      taken: [],
      outputs: [{ name: 'y', value: 's' }],
    }
    expect(isStrings(strings, [], [])).toBe(true)
    expect(isStrings({ ...strings, steps: [{ ...steps[0], args: ['s'] }] }, [], [])).toBe(false)
    expect(isStrings({ ...strings, steps: [{ ...steps[0], op: 'eval' }] }, [], [])).toBe(false)
    expect(isStrings({ ...strings, given: [{ input: 'z', value: 's' }] }, [], [])).toBe(false)
  })
})
