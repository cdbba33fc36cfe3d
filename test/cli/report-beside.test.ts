import { writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { kernelsBeside } from '../../compiler/cli/inspect/report-beside.ts'
import { commandLine } from '../support/command-line.ts'

const { at } = commandLine()

const files = [{ name: 'm.wasm', module: { target: 'relaxed-simd' } }]
const beside = (kernels: unknown) => {
  writeFileSync(at('report.json'), JSON.stringify({ files, compilation: { kernels } }))
  return kernelsBeside(at('m.wasm'))
}

it('reads what a report says of the kernels, and what an earlier version’s does', () => {
  const kernel = { kernel: 'nest', relaxed: 'dot', nodes: ['a', 'b'], macs: 5 }
  expect(beside([{ ...kernel, weights: 16, live: 32 }])).toEqual([
    { names: ['dot', 'nest'], nodes: ['a', 'b'], macs: 5, weights: 16, live: 32 },
  ])
  expect(beside([kernel])).toEqual([{ names: ['dot', 'nest'], nodes: ['a', 'b'], macs: 5 }])
})

it.each([
  ['no list', {}],
  ['no kernels', [1]],
  ['kernels without nodes', [{ kernel: 'nest' }]],
  ['nodes that are no text', [{ kernel: 'nest', nodes: [1] }]],
  ['names that are no text', [{ kernel: {}, nodes: [] }]],
])('takes a report with %s for none', (_, kernels) => expect(beside(kernels)).toBeUndefined())
