import { describe, expect, it } from 'vitest'
import { CostCounter, couplings } from '../../compiler/compress/prune/index.ts'
import { prunableModel } from '../../compiler/compress/prune/prunable.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { importModel } from '../../compiler/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { startingGraph, weightsOf } from '../../compiler/train/index.ts'
import { model, node, stored, type AttributeValue } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { expectClose, randomTensor, runModule } from '../support/run-graph.ts'
import { bothWays, outputsOf } from './models.ts'

const random = new Random(3)
const floats = (shape: number[]) =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => random.float() - 0.5),
  )

const units = 6
const width = 3

/** A recurrent layer over `steps`, the mean of its outputs and its last state, and a layer behind these. */
function network(
  operator: 'LSTM' | 'GRU',
  steps: number,
  directions: 1 | 2,
  more: Record<string, AttributeValue> = {},
) {
  const gates = operator === 'LSTM' ? 4 : 3
  const all = directions * units
  return model({
    inputs: [`x f32[${steps},1,${width}]`],
    outputs: ['y f32[1,2]', 'z f32[1,2]'],
    nodes: [
      node(`h, last = ${operator}(x, w, r, b)`, {
        name: 'cell',
        attributes: { hidden_size: units, direction: directions === 2 ? 'bidirectional' : 'forward', ...more },
      }),
      node('t = Transpose(h)', { attributes: { perm: [0, 2, 1, 3] } }),
      node('s = ReduceSum(t, first)', { attributes: { keepdims: 0 } }),
      'a = Reshape(s, flat)',
      'y = MatMul(a, v)',
      node('l = Transpose(last)', { attributes: { perm: [1, 0, 2] } }),
      'c = Reshape(l, flat)',
      'z = MatMul(c, u)',
    ],
    initializers: [
      ...[
        stored('w', floats([directions, gates * units, width])),
        stored('r', floats([directions, gates * units, units])),
      ],
      ...[
        stored('b', floats([directions, 2 * gates * units])),
        stored('v', floats([all, 2])),
        stored('u', floats([all, 2])),
      ],
      ...[stored('first', tensorOf('i64', [1], [0n])), stored('flat', tensorOf('i64', [2], [1n, BigInt(all)]))],
    ],
  })
}

describe('units of recurrent layers go with all of their gates', () => {
  it.each<[string, Uint8Array]>([
    ['lstm', network('LSTM', 20, 1)],
    ['lstm of few steps', network('LSTM', 2, 1)],
    ['lstm both ways', network('LSTM', 20, 2)],
    ['gru', network('GRU', 20, 1)],
    ['gru that resets last', network('GRU', 20, 2, { linear_before_reset: 1 })],
  ])('%s', async (_name, bytes) => {
    const imported = importModel(bytes)
    const { graph } = imported
    const { found, groups, masked, removed } = bothWays(
      prunableModel(graph, weightsOf(imported)),
      () => random.float() < 0.5,
    )
    // Those of both directions stand in one axis.
    expect(found.groups).toHaveLength(units)
    expect(groups.length).toBeGreaterThan(0)
    const inputs = Object.fromEntries(
      graph.inputs.map((port) => [port.name, randomTensor(random, port.value.type.dtype, port.value.type.shape)]),
    )
    expect(outputsOf(removed, inputs)).toEqual(outputsOf(masked, inputs))
    const count = new CostCounter(found, masked.parameters).without(groups)
    expect(count.params).toBe(removed.parameters.reduce((sum, { start }) => sum + start.data.length, 0))
    expect(new CostCounter(couplings(removed), removed.parameters).costs.macs).toBe(count.macs)
    const modules = await Promise.all(
      [masked, removed].map((each) => compileGraph(startingGraph(each).graph, { targets: ['simd'] })),
    )
    const [expected, actual] = modules.map(({ modules, spec }) => runModule(modules.simd!, spec, inputs))
    for (const [output, value] of Object.entries(expected!)) expectClose(actual![output]!, value, 1e-5)
  })

  it('a state that stays between runs keeps its units', () => {
    const bytes = model({
      inputs: ['x f32[20,1,3]', `h f32[1,1,${units}]`],
      outputs: ['y f32[1,2]', `hn f32[1,1,${units}]`],
      nodes: [
        node('all, hn = GRU(x, w, r, , , h)', { attributes: { hidden_size: units } }),
        'a = Reshape(hn, flat)',
        'y = MatMul(a, v)',
      ],
      initializers: [
        ...[
          stored('w', floats([1, 3 * units, 3])),
          stored('r', floats([1, 3 * units, units])),
          stored('v', floats([units, 2])),
        ],
        stored('flat', tensorOf('i64', [2], [1n, BigInt(units)])),
      ],
    })
    const imported = importModel(bytes)
    expect(couplings(prunableModel(imported.graph, weightsOf(imported))).groups).toEqual([])
  })
})
