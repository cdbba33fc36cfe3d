import { expect, it } from 'vitest'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import {
  dense,
  embedding,
  globalAveragePool,
  gru,
  lstm,
  relu,
  residual,
  selfAttention,
  sequential,
  trainableNetwork,
  type Layer,
} from '../../compiler/train/network/index.ts'

/** What a new network says of ids, of which it has so many; parameters are the same for all lengths. */
function scores(layers: readonly Layer[], ids: readonly number[], dtype: 'i32' | 'i64' = 'i32'): number[] {
  const { graph, parameters } = trainableNetwork(sequential(layers), {
    ...{ input: { dtype, shape: [ids.length] }, activation: undefined, seed: 3 },
  })
  const values = dtype === 'i64' ? ids.map(BigInt) : ids
  const given = Object.fromEntries(parameters.map(({ name, start }) => [name, start]))
  return toNumbers(evaluate(graph, { ...given, input: tensorOf(dtype, [1, ids.length], values) })['output']!)
}

const table = () => embedding(9, 4, { padding: 2, initializer: 'glorot-uniform' })

it.each<[string, Layer[]]>([
  ['gru', [gru(3)]],
  ['lstm', [lstm(3)]],
  ['lstm of every step', [lstm(3, { sequence: true }), gru(2)]],
  ['selfAttention', [residual([selfAttention({ heads: 2 })]), gru(3)]],
  ['globalAveragePool', [globalAveragePool()]],
  ['globalAveragePool behind others', [dense(3), relu(), globalAveragePool()]],
])('%s says the same of ids with padding at either end as of them alone', (_, layers) => {
  const all = [table(), ...layers, dense(2)]
  const alone = scores(all, [5, 1, 7])
  expect(alone.every((x) => x !== 0)).toBe(true)
  for (const ids of [
    [5, 1, 7, 2, 2, 2, 2],
    [2, 2, 5, 1, 7],
  ]) {
    scores(all, ids).forEach((x, i) => expect(x).toBeCloseTo(alone[i]!, 6))
    expect(scores(all, ids, 'i64')).toEqual(scores(all, ids))
    const blind = scores([embedding(9, 4, { initializer: 'glorot-uniform' }), ...layers, dense(2)], ids)
    expect(Math.abs(blind[0]! - alone[0]!)).toBeGreaterThan(1e-4)
  }
  expect(scores(all, [2, 2, 2]).every(Number.isFinite)).toBe(true)
})

it('refuses padding that has no row, or that no layer leaves out', () => {
  expect(() => embedding(9, 4, { padding: 9 })).toThrow(/A702[^]*padding is 9, and the table has 9 rows/)
  expect(() => embedding(9, 4, { padding: -1 })).toThrow(/A702[^]*padding is -1, not a whole number from 0/)
  expect(() => scores([table(), dense(2)], [1, 2])).toThrow(/A702[^]*padding has no effect[^]*globalAveragePool/)
})
