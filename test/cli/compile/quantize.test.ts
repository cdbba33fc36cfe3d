import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { encode } from 'fast-png'
import { beforeAll, expect, it } from 'vitest'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import type { PackageReport } from '../../../compiler/package/index.ts'
import { model, node, stored } from '../../onnx/build.ts'
import { commandLine } from '../../support/command-line.ts'
import { Random } from '../../support/random.ts'

const random = new Random(5)
const floats = (shape: number[]) =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => random.float() - 0.5),
  )

const network = model({
  inputs: ['image f32[1,3,8,8]'],
  outputs: ['scores f32[1,2]'],
  nodes: [
    node('a = Conv(image, w, bias)', { name: 'conv', attributes: { pads: [1, 1, 1, 1] } }),
    'c = Relu(a)',
    'd = Flatten(c)',
    node('scores = MatMul(d, v)', { name: 'classes' }),
  ],
  initializers: [stored('w', floats([4, 3, 3, 3])), stored('bias', floats([4])), stored('v', floats([256, 2]))],
})

const { at, out, err, attar } = commandLine()

beforeAll(() => {
  writeFileSync(at('model.onnx'), network)
  const count = 40
  const x = floats([count, 3, 8, 8])
  writeFileSync(
    at('data.npz'),
    writeNpz({
      image: x,
      y: tensorOf(
        'i64',
        [count],
        [...Array(count).keys()].map((i) => BigInt(i % 2)),
      ),
    }),
  )
  for (const name of ['left', 'right']) {
    mkdirSync(at('pictures', name), { recursive: true })
    for (let i = 0; i < 3; i++) {
      const data = Uint8Array.from({ length: 8 * 8 * 3 }, () => random.int(256))
      writeFileSync(at('pictures', name, `${i}.png`), encode({ width: 8, height: 8, channels: 3, depth: 8, data }))
    }
  }
})

const report = (): PackageReport => JSON.parse(readFileSync(at('out', 'report.json'), 'utf8')) as PackageReport

it('quantizes, reports, and verifies a metric of both models', async () => {
  const args = ['--quantize', 'int8', '--calib', at('data.npz'), '--samples', '20']
  expect(await attar('compile', at('model.onnx'), '-o', at('out'), ...args)).toBe(0)
  expect(out.join('\n')).toMatch(/conv +Conv +448 +[\d,]+[^]*classes +MatMul[^]*top1 [\d.]+ % → [\d.]+ %/)
  const { quantization } = report().compilation
  expect(quantization).toMatchObject({ mode: 'int8', samples: 20, accuracy: { metric: 'top1', samples: 20 } })
  const page = readFileSync(at('out', 'quantization.html'), 'utf8')
  expect(page).toMatch(/<code>conv<\/code>[^]*<svg/)
  expect(page).not.toMatch(/https?:|<script/)
  out.length = 0
  const verify = ['verify', at('model.onnx'), at('out'), '--val', at('data.npz'), '--metric', 'top1', '--json']
  expect(await attar(...verify, '--max-drop', '10%')).toBe(0)
  const found = JSON.parse(out.join('')) as { source: number; module: number; samples: number }
  expect(found).toMatchObject({ status: 'pass', metric: 'top1', samples: 40 })
  expect(Math.abs(found.source - found.module)).toBeLessThanOrEqual(0.1)
})

it('judges a quantized module by steps of its range, and says so', async () => {
  const args = ['--quantize', 'int8', '--calib', at('data.npz'), '--samples', '20', '--no-sensitivity']
  expect(await attar('compile', at('model.onnx'), '-o', at('out'), ...args)).toBe(0)
  const verify = ['verify', at('model.onnx'), at('out'), '--val', at('data.npz')]
  expect(await attar(...verify)).toBe(0)
  expect(err.join('\n')).toMatch(/quantized \(int8\)[^]*16 steps of 1\/255[^]*not by a tolerance of floats/)
  // The tolerance of floats holds where it is asked for.
  expect(await attar(...verify, '--atol', '1e-4')).toBe(1)
  // Another model's weights are no matter of steps.
  const rewired = model({
    inputs: ['image f32[1,3,8,8]'],
    outputs: ['scores f32[1,2]'],
    nodes: ['d = Flatten(image)', 'scores = MatMul(d, v)'],
    initializers: [stored('v', floats([192, 2]))],
  })
  writeFileSync(at('other.onnx'), rewired)
  out.length = 0
  expect(await attar('verify', at('other.onnx'), at('out'), '--val', at('data.npz'))).toBe(1)
  expect(out.join('\n')).toMatch(/steps of 1\/255 of its range off/)
})

