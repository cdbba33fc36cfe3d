import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../../compiler/core/evaluate.ts'
import { elementCount } from '../../../../compiler/core/shape.ts'
import { formatType, tensorOf, type Tensor } from '../../../../compiler/core/tensor.ts'
import { compile, type Target } from '../../../../compiler/index.ts'
import { importModel } from '../../../../compiler/onnx/import.ts'
import { compare } from '../../../../compiler/verify/compare.ts'
import { openReference } from '../../../../compiler/verify/index.ts'
import { Random } from '../../../support/random.ts'
import { runModule } from '../../../support/run-graph.ts'
import { model, node, stored } from '../../build.ts'

const random = new Random(23)
const floats = (shape: readonly number[], range: (i: number) => number): Tensor =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => (random.float() * 2 - 1) * range(i)),
  )
const signed = (...shape: number[]): Tensor =>
  tensorOf(
    'i8',
    shape,
    Array.from({ length: elementCount(shape) }, () => random.int(256) - 128),
  )

interface Layer {
  readonly direction: string
  readonly lengths: readonly number[]
  /** Steps of the input; more than the longest sequence has, unless given. */
  readonly steps?: number
  /** Without it the node does not name Y. */
  readonly y: boolean
  readonly states: boolean
}

/** A layer of 4 hidden units whose inputs grow from step to step, so that ranges depend on which steps they take in. */
function layer({ direction, lengths, steps = 6, y, states }: Layer): {
  bytes: Uint8Array
  feeds: Record<string, Tensor>
} {
  const directions = direction === 'bidirectional' ? 2 : 1
  const batch = lengths.length
  const state = (): Tensor => floats([directions, batch, 4], () => 4)
  const each = (value: number): Tensor => tensorOf('f32', [directions], Array<number>(directions).fill(value))
  const feeds: Record<string, Tensor> = {
    x: floats([steps, batch, 3], (i) => (1 + Math.floor(i / (3 * batch))) ** 2 / 4),
    lengths: tensorOf('i32', [batch], lengths),
    ...(states && { h: state(), c: state() }),
  }
  const weights: Record<string, Tensor> = {
    w: signed(directions, 3, 16),
    r: signed(directions, 4, 16),
    b: floats([directions, 32], () => 1),
    ws: each(0.01),
    wz: tensorOf('i8', [directions], Array<number>(directions).fill(2)),
    rs: each(0.008),
    rz: tensorOf('i8', [directions], Array<number>(directions).fill(-1)),
  }
  const operands = `x, w, r, b, lengths, ${states ? 'h, c' : ','}, , ws, wz, rs, rz`
  const bytes = model(
    {
      inputs: Object.entries(feeds).map(([name, t]) => `${name} ${formatType(t)}`),
      outputs: [...(y ? ['y'] : []), 'yh', 'yc'],
      nodes: [
        node(`${y ? 'y' : ''}, yh, yc = DynamicQuantizeLSTM(${operands})`, {
          domain: 'com.microsoft',
          attributes: { hidden_size: 4, direction },
        }),
      ],
      initializers: Object.entries(weights).map(([name, t]) => stored(name, t)),
    },
    { opsetImport: ['', 'com.microsoft'].map((domain) => ({ domain, version: domain === '' ? 17 : 1 })) },
  )
  return { bytes, feeds }
}

// Without Y, onnxruntime reads memory that it has not set for rows without a step: its own results differ from run to run.
const layers: readonly Layer[] = ['forward', 'reverse', 'bidirectional'].flatMap((direction) => [
  { direction, lengths: [5, 3], y: true, states: false },
  { direction, lengths: [2, 4, 3], y: true, states: true },
  { direction, lengths: [1, 5, 0, 2, 3], y: true, states: true },
  { direction, lengths: [2, 4, 3], y: false, states: true },
  { direction, lengths: [3, 0, 1], steps: 4, y: true, states: true },
])

describe('DynamicQuantizeLSTM over sequences of unequal lengths', () => {
  const nameOf = ({ direction, lengths, y, states }: Layer): string =>
    `${direction}, lengths ${lengths.join()}, ${y ? 'with' : 'without'} Y, ${states ? 'with' : 'without'} states`
  it.each(layers.map((l) => [nameOf(l), l] as const))('gives what onnxruntime gives: %s', async (_, l) => {
    const { bytes, feeds } = layer(l)
    const reference = await openReference(bytes, () => expect.unreachable())
    const expected = await reference.run(feeds)
    await reference.close()
    const found = evaluate(importModel(bytes).graph, feeds)
    expect(Object.keys(found)).toEqual(Object.keys(expected))
    for (const [name, value] of Object.entries(expected))
      expect(compare(found[name]!, value, { atol: 2e-6, rtol: 2e-6 }).wrong, name).toBeUndefined()
  })

  it('compiles to that', async () => {
    const { bytes, feeds } = layer(
      layers.find(({ direction, lengths }) => direction === 'bidirectional' && lengths.length > 3)!,
    )
    const target: Target = 'simd'
    const { modules, spec } = await compile(bytes, { targets: [target] })
    const found = runModule(modules[target]!, spec, feeds)
    for (const [name, value] of Object.entries(evaluate(importModel(bytes).graph, feeds)))
      expect(compare(found[name]!, value, { atol: 2e-6, rtol: 2e-6 }).wrong, name).toBeUndefined()
  })
})
