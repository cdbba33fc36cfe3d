import { tensorOf } from '../../../compiler/core/tensor.ts'
import { model, node, stored } from '../../onnx/build.ts'
import { Random } from '../../support/random.ts'
import { cumulative, zerosLike, type Parameters } from './by-hand.ts'
import {
  accumulate,
  columns,
  columnSums,
  matrix,
  plus,
  plusRow,
  range,
  scaled,
  sum,
  times,
  transposed,
  type Matrix,
} from './matrices.ts'

/** Positions, words, width, heads, width between the two products, classes, and layers. */
const [T, vocabulary, D, heads, inner, classes, depth] = [5, 9, 6, 2, 8, 3, 2]
const width = D / heads

/** Keys have no bias: softmax takes it away again, and AdamW would make steps of what rounding leaves of its gradient. */
const shapes: Readonly<Record<string, readonly number[]>> = {
  words: [vocabulary, D],
  places: [T, D],
  ...Object.fromEntries(
    range(depth).flatMap((i) => [
      ...['q', 'k', 'v', 'o'].map((role) => [`${role}${i}`, [D, D]]),
      ...['q', 'v', 'o'].map((role) => [`b${role}${i}`, [D]]),
      ...['s1', 'h1', 's2', 'h2'].map((role) => [`${role}${i}`, [D]]),
      ...[
        [`up${i}`, [D, inner]],
        [`bup${i}`, [inner]],
        [`down${i}`, [inner, D]],
        [`bdown${i}`, [D]],
      ],
    ]),
  ),
  head: [D, classes],
  bhead: [classes],
}

/** BERT's layer as PyTorch exports it: attention with a mask, and normalization behind each sum. */
const layerNodes = (i: number, x: string, y: string) => [
  `q_${i} = MatMul(${x}, q${i})`,
  `qb_${i} = Add(q_${i}, bq${i})`,
  `kb_${i} = MatMul(${x}, k${i})`,
  `v_${i} = MatMul(${x}, v${i})`,
  `vb_${i} = Add(v_${i}, bv${i})`,
  ...['qb', 'kb', 'vb'].map((name) => `${name}r_${i} = Reshape(${name}_${i}, split)`),
  node(`qt_${i} = Transpose(qbr_${i})`, { attributes: { perm: [0, 2, 1, 3] } }),
  node(`kt_${i} = Transpose(kbr_${i})`, { attributes: { perm: [0, 2, 3, 1] } }),
  node(`vt_${i} = Transpose(vbr_${i})`, { attributes: { perm: [0, 2, 1, 3] } }),
  `dots_${i} = MatMul(qt_${i}, kt_${i})`,
  `scores_${i} = Div(dots_${i}, root)`,
  `masked_${i} = Add(scores_${i}, hidden)`,
  node(`shares_${i} = Softmax(masked_${i})`, { attributes: { axis: -1 } }),
  `mixed_${i} = MatMul(shares_${i}, vt_${i})`,
  node(`turned_${i} = Transpose(mixed_${i})`, { attributes: { perm: [0, 2, 1, 3] } }),
  `joined_${i} = Reshape(turned_${i}, join)`,
  `o_${i} = MatMul(joined_${i}, o${i})`,
  `ob_${i} = Add(o_${i}, bo${i})`,
  `r1_${i} = Add(${x}, ob_${i})`,
  `n1_${i} = LayerNormalization(r1_${i}, s1${i}, h1${i})`,
  `up_${i} = MatMul(n1_${i}, up${i})`,
  `upb_${i} = Add(up_${i}, bup${i})`,
  `z_${i} = Div(upb_${i}, root2)`,
  `erf_${i} = Erf(z_${i})`,
  `erf1_${i} = Add(erf_${i}, one)`,
  `gated_${i} = Mul(upb_${i}, erf1_${i})`,
  `gelu_${i} = Mul(gated_${i}, half)`,
  `down_${i} = MatMul(gelu_${i}, down${i})`,
  `downb_${i} = Add(down_${i}, bdown${i})`,
  `r2_${i} = Add(n1_${i}, downb_${i})`,
  `${y} = LayerNormalization(r2_${i}, s2${i}, h2${i})`,
]

