import { expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { Port, Value } from '../../compiler/core/graph.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { planMemory } from '../../compiler/schedule/memory/plan.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import { inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)
const contraction = { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] }
const layers = 6
const [rows, width] = [256, 64]

/** One step of gradient descent with momentum for a chain of layers; `order` gives the outputs' order by layer. */
function step(order: (layers: readonly number[]) => readonly number[]) {
  const x = inputOf('x', 'f32', [rows, width])
  const weights = Array.from({ length: layers }, (_, i) => inputOf(`w${i}`, 'f32', [width, width]))
  const moments = weights.map((w, i) => inputOf(`m${i}`, 'f32', w.type.shape))
  const y = weights.reduce<Value>((h, w) => b.unary('tanh', b.dotGeneral(h, w, contraction)), x)
  const loss = b.reduce('add', b.binary('mul', y, y), [0, 1])
  const slopes = gradients(loss, weights)
  const updates = order(weights.map((_, i) => i)).flatMap((i): Port[] => {
    const moment = b.binary('add', b.binary('mul', moments[i]!, b.scalar(0.9, 'f32')), slopes[i]!)
    const next = b.binary('sub', weights[i]!, b.binary('mul', moment, b.scalar(0.1, 'f32')))
    return [
      { name: `m${i}'`, value: moment },
      { name: `w${i}'`, value: next },
    ]
  })
  const kept = [...weights, ...moments]
  const name = (v: Value): string => (v.node.op === 'input' ? v.node.attrs.name : '')
  const graph = {
    inputs: [x, ...kept].map((value) => ({ name: name(value), value })),
    outputs: [...updates, { name: 'loss', value: loss }],
  }
  const states = kept.map((v) => ({ input: name(v), next: `${name(v)}'` }))
  const program = schedule(runPasses(graph), states)
  return { program, plan: planMemory(program) }
}

it('updates the last layers first, whatever the order of the outputs, and in place', () => {
  const [forward, back] = [step((l) => l), step((l) => l.toReversed())]
  expect(forward.plan.arenaBytes).toBe(back.plan.arenaBytes)
  // What each layer leaves for the way back, a gradient or two, packed weights and one sum of each layer's.
  const activation = rows * width * 4
  expect(forward.plan.arenaBytes).toBeLessThanOrEqual((layers + 4) * activation)
  const pinned = new Set(forward.program.states.map(({ buffer }) => buffer))
  const nests = forward.program.kernels.filter((k) => k.kind === 'nest')
  // A moment and a weight of each layer, and no copy of either.
  expect(nests.filter((k) => pinned.has(k.write.buffer))).toHaveLength(2 * layers)
  expect(nests.filter((k) => pinned.has(k.write.buffer) && k.body.kind === 'arg')).toEqual([])
})
