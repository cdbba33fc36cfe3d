import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { existingModel } from '../../../compiler/cli/bench/model.ts'
import { atShape } from '../../../compiler/cli/bench/shape.ts'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import type { ModuleSpec, Report } from '../../../compiler/index.ts'
import { model, node, stored } from '../../onnx/build.ts'
import { commandLine } from '../../support/command-line.ts'

const values = (count: number) => Array.from({ length: count }, (_, i) => Math.sin(i * i + 1))
/** A convolution over time, for any length, and the mean of what it gives. */
const network = model({
  inputs: ['x f32[n,1,t]'],
  outputs: ['y f32[n,24]'],
  nodes: [
    node('a = Conv(x, w)', { attributes: { pads: [2, 2] } }),
    'b = Relu(a)',
    'c = GlobalAveragePool(b)',
    'y = Flatten(c)',
  ],
  initializers: [stored('w', tensorOf('f32', [24, 1, 5], values(120)))],
})

const { at, out, err, attar, json, clear } = commandLine()
const compile = ['compile', at('m.onnx'), '-o']

beforeAll(async () => {
  writeFileSync(at('m.onnx'), network)
  writeFileSync(at('long.npz'), writeNpz({ x: tensorOf('f32', [12, 1, 1, 32], values(384)) }))
  writeFileSync(at('short.npz'), writeNpz({ x: tensorOf('f32', [12, 1, 1, 16], values(192)) }))
  expect(await attar(...compile, at('out'), '--shape', 'x=1,1,16', '--shape', 'x=1,1,32'), err.join()).toBe(0)
})

describe('compile with several shapes', () => {
  it('makes one module, and tells what each costs', async () => {
    const args = ['--dim', 'n=1,4', '--dim', 't=16', '--json']
    expect(await attar(...compile, at('batches'), ...args), err.join()).toBe(0)
    const { spec, report } = json() as { spec: ModuleSpec; report: Report }
    expect(spec.signatures!.map(({ inputs }) => inputs[0]!.shape)).toEqual([
      [1, 1, 16],
      [4, 1, 16],
    ])
    const [one, four] = report.signatures!
    expect(four!.macs).toBe(4 * one!.macs)
    expect(report.macs).toBe(one!.macs)
    clear()
    expect(await attar(...compile, at('batches'), '--dim', 'n=1,4', '--dim', 't=16')).toBe(0)
    expect(out.join('\n')).toMatch(/shape +x \[1,1,16\]: 1,920 MACs, activations .*\nshape +x \[4,1,16\]: 7,680 MACs/)
  })

  it('pairs the values of names in their order', async () => {
    expect(await attar(...compile, at('pairs'), '--dim', 'n=1,4', '--dim', 't=16,8', '--json'), err.join()).toBe(0)
    const { spec } = json() as { spec: ModuleSpec }
    expect(spec.signatures!.map(({ inputs }) => inputs[0]!.shape)).toEqual([
      [1, 1, 16],
      [4, 1, 8],
    ])
    expect(await attar(...compile, at('no'), '--dim', 'n=1,4', '--dim', 't=16,8,4')).toBe(2)
    expect(err.join('\n')).toContain('--dim t has 3 values, --dim n has 2')
  })

  it('writes types that say which shapes there are', () => {
    const types = readFileSync(at('out/model.d.ts'), 'utf8')
    expect(types).toContain('/** f32[1, 1, 16] or f32[1, 1, 32] */')
    expect(types).toContain('readonly signatures: readonly [Signature, Signature]')
    expect(types).toContain('run(inputs: Inputs, options')
  })

  it('quantizes once for all', async () => {
    const args = ['--shape', 'x=1,1,16', '--shape', 'x=1,1,32', '--quantize', 'weights', '--json']
    expect(await attar(...compile, at('q'), ...args), err.join()).toBe(0)
    const { spec, report } = json() as { spec: ModuleSpec; report: Report }
    expect(report.quantization!.mode).toBe('weights')
    expect(report.signatures![1]!.kernels.filter((kernel) => kernel.weights > 0)).toEqual([])
    expect(spec.signatures).toHaveLength(2)
    // Data to calibrate on is of the first shape.
    expect(await attar(...compile, at('no'), ...args, '--calib', at('long.npz'))).toBe(2)
    clear()
    expect(await attar('verify', at('m.onnx'), at('q'), '--val', at('long.npz')), [...err, ...out].join('\n')).toBe(0)
  })
})

