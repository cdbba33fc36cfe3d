import { afterAll, describe, expect, it } from 'vitest'
import type { Target } from '../../compiler/core/artefact/artefact.ts'
import { arg, binary } from '../../compiler/core/scalar/expr.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { epilogueArguments } from '../../compiler/schedule/kernels/epilogue.ts'
import { flag } from '../../compiler/schedule/lower/products/template.ts'
import { call } from '../../compiler/schedule/program/call.ts'
import type { Buffer, Home, Kernel, Program, ProgramPort } from '../../compiler/schedule/program/program.ts'
import { expectSameBytes, fills } from '../support/engines/jobs.ts'
import { poisoned } from '../support/poisoned.ts'
import { moduleOf } from '../support/program.ts'
import { Random } from '../support/random.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { runOver, type Job } from '../support/engines/run-over.ts'

const engines = await relaxedEngines(false)
afterAll(() => engines.forEach((engine) => engine.close()))

/** A call of a template: `kernel` writes `expected` into `y`, rows by columns by channels without gaps. */
interface Site {
  readonly y: Buffer
  readonly kernel: Kernel
  readonly expected: Float32Array
}

const arena: Home = { kind: 'arena' }
const floats = (name: string, length: number, home: Home = arena): Buffer => ({ name, dtype: 'f32', length, home })
const start = (buffer: Buffer) => ({ buffer, offset: 0 })
const port = (buffer: Buffer): ProgramPort => ({ name: buffer.name, buffer, dtype: 'f32', shape: [buffer.length] })

const random = new Random(11)
/** Small integers, so that no sum is rounded, fused or not. */
const whole = (length: number): Float32Array => Float32Array.from({ length }, () => random.int(9) - 4)
const constantOf = (name: string, values: Float32Array): Buffer =>
  floats(name, values.length, { kind: 'constant', data: new Uint8Array(values.buffer) })

/** What all sites read: pixels, and what is added in the epilogue. */
const [xs, us] = [whole(40000), whole(8000)]
const [x, u] = [floats('x', xs.length), floats('u', us.length)]
const inputs: Readonly<Record<string, Tensor>> = {
  x: tensorOf('f32', [xs.length], xs),
  u: tensorOf('f32', [us.length], us),
}

interface Shape {
  readonly rows: number
  readonly columns: number
  readonly channels: number
  readonly taps: readonly [number, number]
  readonly run: number
  readonly stride: number
}

const holes = (channels: number, block: number) => ({
  epilogue: binary('add', arg(epilogueArguments.acc, 'f32'), arg(epilogueArguments.aux, 'f32')),
  ragged: flag(channels % block !== 0),
})

/** Weights as templates read them: blocks of `block` output channels, each of `taps`, filled with zeros. */
function packed(weights: Float32Array, channels: number, block: number): Float32Array {
  const taps = weights.length / channels
  const blocks = Math.ceil(channels / block)
  const result = new Float32Array(blocks * block * taps)
  for (let c = 0; c < channels; c++) {
    const at = Math.floor(c / block) * block * taps + (c % block)
    for (let t = 0; t < taps; t++) result[at + t * block] = weights[c * taps + t]!
  }
  return result
}

/** The arguments that both templates have, and the sums by a loop over everything: `term` says which of x a tap of a channel meets. */
function site({ rows, columns, channels, taps, run, stride }: Shape, block: number, depthwise: boolean) {
  const [KH, KW] = taps
  const across = (columns - 1) * stride + KW
  const pixel = depthwise ? channels : run
  const inner = depthwise ? 1 : run
  const weights = whole(channels * KH * KW * inner)
  const bias = whole(Math.ceil(channels / block) * block)
  const expected = new Float32Array(rows * columns * channels)
  for (let i = 0; i < expected.length; i++) {
    const c = i % channels
    const ox = Math.floor(i / channels) % columns
    const oy = Math.floor(i / channels / columns)
    let sum = bias[c]! + us[i]!
    for (let t = 0; t < KH * KW * inner; t++) {
      const [kh, kw] = [Math.floor(t / inner / KW), Math.floor(t / inner) % KW]
      const at = ((oy * stride + kh) * across + ox * stride + kw) * pixel
      sum += xs[at + (depthwise ? c : t % inner)]! * weights[c * KH * KW * inner + t]!
    }
    expected[i] = sum
  }
  const name = `${rows}x${columns}x${channels}`
  const y = floats(name, expected.length)
  const args = {
    ...{ x: start(x), w: start(constantOf(`${name} w`, packed(weights, channels, block))) },
    ...{ b: start(constantOf(`${name} b`, bias)), y: start(y), aux: start(u), f0: 0, f1: 0 },
    ...{ OH: rows, OW: columns, KH, KW, sy: stride * across * pixel * 4 },
    ...{ xrow: across * pixel * 4, xcol: pixel * 4 },
    ...{ yrow: columns * channels * 4, ypix: channels * 4, auxrow: columns * channels * 4, auxpix: channels * 4 },
  }
  return { y, expected, args, step: stride * pixel * 4 }
}

