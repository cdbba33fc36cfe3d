/** Layers over sequences, rows of numbers, in plain f64 code that shares nothing with the compiler. */
import { product, type Parameters } from './by-hand.ts'
import { range } from './matrices.ts'

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

export const meanOf = (rows: number[][]): number[] =>
  rows[0]!.map((_, c) => rows.reduce((sum, row) => sum + row[c]!, 0) / rows.length)

/** Gates in the order input, forget, cell, output; 1 is added to the forget gate's argument. */
export function lstmByHand(rows: number[][], p: Parameters, name: string, units: number): number[][] {
  let [h, memory] = [new Array<number>(units).fill(0), new Array<number>(units).fill(0)]
  return rows.map((row) => {
    const [x] = product([row], p[`${name}.weight`]!, p[`${name}.bias`])
    const [r] = product([h], p[`${name}.recurrentWeight`]!)
    const gate = (k: number, u: number): number => x![k * units + u]! + r![k * units + u]!
    memory = range(units).map((u) => {
      return sigmoid(gate(1, u) + 1) * memory[u]! + sigmoid(gate(0, u)) * Math.tanh(gate(2, u))
    })
    h = range(units).map((u) => sigmoid(gate(3, u)) * Math.tanh(memory[u]!))
    return h
  })
}

/** PyTorch's formulas: gates in the order reset, update, new. */
export function gruByHand(rows: number[][], p: Parameters, name: string, units: number): number[][] {
  let h = new Array<number>(units).fill(0)
  return rows.map((row) => {
    const [x] = product([row], p[`${name}.weight`]!, p[`${name}.bias`])
    const [r] = product([h], p[`${name}.recurrentWeight`]!)
    h = range(units).map((u) => {
      const reset = sigmoid(x![u]! + r![u]!)
      const update = sigmoid(x![units + u]! + r![units + u]!)
      const own = Math.tanh(x![2 * units + u]! + reset * (r![2 * units + u]! + p[`${name}.recurrentBias`]![u]!))
      return (1 - update) * own + update * h[u]!
    })
    return h
  })
}

export function attentionByHand(rows: number[][], p: Parameters, name: string, heads: number): number[][] {
  const of = (role: string): number[][] => product(rows, p[`${name}.${role}Weight`]!, p[`${name}.${role}Bias`])
  const [query, key, value] = [of('query'), of('key'), of('value')] as const
  const each = rows[0]!.length / heads
  const heard = rows.map((_, at) =>
    range(heads).flatMap((head) => {
      const part = (row: readonly number[]): number[] => row.slice(head * each, (head + 1) * each)
      const scores = key.map((k) => {
        const [a, b] = [part(query[at]!), part(k)]
        return Math.exp(a.reduce((sum, v, i) => sum + v * b[i]!, 0) / Math.sqrt(each))
      })
      const total = scores.reduce((a, b) => a + b, 0)
      return range(each).map((c) => scores.reduce((sum, s, i) => sum + (s / total) * part(value[i]!)[c]!, 0))
    }),
  )
  return product(heard, p[`${name}.outputWeight`]!, p[`${name}.outputBias`])
}