describe('a module of several shapes', () => {
  it('is run at the shape that the inputs have', async () => {
    const results = []
    for (const [file, runs] of [
      ['short.npz', 12],
      ['long.npz', 12],
    ] as const) {
      clear()
      expect(await attar('run', at('out/model.wasm'), '--inputs', at(file), '--json'), err.join()).toBe(0)
      const { outputs } = json() as { outputs: { y: { shape: number[]; data: number[] } } }
      expect(outputs.y.shape).toEqual([runs, 1, 24])
      results.push(outputs.y.data)
    }
    expect(results[0]).not.toEqual(results[1])
    expect(await attar('run', at('out/model.wasm'), '--input', 'x=1,2,3')).toBe(2)
    expect(err.join('\n')).toMatch(/"x" f32\[1,1,16\].* and .*"x" f32\[1,1,32\]/)
    clear()
    expect(await attar('run', at('out/model.wasm'))).toBe(2)
    expect(err.join('\n')).toContain('input "x" has no value')
  })

  it('is verified at every shape', async () => {
    expect(await attar('verify', at('m.onnx'), at('out'), '--samples', '3', '--json'), err.join()).toBe(0)
    expect(json()).toMatchObject({ status: 'pass', samples: 6 })
    clear()
    expect(await attar('verify', at('m.onnx'), at('out'), '--val', at('long.npz'), '--json'), err.join()).toBe(0)
    expect(json()).toMatchObject({ status: 'pass', samples: 12 })
  })

  it('is inspected and compared as a whole', async () => {
    expect(await attar('inspect', at('out/model.wasm')), err.join()).toBe(0)
    const text = out.join('\n')
    expect(text).toMatch(/input of run +x +f32\[1,1,16\][^]*input of run1 +x +f32\[1,1,32\]/)
    expect(text).toContain('exports  memory, run, run1')
    // Both functions that run it, and no kernel without a name.
    expect(text).toMatch(/\nrun +2 /)
    expect(text).not.toMatch(/\nkernel /)
    clear()
    expect(await attar('inspect', at('out/model.wasm'), '--html', at('page.html')), err.join()).toBe(0)
    clear()
    expect(await attar('diff', at('out'), at('q')), err.join()).toBe(0)
  })

  it('is measured at one shape, which is told', async () => {
    const { model: whole } = await existingModel(at('out'), undefined)
    const told: string[] = []
    const terminal = {
      out: () => {},
      err: (text: string | readonly string[]) => void told.push(...[text].flat()),
      status: () => {},
    }
    const largest = await atShape(whole, {}, terminal)
    expect(told).toEqual(['the module has 2 shapes; measured is "x" f32[1,1,32]: --shape takes another'])
    expect(largest.spec.inputs[0]!.shape).toEqual([1, 1, 32])
    const small = await atShape(whole, { shape: { x: [1, 1, 16] } }, terminal)
    expect(told).toHaveLength(1)
    expect(small.spec.outputs).toEqual(whole.spec.signatures![0]!.outputs)
    expect(largest.work!.macs).toBe(2 * small.work!.macs)
    expect(await attar('bench', at('out'), '--shape', 'x=1,1,17')).toBe(2)
    expect(err.join()).toContain('the module takes no such inputs; it takes "x" f32[1,1,16] or "x" f32[1,1,32]')
    clear()
    expect(await attar('check', at('out'), '--max-size', '1MB', '--shape', 'x=1,1,16')).toBe(2)
    expect(err.join()).toContain('--shape has no effect on a compiled model without a limit of time')
  })
})