const igemmOf =
  (side: 4 | 5 | 6) =>
  (shape: Shape): Site => {
    const { y, expected, args, step } = site(shape, 8, false)
    const apart = { groups: 1, xg: 0, wg: 0, bg: 0, yg: 0, auxg: 0 }
    const more = { ...apart, band: side === 5 ? 20 : 12, CO: shape.channels, run: shape.run, step }
    const options = { holes: holes(shape.channels, 8), nodes: [] }
    return { y, expected, kernel: call(`f32_igemm_${side}x8`, { ...args, ...more }, options) }
  }

function depthwise(shape: Shape): Site {
  const { y, expected, args } = site(shape, 4, true)
  const options = { holes: holes(shape.channels, 4), nodes: [] }
  return { y, expected, kernel: call('f32_dwconv_2x4', { ...args, C: shape.channels }, options) }
}

const between = (low: number, high: number): number => low + random.int(high - low + 1)

/** A call for every number of rows and columns. */
function sitesOf(
  rows: readonly [number, number],
  columns: readonly [number, number],
  make: (s: Shape) => Site,
): Site[] {
  const sites: Site[] = []
  for (let r = rows[0]; r <= rows[1]; r++) {
    for (let c = columns[0]; c <= columns[1]; c++) {
      const both = make === depthwise
      const taps = [between(both ? 2 : 1, both ? 5 : 3), between(both ? 2 : 1, both ? 5 : 3)] as const
      const stride = both ? 1 : between(1, 2)
      sites.push(make({ rows: r, columns: c, channels: between(1, 19), taps, run: between(1, 9), stride }))
    }
  }
  return sites
}

async function jobFor(program: Program, target: Target): Promise<Job> {
  const { wasm, spec, plan } = await moduleOf(program, { target })
  return {
    module: wasm,
    inputs: spec.inputs.map(({ name, address }) => ({
      address,
      bytes: new Uint8Array((inputs[name]!.data as Float32Array).buffer),
    })),
    outputs: spec.outputs.map(({ shape, address }) => ({ address, length: shape[0]! * 4 })),
    arena: plan.image.length,
    fills,
  }
}

describe('every number of rows and columns, in memory that holds anything', () => {
  it.each([
    ['f32_igemm_4x8', () => sitesOf([1, 13], [1, 17], igemmOf(4))],
    ['f32_igemm_5x8', () => sitesOf([1, 13], [1, 17], igemmOf(5))],
    ['f32_igemm_6x8', () => sitesOf([1, 13], [1, 17], igemmOf(6))],
    ['f32_dwconv_2x4', () => sitesOf([2, 13], [4, 17], depthwise)],
  ])('%s', async (_, make) => {
    const sites = make()
    const program: Program = {
      kernels: sites.map(({ kernel }) => kernel),
      inputs: [port(x), port(u)],
      outputs: sites.map(({ y }) => port(y)),
      states: [],
    }
    const results = (await poisoned(program)).run(inputs)
    for (const { y, expected } of sites) expect(results[y.name]!.data, y.name).toEqual(expected)
    const all = sites.map(({ expected }) => new Uint8Array(expected.buffer))
    expectSameBytes(runOver(await jobFor(program, 'simd')), all, 'simd')
    const relaxed = await jobFor(program, 'relaxed-simd')
    for (const engine of engines) expectSameBytes(await engine.run(relaxed), all, engine.name)
  })
})
