import { tensorOf } from '../../../compiler/core/tensor.ts'
import { model, node, stored } from '../../onnx/build.ts'
import { Random } from '../../support/random.ts'
import { zerosLike, type Parameters } from './by-hand.ts'
import { accumulate, columnSums, matrix, plus, range, sum, times, transposed, type Matrix } from './matrices.ts'

/** Steps, inputs, hidden units and classes. */
const [T, I, H, classes] = [20, 3, 4, 3]

const shapes: Readonly<Record<string, readonly number[]>> = {
  ...{ w: [1, 4 * H, I], r: [1, 4 * H, H], bias: [1, 8 * H] },
  ...{ head: [H, classes], bhead: [classes] },
}
export const lstmSizes = { steps: T, inputs: I, classes }

/** A classifier of sequences by the mean of all hidden states, plus the last cell's. */
export function lstmModel(): Uint8Array {
  const random = new Random(23)
  const drawn = (shape: readonly number[]): number[] =>
    Array.from({ length: shape.reduce((a, d) => a * d, 1) }, () => Math.fround((random.float() - 0.5) * 1.2))
  return model({
    inputs: [`x f32[1,${T},${I}]`],
    outputs: [`scores f32[1,${classes}]`],
    nodes: [
      node('steps = Transpose(x)', { attributes: { perm: [1, 0, 2] } }),
      node('y, last, cell = LSTM(steps, w, r, bias)', { attributes: { hidden_size: H } }),
      node('mean = ReduceMean(y)', { attributes: { axes: [0], keepdims: 0 } }),
      'both = Add(mean, cell)',
      'row = Squeeze(both, axis)',
      'scores = Gemm(row, head, bhead)',
    ],
    initializers: [
      ...Object.entries(shapes).map(([name, shape]) => stored(name, tensorOf('f32', shape, drawn(shape)))),
      stored('axis', tensorOf('i64', [1], [0n])),
    ],
  })
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

interface Step {
  readonly x: readonly number[]
  /** Hidden state and cell before the step. */
  readonly h: readonly number[]
  readonly c: readonly number[]
  /** Input, output and forget gates, and candidates, in ONNX's order. */
  readonly gates: Matrix
  readonly next: readonly number[]
}

/** The loss of a batch and its slopes: forward, and backward through time (Werbos, 1990). */
export function lstmByHand(
  p: Parameters,
  x: readonly number[],
  targets: readonly number[],
): { loss: number; gradients: Parameters } {
  const gradients = zerosLike(p)
  const losses = targets.map((target, n) =>
    sample(p, gradients, matrix(x.slice(n * T * I, (n + 1) * T * I), I), target, 1 / targets.length),
  )
  return { loss: sum(losses) / losses.length, gradients }
}

function sample(p: Parameters, gradients: Parameters, x: Matrix, target: number, share: number): number {
  const [w, r, head] = [matrix(p['w']!, I), matrix(p['r']!, H), matrix(p['head']!, classes)]
  const bias = range(4 * H).map((i) => p['bias']![i]! + p['bias']![4 * H + i]!)
  let [h, c] = [new Array<number>(H).fill(0), new Array<number>(H).fill(0)]
  const hidden: Matrix = []
  const steps = x.map((row): Step => {
    const [sums] = plus(plus([bias], times([row], transposed(w))), times([h], transposed(r)))
    const gates = range(4).map((g) => sums!.slice(g * H, (g + 1) * H).map(g === 3 ? Math.tanh : sigmoid))
    const [input, output, forget, candidate] = gates as [number[], number[], number[], number[]]
    const next = range(H).map((j) => forget[j]! * c[j]! + input[j]! * candidate[j]!)
    const step = { x: row, h, c, gates, next }
    h = range(H).map((j) => output[j]! * Math.tanh(next[j]!))
    c = next
    hidden.push(h)
    return step
  })
  const features = columnSums(hidden).map((v, j) => v / T + c[j]!)
  const [products] = times([features], head)
  const powers = products!.map((v, i) => Math.exp(v + p['bhead']![i]!))
  const loss = Math.log(sum(powers)) - Math.log(powers[target]!)

  const dScores = powers.map((e, i) => share * (e / sum(powers) - (i === target ? 1 : 0)))
  accumulate(gradients['bhead']!, dScores)
  accumulate(
    gradients['head']!,
    features.flatMap((v) => dScores.map((d) => v * d)),
  )
  const [dFeatures] = times([dScores], transposed(head))
  let dh = new Array<number>(H).fill(0)
  let dc = dFeatures!
  for (const { x: row, h: before, c: cell, gates, next } of steps.reverse()) {
    const [input, output, forget, candidate] = gates as [number[], number[], number[], number[]]
    const dHidden = dh.map((d, j) => d + dFeatures![j]! / T)
    const tanh = next.map(Math.tanh)
    const dNext = dc.map((d, j) => d + dHidden[j]! * output[j]! * (1 - tanh[j]! ** 2))
    const dSums = [
      ...range(H).map((j) => dNext[j]! * candidate[j]! * input[j]! * (1 - input[j]!)),
      ...range(H).map((j) => dHidden[j]! * tanh[j]! * output[j]! * (1 - output[j]!)),
      ...range(H).map((j) => dNext[j]! * cell[j]! * forget[j]! * (1 - forget[j]!)),
      ...range(H).map((j) => dNext[j]! * input[j]! * (1 - candidate[j]! ** 2)),
    ]
    accumulate(gradients['bias']!, [...dSums, ...dSums])
    accumulate(
      gradients['w']!,
      dSums.flatMap((d) => row.map((v) => d * v)),
    )
    accumulate(
      gradients['r']!,
      dSums.flatMap((d) => before.map((v) => d * v)),
    )
    dh = times([dSums], r)[0]!
    dc = dNext.map((d, j) => d * forget[j]!)
  }
  return loss
}