const random = new Random(17)
const drawn = (name: string, shape: readonly number[]): number[] =>
  Array.from({ length: shape.reduce((a, d) => a * d, 1) }, () =>
    Math.fround((random.float() - 0.5) * 0.8 + (/^s\d/.test(name) ? 1 : 0)),
  )

const number = (name: string, value: number) => stored(name, tensorOf('f32', [], [value]))

/** A classifier of `ids`, of which `mask` has 1 where there is a word. */
export const transformerModel = (): Uint8Array =>
  model({
    inputs: [`ids i64[1,${T}]`, `mask i64[1,${T}]`],
    outputs: [`scores f32[1,${classes}]`],
    nodes: [
      'word = Gather(words, ids)',
      'x0 = Add(word, places)',
      node('present = Cast(mask)', { attributes: { to: 1 } }),
      'missing = Sub(one, present)',
      'far = Mul(missing, least)',
      'hidden = Unsqueeze(far, axes12)',
      ...range(depth).flatMap((i) => layerNodes(i, `x${i}`, `x${i + 1}`)),
      node(`pooled = ReduceMean(x${depth})`, { attributes: { axes: [1], keepdims: 0 } }),
      'scores = Gemm(pooled, head, bhead)',
    ],
    initializers: [
      ...Object.entries(shapes).map(([name, shape]) => stored(name, tensorOf('f32', shape, drawn(name, shape)))),
      ...[number('root', Math.sqrt(width)), number('root2', Math.SQRT2), number('one', 1), number('half', 0.5)],
      number('least', -10000),
      stored('axes12', tensorOf('i64', [2], [1n, 2n])),
      stored('split', tensorOf('i64', [4], [1, T, heads, width].map(BigInt))),
      stored('join', tensorOf('i64', [3], [1, T, D].map(BigInt))),
    ],
  })

export const transformerSizes = { steps: T, vocabulary, classes }

/** The loss of a batch and its slopes: forward and backward, position by position. */
export function transformerByHand(
  p: Parameters,
  ids: readonly number[],
  mask: readonly number[],
  targets: readonly number[],
): { loss: number; gradients: Parameters } {
  const gradients = zerosLike(p)
  const losses = targets.map((target, n) =>
    sample(p, gradients, ids.slice(n * T, (n + 1) * T), mask.slice(n * T, (n + 1) * T), target, 1 / targets.length),
  )
  return { loss: sum(losses) / losses.length, gradients }
}

function sample(
  p: Parameters,
  gradients: Parameters,
  ids: readonly number[],
  mask: readonly number[],
  target: number,
  share: number,
): number {
  const places = matrix(p['places']!, D)
  const words = matrix(p['words']!, D)
  let x = plus(
    ids.map((id) => words[id]!),
    places,
  )
  const layers: ReturnType<typeof layer>[] = []
  for (const i of range(depth)) {
    const result = layer(p, gradients, i, x, mask)
    layers.push(result)
    x = result.y
  }
  const pooled = columnSums(x).map((v) => v / T)
  const head = matrix(p['head']!, classes)
  const [scores] = plusRow(times([pooled], head), p['bhead']!)
  const powers = scores!.map(Math.exp)
  const loss = Math.log(sum(powers)) - scores![target]!

  const dScores = powers.map((e, c) => share * (e / sum(powers) - (c === target ? 1 : 0)))
  accumulate(gradients['bhead']!, dScores)
  accumulate(
    gradients['head']!,
    pooled.flatMap((v) => dScores.map((d) => v * d)),
  )
  const [dPooled] = times([dScores], transposed(head))
  let dx: Matrix = range(T).map(() => dPooled!.map((v) => v / T))
  for (const { back } of layers.reverse()) dx = back(dx)
  accumulate(gradients['places']!, dx.flat())
  ids.forEach((id, t) => dx[t]!.forEach((d, j) => (gradients['words']![id * D + j]! += d)))
  return loss
}

