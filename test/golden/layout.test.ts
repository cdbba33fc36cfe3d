import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { nodesOf, type Value } from '../../compiler/core/graph.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { channelsLast } from '../../compiler/passes/channels-last.ts'
import { passes, runPasses } from '../../compiler/passes/index.ts'
import { sinkTransposes } from '../../compiler/passes/sink-transposes.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { change, f32, keeps, nchw, oihw } from './change.ts'

const b = new Builder(undefined)
const padded = { ...trivialWindow, size: 3, low: 1, high: 1 }

describe('channels-last and sink-transposes', () => {
  const x = inputOf('x', 'f32', [1, 2, 4, 4])
  const weights = (o: number, i: number): Value =>
    f32(
      [o, i, 3, 3],
      Array.from({ length: o * i * 9 }, (_, k) => (k % 5) - 2),
    )
  const conv = (v: Value, o: number): Value =>
    b.convolution(v, weights(o, v.type.shape[1]!), {
      lhs: nchw,
      rhs: oihw,
      out: nchw,
      window: [padded, padded],
      groups: 1,
    })
  const relu = (v: Value): Value => b.binary('max', v, b.scalar(0, 'f32'))

  it('puts transposes around a convolution', () => {
    expect(change(channelsLast, [x], [conv(x, 2)])).toMatchInlineSnapshot(`
      "%0 = input f32[1,2,4,4]: "x"
      %1 = constant f32[2,2,3,3]: {-2, -1, 0, 1, 2, -2, …}
      %2 = convolution f32[1,2,4,4] (%0, %1): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{3 stride 1 dilation 1 pad 1 1 base 1}, {3 stride 1 dilation 1 pad 1 1 base 1}] groups=1
      output "y0" = %2

      %0 = input f32[1,2,4,4]: "x"
      %1 = transpose f32[1,4,4,2] (%0): perm=[0, 2, 3, 1]
      %2 = constant f32[2,2,3,3]: {-2, -1, 0, 1, 2, -2, …}
      %3 = convolution f32[1,4,4,2] (%1, %2): lhs={batch: 0, feature: 3, spatial: [1, 2]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 3, spatial: [1, 2]} window=[{3 stride 1 dilation 1 pad 1 1 base 1}, {3 stride 1 dilation 1 pad 1 1 base 1}] groups=1
      %4 = transpose f32[1,2,4,4] (%3): perm=[0, 3, 1, 2]
      output "y0" = %4
      "
    `)
  })

  it('leaves a convolution that is channels-last', () => {
    const nhwc = { batch: 0, feature: 3, spatial: [1, 2] }
    const y = b.convolution(x, weights(1, 4), { lhs: nhwc, rhs: oihw, out: nhwc, window: [padded, padded], groups: 1 })
    expect(keeps(channelsLast, [x], [y])).toBe(true)
  })

  it('sinks transposes through maps, pads, reductions and concatenations to where they cancel', () => {
    const first = relu(b.binary('add', conv(x, 3), f32([1, 3, 1, 1], [1, 2, 3])))
    const second = conv(b.pad(first, b.scalar(1, 'f32'), [0, 0, 1, 0], [0, 0, 0, 1]), 2)
    const mean = b.reduce('add', b.concatenate([second, b.unary('neg', second)], 1), [2, 3])
    expect(change((g) => sinkTransposes(channelsLast(g)), [x], [mean])).toMatchInlineSnapshot(`
      "%0 = input f32[1,2,4,4]: "x"
      %1 = constant f32[3,2,3,3]: {-2, -1, 0, 1, 2, -2, …}
      %2 = convolution f32[1,3,4,4] (%0, %1): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{3 stride 1 dilation 1 pad 1 1 base 1}, {3 stride 1 dilation 1 pad 1 1 base 1}] groups=1
      %3 = constant f32[1,3,1,1]: {1, 2, 3}
      %4 = map f32[1,3,4,4] (%2, %3): add(%2, %3)
      %5 = constant f32[]: {0}
      %6 = map f32[1,3,4,4] (%4, %5): max(%4, %5)
      %7 = constant f32[]: {1}
      %8 = pad f32[1,3,5,5] (%6, %7): low=[0, 0, 1, 0] high=[0, 0, 0, 1]
      %9 = constant f32[2,3,3,3]: {-2, -1, 0, 1, 2, -2, …}
      %10 = convolution f32[1,2,5,5] (%8, %9): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{3 stride 1 dilation 1 pad 1 1 base 1}, {3 stride 1 dilation 1 pad 1 1 base 1}] groups=1
      %11 = map f32[1,2,5,5] (%10): neg(%10)
      %12 = concatenate f32[1,4,5,5] (%10, %11): axis=1
      %13 = reduce f32[1,4] (%12): kind=add axes=[2, 3]
      output "y0" = %13

      %0 = input f32[1,2,4,4]: "x"
      %1 = transpose f32[1,4,4,2] (%0): perm=[0, 2, 3, 1]
      %2 = constant f32[3,2,3,3]: {-2, -1, 0, 1, 2, -2, …}
      %3 = convolution f32[1,4,4,3] (%1, %2): lhs={batch: 0, feature: 3, spatial: [1, 2]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 3, spatial: [1, 2]} window=[{3 stride 1 dilation 1 pad 1 1 base 1}, {3 stride 1 dilation 1 pad 1 1 base 1}] groups=1
      %4 = constant f32[1,3,1,1]: {1, 2, 3}
      %5 = reshape f32[1,1,1,3] (%4): shape=[1, 1, 1, 3]
      %6 = map f32[1,4,4,3] (%3, %5): add(%3, %5)
      %7 = constant f32[]: {0}
      %8 = reshape f32[1,1,1,1] (%7): shape=[1, 1, 1, 1]
      %9 = map f32[1,4,4,3] (%6, %8): max(%6, %8)
      %10 = constant f32[]: {1}
      %11 = pad f32[1,5,5,3] (%9, %10): low=[0, 1, 0, 0] high=[0, 0, 1, 0]
      %12 = constant f32[2,3,3,3]: {-2, -1, 0, 1, 2, -2, …}
      %13 = convolution f32[1,5,5,2] (%11, %12): lhs={batch: 0, feature: 3, spatial: [1, 2]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 3, spatial: [1, 2]} window=[{3 stride 1 dilation 1 pad 1 1 base 1}, {3 stride 1 dilation 1 pad 1 1 base 1}] groups=1
      %14 = map f32[1,5,5,2] (%13): neg(%13)
      %15 = concatenate f32[1,5,5,4] (%13, %14): axis=3
      %16 = reduce f32[1,4] (%15): kind=add axes=[1, 2]
      output "y0" = %16
      "
    `)
  })

  it('keeps new axes of length 1 behind the ones they follow, so that what grows along them merges again', () => {
    const t = b.transpose(inputOf('x', 'f32', [2, 4, 3, 5]), [0, 3, 1, 2])
    const split = b.reshape(t, [2, 1, 5, 1, 4, 1, 3, 1])
    const phases = f32([1, 1, 1, 1, 1, 2, 1, 2], [1, 2, 3, 4])
    const grown = b.reshape(b.binary('mul', split, phases), [2, 5, 8, 6])
    const merged = sinkTransposes(graphOf([], [b.transpose(grown, [0, 2, 3, 1])]))
    expect(nodesOf(merged).map(({ op }) => op)).not.toContain('transpose')
  })

  it('sinks through what a reshape leaves together, and stops where it does not', () => {
    const t = b.transpose(x, [0, 2, 3, 1])
    const merged = b.unary('neg', b.reshape(t, [1, 16, 2]))
    const mixed = b.unary('neg', b.reshape(t, [4, 8]))
    expect(change(sinkTransposes, [x], [merged, mixed])).toMatchInlineSnapshot(`
      "%0 = input f32[1,2,4,4]: "x"
      %1 = transpose f32[1,4,4,2] (%0): perm=[0, 2, 3, 1]
      %2 = reshape f32[1,16,2] (%1): shape=[1, 16, 2]
      %3 = map f32[1,16,2] (%2): neg(%2)
      %4 = reshape f32[4,8] (%1): shape=[4, 8]
      %5 = map f32[4,8] (%4): neg(%4)
      output "y0" = %3, "y1" = %5

      %0 = input f32[1,2,4,4]: "x"
      %1 = reshape f32[2,1,16] (%0): shape=[2, 1, 16]
      %2 = map f32[2,1,16] (%1): neg(%1)
      %3 = transpose f32[1,16,2] (%2): perm=[1, 2, 0]
      %4 = transpose f32[1,4,4,2] (%0): perm=[0, 2, 3, 1]
      %5 = reshape f32[4,8] (%4): shape=[4, 8]
      %6 = map f32[4,8] (%5): neg(%5)
      output "y0" = %3, "y1" = %6
      "
    `)
  })

  it('weighs the operands of a map', () => {
    const t = b.transpose(x, [0, 2, 3, 1])
    const straight = inputOf('y', 'f32', [1, 4, 4, 2])
    const [u, v] = [inputOf('u', 'f32', [1, 4, 4, 2]), straight]
    const one = b.binary('add', t, straight)
    const sunk = sinkTransposes(graphOf([x, straight], [b.unary('neg', one)]))
    expect(printGraph(sunk).match(/= transpose/g)).toHaveLength(2)
    const outweighed = b.map([t, u, v], (p, q, r) => ({
      kind: 'select',
      dtype: 'f32',
      cond: { kind: 'binary', dtype: 'bool', op: 'lt', a: p!, b: q! },
      a: p!,
      b: r!,
    }))
    expect(keeps(sinkTransposes, [x, u, v], [outweighed])).toBe(true)
  })
})

