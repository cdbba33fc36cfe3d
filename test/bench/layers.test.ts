import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { benchLayers, type Layer } from '../../compiler/bench/index.ts'
import { randomInputs } from '../../compiler/data/index.ts'
import { compile, type Compiled } from '../../compiler/index.ts'
import { findCurrentNode } from '../../compiler/verify/child-instance.ts'
import { model } from '../onnx/build.ts'
import { mixed, mixedMacs } from './mixed.ts'

const current = findCurrentNode()
const benched = (compiled: Compiled) => benchLayers(compiled, 'simd', randomInputs(compiled.spec.inputs, 1))

it('times every kernel that does something, and only in a build made for it', async () => {
  const digits = readFileSync('examples/digits/digits.onnx')
  const options = { dims: { batch: 1 }, targets: ['simd'] } as const
  const compiled = await compile(digits, { ...options, instrument: true })
  const { layers, runMs, macs, peaks } = await benched(compiled)
  expect(layers.length).toBeGreaterThan(5)
  const products = layers.filter((l) => l.macs > 0)
  expect(products).toHaveLength(4)
  expect(products.every((l) => l.nodes.length > 0)).toBe(true)
  for (const { medianMs, macs, gmacs, ofPeak } of layers) {
    expect(medianMs).toBeGreaterThan(0)
    expect(gmacs === null).toBe(macs === 0)
    if (gmacs === null) expect(ofPeak).toBeNull()
    else expect(ofPeak).toBeCloseTo(gmacs / peaks.f32, 9)
  }
  expect(Number.isFinite(runMs)).toBe(true)
  expect(macs).toEqual({ f32: compiled.report.macs, i16: 0, dot: 0 })
  expect(Object.keys(peaks)).toEqual(['f32'])
  expect((await benched(await compile(digits, options))).layers).toEqual([])
})

it('measures products of integers by their own peak', async () => {
  const { layers, macs, peaks } = await benched(await compile(model(mixed), { targets: ['simd'], instrument: true }))
  expect(macs).toEqual({ f32: mixedMacs.float, i16: mixedMacs.integer, dot: 0 })
  const [integer, float] = layers.filter((l) => l.macs > 0)
  expect(integer).toMatchObject({ kernel: 'u8_igemm_i16_4x8', integerMacs: mixedMacs.integer })
  expect(integer!.ofPeak).toBeCloseTo(integer!.gmacs! / peaks.i16!, 9)
  expect(float!.ofPeak).toBeCloseTo(float!.gmacs! / peaks.f32, 9)
})

it.skipIf(!current)('names the kernels that run in this engine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'attar-'))
  try {
    writeFileSync(join(folder, 'mixed.onnx'), model(mixed))
    const kernelsOn = (...flags: string[]): string[] => {
      const args = [...flags, 'compiler/cli/main.ts', 'bench', join(folder, 'mixed.onnx'), '--layers', '--json']
      const { stdout, stderr } = spawnSync(current!.path, args, { encoding: 'utf8' })
      expect(stdout, stderr).not.toBe('')
      const layers = stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Layer)
      return layers.filter((l) => l.integerMacs > 0).map((l) => l.kernel)
    }
    if (process.arch !== 'x64') expect(kernelsOn()).toEqual(['u8_igemm_dot_6x8'])
    // Not all have the instruction; without it sums of two products saturate.
    else {
      expect(['u8_igemm_dot_6x8', 'u8_igemm_i16_4x8']).toContain(kernelsOn().join())
      expect(kernelsOn('--no-enable-avx-vnni', '--no-enable-avx-vnni-int8')).toEqual(['u8_igemm_i16_4x8'])
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})
