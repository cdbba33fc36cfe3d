import { Builder } from '../../compiler/core/builder.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { regionArgument } from '../../compiler/core/region.ts'
import { inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)
const matrix = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }

export interface LstmSizes {
  readonly steps: number
  readonly batch: number
  readonly inputs: number
  readonly hidden: number
}

/** The sum of squares of all outputs of an LSTM over x [steps, batch, inputs], as ONNX's operator is imported. */
export function lstm({ steps, batch, inputs, hidden }: LstmSizes) {
  const x = inputOf('x', 'f32', [steps, batch, inputs])
  const w = inputOf('w', 'f32', [inputs, 4 * hidden])
  const r = inputOf('r', 'f32', [hidden, 4 * hidden])
  const bias = inputOf('bias', 'f32', [4 * hidden])
  const start = inputOf('start', 'f32', [batch, hidden])
  const wx = b.map([b.dotGeneral(x, w, { ...matrix, lhsContract: [2] }), bias], (p, q) => f.add(p!, q!))
  const [h, c] = [regionArgument('f32', [batch, hidden]), regionArgument('f32', [batch, hidden])]
  const slice = regionArgument('f32', [batch, 4 * hidden])
  const gates = b.binary('add', slice, b.dotGeneral(h, r, matrix))
  const gate = (i: number): Value => b.sliceAxis(gates, 1, i * hidden, hidden)
  const nextC = b.map([gate(0), gate(1), gate(2), c], (i, o, g, before) =>
    f.add(f.mul(f.sigmoid(o!), before!), f.mul(f.sigmoid(i!), f.tanh(g!))),
  )
  const nextH = b.map([gate(3), nextC], (o, cell) => f.mul(f.sigmoid(o!), f.tanh(cell!)))
  const { stacked } = b.while({
    trips: steps,
    iteration: regionArgument('i32', []),
    carried: [
      { initial: start, argument: h, next: nextH },
      { initial: start, argument: c, next: nextC },
    ],
    scanInputs: [{ axis: 0, reverse: false, value: wx, argument: slice }],
    scanOutputs: [{ axis: 0, reverse: false, slice: nextH }],
  })
  const loss = b.reduce('add', b.binary('mul', stacked[0]!, stacked[0]!), [0, 1, 2])
  return { loss, inputs: [x, w, r, bias, start], parameters: [w, r, bias] }
}
