import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, expect, it } from 'vitest'
import type { Report } from '../../compiler/core/artefact/artefact.ts'
import { model } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'
import { mixed, mixedMacs } from './mixed.ts'

const { at, out, attar } = commandLine()

beforeAll(() => {
  writeFileSync(at('mixed.onnx'), model(mixed))
})

const printed = async (...args: string[]): Promise<string> => {
  out.length = 0
  expect(await attar(...args)).toBe(0)
  return out.join('\n')
}

it('reports name the kernel that each module runs, and count multiply-accumulates by their kind', async () => {
  expect(await printed('compile', at('mixed.onnx'), '-o', at('out'))).toContain('1 u8_igemm_i16_4x8 / u8_igemm_dot_6x8')
  const { compilation } = JSON.parse(readFileSync(at('out', 'report.json'), 'utf8')) as { compilation: Report }
  const { integer, float } = mixedMacs
  expect(compilation).toMatchObject({ macs: integer + float, integerMacs: integer, dotMacs: integer })
  expect(compilation.kernels.filter(({ macs }) => macs > 0)).toMatchObject([
    { kernel: 'u8_igemm_i16_4x8', relaxed: 'u8_igemm_dot_6x8', macs: integer, integerMacs: integer, dotMacs: integer },
    { macs: float, integerMacs: 0, dotMacs: 0 },
  ])
  expect(compilation.kernels.at(-1)).not.toHaveProperty('relaxed')

  const codeOf = async (module: string): Promise<Record<string, number>> => {
    const { code } = JSON.parse(await printed('inspect', at('out', module), '--json')) as {
      code: { part: string; calls: number }[]
    }
    return Object.fromEntries(code.map(({ part, calls }) => [part, calls]))
  }
  const baseline = await codeOf('model.wasm')
  expect(baseline).toMatchObject({ u8_igemm_i16_4x8: 1 })
  expect(baseline).not.toHaveProperty('u8_igemm_dot_6x8')
  // The other one stands there for engines whose relaxed dot product is inexact.
  expect(await codeOf('model.relaxed.wasm')).toMatchObject({ u8_igemm_dot_6x8: 1, u8_igemm_i16_4x8: 0 })
})
