import { fail } from '../../../core/diagnostics/diagnostic.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { Value } from '../../../core/graph.ts'
import { regionArgument } from '../../../core/region.ts'
import type { Builder } from '../../../core/builder.ts'
import type { Layer, NetworkContext } from '../context.ts'
import { checkArguments, checkOptions, count, flag, initializer } from '../options.ts'
import type { Initializer } from '../initializers.ts'

export interface RecurrentOptions {
  /** Give the state after every step, [1, n, units], not only that after the last one, [1, units]. */
  readonly sequence?: boolean | undefined
  readonly initializer?: Initializer | undefined
}

/** From the input's share of the gates [1, gates · units] and the states [1, units] to the next states; the first is the output. */
type Step = (b: Builder, share: Value, states: readonly Value[]) => readonly Value[]

interface Cell {
  readonly gates: number
  readonly states: number
  readonly units: number
  readonly start: (network: NetworkContext) => Step
}

/** Part i of the last axis, `size` long. */
const part = (b: Builder, x: Value, i: number, size: number): Value => b.slice(x, [0, i * size], [1, size])

const product = (b: Builder, x: Value, w: Value): Value =>
  b.dotGeneral(x, w, { lhsBatch: [], rhsBatch: [], lhsContract: [x.type.shape.length - 1], rhsContract: [0] })

const one = { inputs: 1, outputs: 1 }

const checks = { sequence: flag, initializer }

function recurrent(network: NetworkContext, x: Value, kind: string, cell: Cell, options: RecurrentOptions): Value {
  const { units, gates } = cell
  const { initializer = 'glorot-uniform', sequence = false } = options
  const { dtype, shape } = x.type
  if (shape.length !== 3)
    fail('A702', `${kind}: its input is ${dtype}[${shape.join(',')}]; it takes a sequence, [1,n,size]`)
  const [, length, size] = shape as [number, number, number]
  const fan = { inputs: size, outputs: units }
  const weight = network.parameter('weight', [size, gates * units], initializer, fan, true)
  const bias = network.parameter('bias', [gates * units], 'zeros', one, false)
  const step = cell.start(network)
  const { b } = network
  // All steps at once: only the product with the state has to wait for the step before.
  const shares = b.binary('add', product(b, x, weight), bias)
  const share = regionArgument('f32', [1, gates * units])
  const before = Array.from({ length: cell.states }, () => regionArgument('f32', [1, units]))
  const after = step(b, share, before)
  const initial = b.full(0, 'f32', [1, units])
  const { carried, stacked } = b.while({
    trips: length,
    iteration: regionArgument('i32', []),
    carried: before.map((argument, i) => ({ initial, argument, next: after[i]! })),
    scanInputs: [{ value: shares, argument: share, axis: 1, reverse: false }],
    scanOutputs: sequence ? [{ slice: after[0]!, axis: 1, reverse: false }] : [],
  })
  return sequence ? stacked[0]! : carried[0]!
}

/**
 * Long short-term memory (Hochreiter & Schmidhuber, 1997; gates of Gers et al., 2000): f32[1, n, size] to [1, units]. 1 is added to
 * what the forget gate takes, so that a new network remembers (Jozefowicz et al., 2015). Gates stand in the order input, forget,
 * cell, output.
 */
export function lstm(units: number, options: RecurrentOptions = {}): Layer {
  checkArguments('lstm', { units }, { units: count })
  checkOptions('lstm', options, checks)
  return {
    kind: 'lstm',
    build: (network, x) => {
      const start = (): Step => {
        const own = recurrentWeight(network, units, 4, options)
        return (b, share, [h, memory]) => {
          const sums = b.binary('add', share, product(b, h!, own))
          const gate = [0, 1, 2, 3].map((i) => part(b, sums, i, units))
          const cell = b.map([gate[0]!, gate[1]!, gate[2]!, memory!], (i, forget, c, m) =>
            f.add(f.mul(f.sigmoid(f.add(forget, 1)), m), f.mul(f.sigmoid(i), f.tanh(c))),
          )
          return [b.map([gate[3]!, cell], (o, c) => f.mul(f.sigmoid(o), f.tanh(c))), cell]
        }
      }
      return recurrent(network, x, 'lstm', { gates: 4, states: 2, units, start }, options)
    },
  }
}

/**
 * Gated recurrent unit (Cho et al., 2014), whose reset gate acts behind the product as in PyTorch and cuDNN: f32[1, n, size] to [1, units].
 * h' = (1 − z) n + z h with n = tanh(W x + r (R h + bias)). Gates stand in the order reset, update, new.
 */
export function gru(units: number, options: RecurrentOptions = {}): Layer {
  checkArguments('gru', { units }, { units: count })
  checkOptions('gru', options, checks)
  return {
    kind: 'gru',
    build: (network, x) => {
      const start = (): Step => {
        const own = recurrentWeight(network, units, 3, options)
        const ownBias = network.parameter('recurrentBias', [units], 'zeros', one, false)
        return (b, share, [h]) => {
          const products = product(b, h!, own)
          const gates = [0, 1].map((i) =>
            b.map([part(b, share, i, units), part(b, products, i, units)], (x, r) => f.sigmoid(f.add(x, r))),
          )
          const operands = [part(b, share, 2, units), part(b, products, 2, units), ownBias, gates[0]!, gates[1]!, h!]
          const next = b.map(operands, (x, p, bias, reset, update, old) =>
            f.add(f.mul(f.sub(1, update), f.tanh(f.add(x, f.mul(reset, f.add(p, bias))))), f.mul(update, old)),
          )
          return [next]
        }
      }
      return recurrent(network, x, 'gru', { gates: 3, states: 1, units, start }, options)
    },
  }
}

const recurrentWeight = (
  network: NetworkContext,
  units: number,
  gates: number,
  { initializer = 'glorot-uniform' }: RecurrentOptions,
): Value =>
  network.parameter('recurrentWeight', [units, gates * units], initializer, { inputs: units, outputs: units }, true)
