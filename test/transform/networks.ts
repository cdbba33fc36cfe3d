import { Builder } from '../../compiler/core/builder.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { softmax } from '../../compiler/onnx/shared/nn/softmax.ts'
import { inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)
const all = (x: Value): number[] => x.type.shape.map((_, i) => i)

export interface Network {
  readonly loss: Value
  readonly inputs: readonly Value[]
}

/** Convolution, rectifier, pooling, depthwise convolution, rectifier, mean over positions, and a layer of logits. */
export function convolutional(batch: number, size: number, width: number): Network {
  const x = inputOf('x', 'f32', [batch, 3, size, size])
  const target = inputOf('target', 'f32', [batch, 5])
  const first = inputOf('first', 'f32', [width, 3, 3, 3])
  const bias = inputOf('bias', 'f32', [width, 1, 1])
  const depthwise = inputOf('depthwise', 'f32', [width, 1, 3, 3])
  const pointwise = inputOf('pointwise', 'f32', [2 * width, width, 1, 1])
  const last = inputOf('last', 'f32', [2 * width, 5])
  const nchw = { batch: 0, feature: 1, spatial: [2, 3] }
  const conv = (v: Value, w: Value, stride: number, groups: number): Value => {
    const size = w.type.shape[2]!
    const axis = { ...trivialWindow, size, stride, low: (size - 1) / 2, high: (size - 1) / 2 }
    const rhs = { output: 0, input: 1, spatial: [2, 3] }
    return b.convolution(v, w, { lhs: nchw, rhs, out: nchw, window: [axis, axis], groups })
  }
  const relu = (v: Value): Value => b.map([v], (e) => f.max(e!, 0))
  const pool = { ...trivialWindow, size: 2, stride: 2 }
  const a = relu(b.binary('add', conv(x, first, 1, 1), bias))
  const pooled = b.reduceWindow('max', a, [trivialWindow, trivialWindow, pool, pool])
  const c = relu(conv(relu(conv(pooled, depthwise, 2, width)), pointwise, 1, 1))
  const logits = b.dotGeneral(b.mean(c, [2, 3], false), last, {
    ...{ lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] },
  })
  const difference = b.binary('sub', softmax(b, logits, [1]), target)
  const loss = b.reduce('add', b.binary('mul', difference, difference), [0, 1])
  return { loss, inputs: [x, target, first, bias, depthwise, pointwise, last] }
}

/** Layer normalization, attention of `heads`, residual sum, layer normalization, two layers with a GELU between, residual sum. */
export function transformer(length: number, width: number, heads: number): Network {
  const x = inputOf('x', 'f32', [length, width])
  const inputs: Value[] = [x]
  const parameter = (name: string, shape: readonly number[]): Value => {
    const value = inputOf(name, 'f32', shape)
    inputs.push(value)
    return value
  }
  const normalized = (v: Value, name: string): Value => {
    const centered = b.binary('sub', v, b.mean(v, [1], true))
    const variance = b.mean(b.binary('mul', centered, centered), [1], true)
    const [scale, shift] = [parameter(`${name}.scale`, [width]), parameter(`${name}.shift`, [width])]
    return b.map([centered, variance, scale, shift], (c, s, p, q) =>
      f.add(f.mul(f.div(c!, f.sqrt(f.add(s!, 1e-5))), p!), q!),
    )
  }
  const dense = (v: Value, name: string, outputs: number): Value =>
    b.dotGeneral(v, parameter(name, [v.type.shape[1]!, outputs]), {
      ...{ lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] },
    })
  const size = width / heads
  const split = (v: Value): Value => b.transpose(b.reshape(v, [length, heads, size]), [1, 0, 2])
  const n = normalized(x, 'n')
  const [q, k, v] = ['q', 'k', 'v'].map((name) => split(dense(n, name, width))) as [Value, Value, Value]
  const scores = b.dotGeneral(q, k, { lhsBatch: [0], rhsBatch: [0], lhsContract: [2], rhsContract: [2] })
  const scaled = b.map([scores], (e) => f.mul(e!, 1 / Math.sqrt(size)))
  const mixed = b.dotGeneral(softmax(b, scaled, [2]), v, {
    ...{ lhsBatch: [0], rhsBatch: [0], lhsContract: [2], rhsContract: [1] },
  })
  const joined = b.reshape(b.transpose(mixed, [1, 0, 2]), [length, width])
  const attended = b.binary('add', x, dense(joined, 'o', width))
  const gelu = b.map([dense(normalized(attended, 'm'), 'up', 2 * width)], (e) =>
    f.mul(f.mul(e!, 0.5), f.add(f.erf(f.mul(e!, Math.SQRT1_2)), 1)),
  )
  const y = b.binary('add', attended, dense(gelu, 'down', width))
  return { loss: b.reduce('add', b.binary('mul', y, y), all(y)), inputs }
}
