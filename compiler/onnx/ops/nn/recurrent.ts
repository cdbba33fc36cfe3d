import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { lowerRecurrent, part, project, type Direction, type Products, type Step } from '../../shared/nn/recurrent.ts'

/** h' = f(x + R h). */
export const rnn: Operator = {
  lower: (c) =>
    lowerRecurrent(c, {
      gates: 1,
      activations: ['Tanh'],
      states: [5],
      ownBias: 0,
      start: ({ b, weights, activations: [activation] }) => {
        return (input, [h]) => [b.map([input(0), project(b, h!, weights)], (x, r) => activation!(f.add(x, r)))]
      },
    }),
}

/** Gates z, r, h. h' = (1 - z) g(…) + z h, where g's argument holds R (r h), or r (R h + bias) with linear_before_reset. */
export const gru: Operator = {
  lower: (c) => {
    const resetLast = c.int('linear_before_reset', 0) !== 0
    const start = ({ b, hidden, weights, bias, activations: [gate, candidate] }: Direction): Step => {
      const next = (z: Value, own: Value, h: Value): Value =>
        b.map([z, own, h], (u, n, old) => f.add(f.mul(f.sub(1, u), n), f.mul(u, old)))
      const gated = (x: Value, r: Value): Value => b.map([x, r], (p, q) => gate!(f.add(p, q)))
      if (resetLast) {
        const ownBias = bias && part(b, bias, 2, 3)
        return (input, [h]) => {
          const products = project(b, h!, weights)
          const reset = gated(input(1), part(b, products, 1, 3))
          const recurrent = part(b, products, 2, 3)
          const biased = ownBias ? b.binary('add', recurrent, ownBias) : recurrent
          const own = b.map([input(2), reset, biased], (x, r, p) => candidate!(f.add(x, f.mul(r, p))))
          return [next(gated(input(0), part(b, products, 0, 3)), own, h!)]
        }
      }
      const gateWeights = b.sliceAxis(weights, 0, 0, 2 * hidden)
      const ownWeights = b.sliceAxis(weights, 0, 2 * hidden, hidden)
      return (input, [h]) => {
        const products = project(b, h!, gateWeights)
        const reset = b.binary('mul', gated(input(1), part(b, products, 1, 2)), h!)
        const own = b.map([input(2), project(b, reset, ownWeights)], (x, p) => candidate!(f.add(x, p)))
        return [next(gated(input(0), part(b, products, 0, 2)), own, h!)]
      }
    }
    const ownBias = resetLast ? 1 : 0
    return lowerRecurrent(c, { gates: 3, activations: ['Sigmoid', 'Tanh'], states: [5], ownBias, start })
  },
}

/** Gates i, o, f, c; peepholes i, o, f. With input_forget the forget gate is 1 - i. */
export function lowerLstm(c: OpContext, products?: Products): Value[] {
  const coupled = c.int('input_forget', 0) !== 0
  const start = ({ b, project, peepholes, activations: [gate, candidate, output] }: Direction): Step => {
    const peep = (i: number): Value[] => (peepholes ? [part(b, peepholes, i, 3)] : [])
    return (input, [h, memory]) => {
      const shares = project(h!)
      const sums = [0, 1, 2, 3].map((i) => b.binary('add', input(i), part(b, shares, i, 4)))
      const cell = b.map(
        [memory!, sums[0]!, sums[2]!, sums[3]!, ...peep(0), ...peep(2)],
        (old, i, forget, own, peepI, peepF) => {
          const inputGate = gate!(peepI ? f.add(i, f.mul(peepI, old)) : i)
          const forgetGate = coupled ? f.sub(1, inputGate) : gate!(peepF ? f.add(forget, f.mul(peepF, old)) : forget)
          return f.add(f.mul(forgetGate, old), f.mul(inputGate, candidate!(own)))
        },
      )
      const result = b.map([cell, sums[1]!, ...peep(1)], (m, o, peepO) =>
        f.mul(gate!(peepO ? f.add(o, f.mul(peepO, m)) : o), output!(m)),
      )
      return [result, cell]
    }
  }
  const activations = ['Sigmoid', 'Tanh', 'Tanh']
  return lowerRecurrent(c, { gates: 4, activations, states: [5, 6], ownBias: 0, start, ...(products && { products }) })
}

export const lstm: Operator = { lower: (c) => lowerLstm(c) }
