import { expect } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { isFloat, type TypedArray } from '../../compiler/core/scalar/dtype.ts'
import { evaluateValues } from '../../compiler/core/evaluate.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import { verify } from '../../compiler/core/verify.ts'
import { elementCount, type Shape } from '../../compiler/core/shape.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import type { Random } from './random.ts'
import { inDoubles } from './retype.ts'
import { graphOf, randomTensor } from './run-graph.ts'

const b = new Builder(undefined)

/** The floats among the values, of one type, each element times a number of its own, all in one sum: no two cotangents are alike. */
export function weightedSum(values: readonly Value[], random: Random): Value {
  const sums = values
    .filter((v) => isFloat(v.type.dtype))
    .map((v) => {
      const weights = tensorOf(v.type.dtype, v.type.shape, numbers(random, v.type.shape))
      const scaled = b.binary('mul', v, b.constant(weights))
      return b.reduce(
        'add',
        scaled,
        v.type.shape.map((_, i) => i),
      )
    })
  return sums.reduce((sum, v) => b.binary('add', sum, v), b.scalar(0, sums[0]?.type.dtype ?? 'f32'))
}

const numbers = (random: Random, shape: Shape): number[] =>
  Array.from({ length: elementCount(shape) }, () => random.float() * 2 - 1)

export interface Differences {
  /** What inputs hold; random numbers between −2 and 2 unless given. */
  readonly inputs?: Readonly<Record<string, (random: Random) => number>>
  /** Elements of each input that are looked at; which ones is drawn. */
  readonly most?: number
  /** Share of them that must not be at a kink. */
  readonly smooth?: number
}

const step = 2 ** -17

/**
 * Expects the gradients of the graph's outputs by its float inputs to be central differences in f64, element by element. Those
 * where the differences to both sides are unlike (kinks, ties) are left out; most must not be.
 */
export function expectGradients(
  graph: Graph,
  random: Random,
  { inputs = {}, most = 40, smooth: least = 0.8 }: Differences = {},
): void {
  const doubles = inDoubles(graph)
  const loss = weightedSum(
    doubles.outputs.map((port) => port.value),
    random,
  )
  const wrt = doubles.inputs.filter(({ value }) => isFloat(value.type.dtype))
  const found = gradients(
    loss,
    wrt.map(({ value }) => value),
  )
  verify({ inputs: doubles.inputs, outputs: graphOf([], [loss, ...found]).outputs })
  const known = new Map<Value, Tensor>(
    doubles.inputs.map(({ name, value: { type }, value }) => {
      const own = inputs[name]
      const drawn = own && Array.from({ length: elementCount(type.shape) }, () => own(random))
      return [value, drawn ? tensorOf(type.dtype, type.shape, drawn) : randomTensor(random, type.dtype, type.shape)]
    }),
  )
  const lossAt = (): number => Number(evaluateValues([loss], known)[0]!.data[0])
  const at = lossAt()
  expect(Number.isFinite(at)).toBe(true)
  const computed = evaluateValues(found, known)
  let [looked, smooth] = [0, 0]
  wrt.forEach(({ name, value }, k) => {
    const gradient = toNumbers(computed[k]!)
    const data = known.get(value)!.data as TypedArray & { [i: number]: number }
    const places =
      gradient.length <= most
        ? gradient.map((_, i) => i)
        : Array.from({ length: most }, () => random.int(gradient.length))
    for (const i of places) {
      const x = data[i]!
      data[i] = x + step
      const above = lossAt()
      data[i] = x - step
      const below = lossAt()
      data[i] = x
      const [right, left] = [(above - at) / step, (at - below) / step]
      looked++
      if (Math.abs(right - left) > 1e-2 * (1 + Math.abs(right) + Math.abs(left))) continue
      smooth++
      const difference = (above - below) / (2 * step)
      if (!(Math.abs(gradient[i]! - difference) <= 1e-6 * (1 + Math.abs(difference)))) {
        expect.fail(`d loss / d ${name}[${i}] is ${gradient[i]}, not ${difference}`)
      }
    }
  })
  expect(smooth).toBeGreaterThanOrEqual(least * looked)
}