it('takes labels by name, and refuses those that do not go with the model', async () => {
  const count = 150
  const data = { image: floats([count, 3, 8, 8]) }
  const write = (name: string, labels: readonly number[]): string => {
    const target = tensorOf('i64', [count], labels.map(BigInt))
    writeFileSync(at(name), writeNpz({ ...data, target }))
    return at(name)
  }
  const compile = (path: string, ...more: string[]): Promise<number> => {
    const args = ['--quantize', 'int8', '--calib', at('data.npz'), '--val', path, '--no-sensitivity', ...more]
    return attar('compile', at('model.onnx'), '-o', at('out'), ...args)
  }
  const random = write(
    'random.npz',
    [...Array(count).keys()].map((i) => (i >> 1) % 2),
  )
  expect(await compile(random)).toBe(0)
  expect(err.join('\n')).toMatch(/random\.npz": not used: array "target"; --label NAME/)
  expect(report().compilation.quantization!.accuracy!.metric).toBe('agreement')
  err.length = 0
  expect(await compile(random, '--label', 'target')).toBe(2)
  expect(err.join('\n')).toMatch(/A504[^]*in another order[^]*scale of pixels/)
  err.length = 0
  const shifted = write(
    'shifted.npz',
    [...Array(count).keys()].map((i) => 1 + (i % 2)),
  )
  expect(await compile(shifted, '--label', 'target')).toBe(2)
  expect(err.join('\n')).toMatch(/A504[^]*sample 1 is 2[^]*subtract 1/)
  err.length = 0
  const verify = ['verify', at('model.onnx'), at('out'), '--val', shifted, '--label', 'target']
  expect(await attar(...verify, '--metric', 'top1')).toBe(2)
  expect(await attar(...verify)).toBe(2)
  expect(err.join('\n')).toMatch(/subtract 1[^]*--label has no effect without --metric/)
})

it('quantizes weights without data', async () => {
  expect(await attar('compile', at('model.onnx'), '-o', at('out'), '--quantize', 'weights')).toBe(0)
  expect(report().compilation.quantization).toMatchObject({ mode: 'weights', samples: 0, accuracy: null })
})

it('makes weights of 4 bits', async () => {
  const bytes = model({
    inputs: ['x f32[1,64]'],
    outputs: ['y f32[1,40]'],
    nodes: [node('y = MatMul(x, w)', { name: 'classes' })],
    initializers: [stored('w', floats([64, 40]))],
  })
  writeFileSync(at('wide.onnx'), bytes)
  const compiled = async (...args: string[]): Promise<number> => {
    out.length = 0
    expect(await attar('compile', at('wide.onnx'), '-o', at('out'), '--quantize', 'weights', ...args)).toBe(0)
    return report().compilation.weights
  }
  const whole = await compiled()
  expect(whole - (await compiled('--bits', '4'))).toBe((64 * 40) / 2)
  expect(out.join('\n')).toMatch(/classes +MatMul +10,240 +1,440 +4 /)
  expect(readFileSync(at('out', 'quantization.html'), 'utf8')).toContain('in integers, 1 of 4 bits')
  expect(await attar('compile', at('wide.onnx'), '-o', at('out'), '--quantize', 'weights', '--bits', '5')).toBe(2)
  expect(err.join('\n')).toMatch(/--bits[^]*Allowed choices are 3, 4, 8/)
})

it('keeps the names of classes', async () => {
  const attributes = { classlabels_strings: { strings: ['left', 'right'] } }
  const bytes = model(
    {
      inputs: ['x f32[1,64]'],
      outputs: ['y'],
      nodes: ['s = MatMul(x, w)', node('y = ZipMap(s)', { domain: 'ai.onnx.ml', attributes })],
      initializers: [stored('w', floats([64, 2]))],
    },
    { opsetImport: [{ version: 17 }, { domain: 'ai.onnx.ml', version: 1 }] },
  )
  writeFileSync(at('named.onnx'), bytes)
  expect(await attar('compile', at('named.onnx'), '-o', at('named'), '--quantize', 'weights', '--json')).toBe(0)
  const { spec } = JSON.parse(out.join('')) as { spec: { outputs: unknown[] } }
  expect(spec.outputs).toMatchObject([{ name: 'y', classes: ['left', 'right'] }])
})

it('keeps the preprocessing of pictures in the artefact and runs pictures by it', async () => {
  writeFileSync(at('how.json'), '{"mean": 0.5, "std": 0.25, "channels": "BGR"}')
  const args = ['--quantize', 'int8', '--calib', at('pictures'), '--preprocess', at('how.json'), '--resize', 'nearest']
  expect(await attar('compile', at('model.onnx'), '-o', at('out'), ...args, '--no-sensitivity')).toBe(0)
  const types = readFileSync(at('out', 'model.d.ts'), 'utf8')
  expect(types).toContain('\\"channels\\":\\"BGR\\"')
  out.length = 0
  const picture = at('pictures', 'left', '0.png')
  const run = async (...more: string[]): Promise<string> => {
    out.length = 0
    expect(await attar('run', at('out', 'model.wasm'), '--input', `image=${picture}`, '--json', ...more)).toBe(0)
    return out.join('')
  }
  const own = await run()
  expect(await run('--channels', 'BGR', '--mean', '0.5')).toBe(own)
  expect(await run('--channels', 'RGB')).not.toBe(own)
})

it('exits with 1 where the budget is not kept', async () => {
  const args = ['--quantize', 'int8', '--calib', at('data.npz'), '--metric', 'mse', '--max-drop', '0.000001%']
  expect(await attar('compile', at('model.onnx'), '-o', at('out'), ...args)).toBe(1)
  expect(err.join('\n')).toMatch(/the budget is not kept[^]*best that was found/)
  expect(report().compilation.quantization!.withinBudget).toBe(false)
})

it('refuses random and missing calibration data', async () => {
  const compile = ['compile', at('model.onnx'), '-o', at('none'), '--quantize', 'int8']
  expect(await attar(...compile)).toBe(2)
  expect(err.join('\n')).toContain('needs --calib')
  err.length = 0
  expect(await attar(...compile, '--calib', 'random')).toBe(2)
  expect(err.join('\n')).toMatch(/A501[^]*random inputs do not show[^]*--force/)
  expect(await attar(...compile, '--calib', 'random', '--force', '--samples', '4')).toBe(0)
})

it('warns where the data that judges is the data that it was calibrated on', async () => {
  const args = ['--quantize', 'int8', '--calib', at('data.npz'), '--no-sensitivity', '--samples', '20', '--val']
  expect(await attar('compile', at('model.onnx'), '-o', at('same'), ...args, at('data.npz'))).toBe(0)
  expect(err.join('\n')).toContain('warning: --val is the data of --calib')
  err.length = 0
  expect(await attar('compile', at('model.onnx'), '-o', at('same'), ...args, at('pictures'))).toBe(0)
  expect(err.join('\n')).not.toContain('is the data of')
})

it('stores weights in codes, of bits that fit a size, and says what that saves', async () => {
  const wide = model({
    inputs: ['image f32[1,3,8,8]'],
    outputs: ['scores f32[1,64]'],
    nodes: ['d = Flatten(image)', 'e = MatMul(d, u)', 'f = Relu(e)', 'scores = MatMul(f, v)'],
    initializers: [stored('u', floats([192, 64])), stored('v', floats([64, 64]))],
  })
  writeFileSync(at('wide.onnx'), wide)
  writeFileSync(at('images.npz'), writeNpz({ image: floats([40, 3, 8, 8]) }))
  const sized = async (...more: string[]): Promise<number> => {
    out.length = 0
    const args = ['--quantize', 'weights', '--bits', '3', '--calib', at('images.npz'), ...more]
    const code = await attar('compile', at('wide.onnx'), '-o', at('out'), ...args)
    expect(code, err.join()).toBe(0)
    return readFileSync(at('out', 'model.wasm')).length
  }
  const plain = await sized()
  expect(out.join()).not.toContain('entropy coding')
  const codes = await sized('--entropy-code')
  expect(out.join('\n')).toMatch(
    /entropy coding +[\d,]+ +bytes of the file less: [\d,]+ bytes of weights in Huffman codes/,
  )
  expect(codes).toBeLessThan(plain - 1000)
  expect(report().compilation.entropyCoding!.saved).toBeGreaterThan(plain - codes)
  const mixed = await sized('--entropy-code', '--max-size', String(codes + 1000))
  expect(mixed).toBeGreaterThan(codes)
  expect(mixed).toBeLessThanOrEqual(codes + 1000)
  expect(await attar('verify', at('wide.onnx'), at('out'), '--atol', '10')).toBe(0)
  out.length = 0
  expect(await attar('compile', at('model.onnx'), '-o', at('out'), '--entropy-code')).toBe(2)
  expect(err.join()).toContain('--entropy-code has no effect: the weights are not smaller in codes')
})