/** A layer's result, and what takes its cotangent to that of `x`. */
function layer(p: Parameters, gradients: Parameters, i: number, x: Matrix, mask: readonly number[]) {
  const dense = (name: string, bias: string | undefined, a: Matrix) =>
    product(p, gradients, name + i, bias && bias + i, a)
  const q = dense('q', 'bq', x)
  const k = dense('k', undefined, x)
  const v = dense('v', 'bv', x)
  const parts = range(heads).map((h) => {
    const [qh, kh, vh] = [q, k, v].map(({ y }) => columns(y, h * width, width)) as [Matrix, Matrix, Matrix]
    const scores = scaled(times(qh, transposed(kh)), 1 / Math.sqrt(width))
    const shares = scores.map((row) => {
      const powers = row.map((s, t) => Math.exp(s - (mask[t] === 1 ? 0 : 10000)))
      return powers.map((e) => e / sum(powers))
    })
    const back = (dy: Matrix) => {
      const dShares = times(dy, transposed(vh))
      const dScores = shares.map((row, t) => {
        const mean = sum(row.map((a, j) => a * dShares[t]![j]!))
        return row.map((a, j) => (a * (dShares[t]![j]! - mean)) / Math.sqrt(width))
      })
      return { dq: times(dScores, kh), dk: times(transposed(dScores), qh), dv: times(transposed(shares), dy) }
    }
    return { y: times(shares, vh), back }
  })
  const joined = x.map((_, t) => parts.flatMap(({ y }) => y[t]!))
  const o = dense('o', 'bo', joined)
  const n1 = normalized(p, gradients, `s1${i}`, `h1${i}`, plus(x, o.y))
  const up = dense('up', 'bup', n1.y)
  const down = dense(
    'down',
    'bdown',
    up.y.map((row) => row.map((u) => u * cumulative(u))),
  )
  const n2 = normalized(p, gradients, `s2${i}`, `h2${i}`, plus(n1.y, down.y))

  const back = (dy: Matrix): Matrix => {
    const d2 = n2.back(dy)
    const dGelu = down.back(d2)
    const dUp = dGelu.map((row, t) =>
      row.map((d, j) => {
        const u = up.y[t]![j]!
        return d * (cumulative(u) + (u * Math.exp((-u * u) / 2)) / Math.sqrt(2 * Math.PI))
      }),
    )
    const d1 = n1.back(plus(d2, up.back(dUp)))
    const dJoined = o.back(d1)
    const found = parts.map(({ back }, h) => back(columns(dJoined, h * width, width)))
    const together = (which: 'dq' | 'dk' | 'dv'): Matrix => x.map((_, t) => found.flatMap((head) => head[which][t]!))
    return [q.back(together('dq')), k.back(together('dk')), v.back(together('dv'))].reduce(plus, d1)
  }
  return { y: n2.y, back }
}

function product(p: Parameters, gradients: Parameters, name: string, bias: string | undefined, x: Matrix) {
  const w = matrix(p[name]!, p[name]!.length / x[0]!.length)
  const y = times(x, w)
  const back = (dy: Matrix): Matrix => {
    accumulate(gradients[name]!, times(transposed(x), dy).flat())
    if (bias !== undefined) accumulate(gradients[bias]!, columnSums(dy))
    return times(dy, transposed(w))
  }
  return { y: bias === undefined ? y : plusRow(y, p[bias]!), back }
}

/** Ba, Kiros and Hinton, 2016. */
function normalized(p: Parameters, gradients: Parameters, scale: string, bias: string, x: Matrix) {
  const rows = x.map((row) => {
    const mean = sum(row) / row.length
    const deviation = Math.sqrt(sum(row.map((v) => (v - mean) ** 2)) / row.length + 1e-5)
    return { normal: row.map((v) => (v - mean) / deviation), deviation }
  })
  const s = p[scale]!
  const y = rows.map(({ normal }) => normal.map((v, j) => v * s[j]! + p[bias]![j]!))
  const back = (dy: Matrix): Matrix => {
    accumulate(gradients[bias]!, columnSums(dy))
    accumulate(gradients[scale]!, columnSums(dy.map((row, t) => row.map((d, j) => d * rows[t]!.normal[j]!))))
    return dy.map((row, t) => {
      const { normal, deviation } = rows[t]!
      const d = row.map((v, j) => v * s[j]!)
      const mean = sum(d) / d.length
      const slope = sum(d.map((v, j) => v * normal[j]!)) / d.length
      return d.map((v, j) => (v - mean - normal[j]! * slope) / deviation)
    })
  }
  return { y, back }
}