describe('all passes', () => {
  it('turn a small network into convolutions with biases and no transposes between them', () => {
    const x = inputOf('x', 'f32', [1, 1, 6, 6])
    const conv = (v: Value, o: number): Value => {
      const i = v.type.shape[1]!
      const w = f32(
        [o, i, 3, 3],
        Array.from({ length: o * i * 9 }, (_, k) => (k % 7) - 3),
      )
      const y = b.convolution(v, w, { lhs: nchw, rhs: oihw, out: nchw, window: [padded, padded], groups: 1 })
      const perChannel = (start: number): Value =>
        f32(
          [1, o, 1, 1],
          Array.from({ length: o }, (_, k) => start + k),
        )
      return b.binary('max', b.binary('add', b.binary('mul', y, perChannel(1)), perChannel(0)), b.scalar(0, 'f32'))
    }
    const pool = { ...trivialWindow, size: 2, stride: 2 }
    const features = b.reduceWindow('max', conv(conv(x, 2), 3), [trivialWindow, trivialWindow, pool, pool])
    const flat = b.reshape(features, [1, 27])
    const attrs = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [1] }
    const scores = b.dotGeneral(
      flat,
      f32(
        [2, 27],
        Array.from({ length: 54 }, (_, k) => k % 3),
      ),
      attrs,
    )
    expect(change(runPasses, [x], [b.binary('add', scores, f32([2], [1, 2]))])).toMatchInlineSnapshot(`
      "%0 = input f32[1,1,6,6]: "x"
      %1 = constant f32[2,1,3,3]: {-3, -2, -1, 0, 1, 2, …}
      %2 = convolution f32[1,2,6,6] (%0, %1): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{3 stride 1 dilation 1 pad 1 1 base 1}, {3 stride 1 dilation 1 pad 1 1 base 1}] groups=1
      %3 = constant f32[1,2,1,1]: {1, 2}
      %4 = map f32[1,2,6,6] (%2, %3): mul(%2, %3)
      %5 = constant f32[1,2,1,1]: {0, 1}
      %6 = map f32[1,2,6,6] (%4, %5): add(%4, %5)
      %7 = constant f32[]: {0}
      %8 = map f32[1,2,6,6] (%6, %7): max(%6, %7)
      %9 = constant f32[3,2,3,3]: {-3, -2, -1, 0, 1, 2, …}
      %10 = convolution f32[1,3,6,6] (%8, %9): lhs={batch: 0, feature: 1, spatial: [2, 3]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 1, spatial: [2, 3]} window=[{3 stride 1 dilation 1 pad 1 1 base 1}, {3 stride 1 dilation 1 pad 1 1 base 1}] groups=1
      %11 = constant f32[1,3,1,1]: {1, 2, 3}
      %12 = map f32[1,3,6,6] (%10, %11): mul(%10, %11)
      %13 = constant f32[1,3,1,1]: {0, 1, 2}
      %14 = map f32[1,3,6,6] (%12, %13): add(%12, %13)
      %15 = constant f32[]: {0}
      %16 = map f32[1,3,6,6] (%14, %15): max(%14, %15)
      %17 = reduce_window f32[1,3,3,3] (%16): kind=max window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}, {2 stride 2 dilation 1 pad 0 0 base 1}, {2 stride 2 dilation 1 pad 0 0 base 1}]
      %18 = reshape f32[1,27] (%17): shape=[1, 27]
      %19 = constant f32[2,27]: {0, 1, 2, 0, 1, 2, …}
      %20 = dot_general f32[1,2] (%18, %19): lhsBatch=[] rhsBatch=[] lhsContract=[1] rhsContract=[1]
      %21 = constant f32[2]: {1, 2}
      %22 = map f32[1,2] (%20, %21): add(%20, %21)
      output "y0" = %22

      %0 = input f32[1,1,6,6]: "x"
      %1 = reshape f32[1,6,6,1] (%0): shape=[1, 6, 6, 1]
      %2 = constant f32[2,1,3,3]: {-3, -2, -1, 0, 1, 2, …}
      %3 = convolution f32[1,6,6,2] (%1, %2): lhs={batch: 0, feature: 3, spatial: [1, 2]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 3, spatial: [1, 2]} window=[{3 stride 1 dilation 1 pad 1 1 base 1}, {3 stride 1 dilation 1 pad 1 1 base 1}] groups=1
      %4 = constant f32[1,1,1,2]: {0, 1}
      %5 = map f32[1,6,6,2] (%3, %4): max(add(%3, %4), 0:f32)
      %6 = constant f32[3,2,3,3]: {-3, -2, -1, 0, 1, 2, …}
      %7 = convolution f32[1,6,6,3] (%5, %6): lhs={batch: 0, feature: 3, spatial: [1, 2]} rhs={output: 0, input: 1, spatial: [2, 3]} out={batch: 0, feature: 3, spatial: [1, 2]} window=[{3 stride 1 dilation 1 pad 1 1 base 1}, {3 stride 1 dilation 1 pad 1 1 base 1}] groups=1
      %8 = constant f32[1,1,1,3]: {0, 1, 2}
      %9 = map f32[1,6,6,3] (%7, %8): max(add(%7, %8), 0:f32)
      %10 = reduce_window f32[1,3,3,3] (%9): kind=max window=[{1 stride 1 dilation 1 pad 0 0 base 1}, {2 stride 2 dilation 1 pad 0 0 base 1}, {2 stride 2 dilation 1 pad 0 0 base 1}, {1 stride 1 dilation 1 pad 0 0 base 1}]
      %11 = transpose f32[1,3,3,3] (%10): perm=[0, 3, 1, 2]
      %12 = reshape f32[1,27] (%11): shape=[1, 27]
      %13 = constant f32[2,27]: {0, 1, 2, 0, 1, 2, …}
      %14 = dot_general f32[1,2] (%12, %13): lhsBatch=[] rhsBatch=[] lhsContract=[1] rhsContract=[1]
      %15 = constant f32[2]: {1, 2}
      %16 = map f32[1,2] (%14, %15): add(%14, %15)
      output "y0" = %16
      "
    `)
  })

  it('have names of their own', () => {
    expect(new Set(passes.map((p) => p.name)).size).toBe(passes.length)
  })

  it('change nothing more when they run again', () => {
    const x = inputOf('x', 'f32', [2, 3])
    const y = b.unary('exp', b.binary('add', b.transpose(x, [1, 0]), f32([2], [1, 2])))
    const once = runPasses(graphOf([x], [y]))
    expect(printGraph(runPasses(once))).toBe(printGraph(once))
  })
})
