import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../compiler/core/evaluate.ts'
import { nodesOf, type Graph } from '../../../compiler/core/graph.ts'
import { scalarTensor, tensorOf, toNumbers, type Tensor } from '../../../compiler/core/tensor.ts'
import { verify } from '../../../compiler/core/verify.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { compileGraph } from '../../../compiler/pipeline.ts'
import { expectClose, runModule } from '../../support/run-graph.ts'
import { graph, model, node, stored, type GraphText } from '../build.ts'

/** The model's graph, and its outputs under evaluator and module alike. */
async function run(text: GraphText, inputs: Record<string, Tensor>): Promise<{ graph: Graph; results: number[][] }> {
  const { graph } = importModel(model(text))
  verify(graph)
  const expected = evaluate(graph, inputs)
  const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
  const actual = runModule(modules.simd!, spec, inputs)
  for (const [name, value] of Object.entries(expected)) expectClose(actual[name]!, value, 1e-5)
  return { graph, results: graph.outputs.map(({ name }) => toNumbers(expected[name]!)) }
}

const loops = (graph: Graph): number => nodesOf(graph).filter(({ op }) => op === 'while' || op === 'if').length
const i64 = (value: number): Tensor => scalarTensor('i64', value)

describe('Loop', () => {
  it('runs where it would be long', async () => {
    const body = graph({
      inputs: ['i', 'c', 's f32[2]'],
      outputs: ['c', 't', 'square'],
      nodes: ['t = Add(s, x)', 'square = Mul(t, t)'],
    })
    const text: GraphText = {
      inputs: ['x f32[2]'],
      outputs: ['s', 'squares'],
      nodes: [node('s, squares = Loop(n, , x)', { attributes: { body: { graph: body } } })],
      initializers: [stored('n', i64(500))],
    }
    const { graph: compiled, results } = await run(text, { x: tensorOf('f32', [2], [1, -2]) })
    expect(loops(compiled)).toBe(1)
    expect(results[0]).toEqual([501, -1002])
    expect(results[1]!.slice(-2)).toEqual([501 ** 2, 1002 ** 2])
  })

  it('takes trip count and condition as they come', async () => {
    // s doubles, while it is below a limit.
    const body = graph({
      inputs: ['i', 'c', 's'],
      outputs: ['more', 't'],
      nodes: ['t = Add(s, s)', 'more = Less(t, limit)'],
    })
    const text: GraphText = {
      inputs: ['n i64[]', 'go bool[]', 'x f32[1]', 'limit f32[1]'],
      outputs: ['s'],
      nodes: [node('s = Loop(n, go, x)', { attributes: { body: { graph: body } } })],
    }
    const at = async (n: number, go: number, limit: number): Promise<number> => {
      const inputs = {
        n: i64(n),
        go: scalarTensor('bool', go),
        x: tensorOf('f32', [1], [1]),
        limit: tensorOf('f32', [1], [limit]),
      }
      return (await run(text, inputs)).results[0]![0]!
    }
    expect(await at(100, 1, 50)).toBe(64)
    expect(await at(3, 1, 50)).toBe(8)
    expect(await at(0, 1, 50)).toBe(1)
    expect(await at(100, 0, 50)).toBe(1)
  })

  it('is unrolled where its body must know the iteration', async () => {
    const body = graph({
      inputs: ['i', 'c', 's f32[3]'],
      outputs: ['c', 't'],
      nodes: [
        'from = Unsqueeze(i, zero)',
        'to = Add(from, one)',
        'part = Slice(x, from, to)',
        't = Add(s, part)',
        ...Array.from({ length: 40 }, (_, k) => `u${k} = Neg(t)`),
      ],
    })
    const text: GraphText = {
      inputs: ['x f32[4]'],
      outputs: ['s'],
      nodes: [node('s = Loop(n, , start)', { attributes: { body: { graph: body } } })],
      initializers: [
        stored('n', i64(4)),
        stored('zero', tensorOf('i64', [1], [0])),
        stored('one', tensorOf('i64', [1], [1])),
        stored('start', tensorOf('f32', [3], [0, 1, 2])),
      ],
    }
    const { graph: compiled, results } = await run(text, { x: tensorOf('f32', [4], [1, 2, 3, 4]) })
    expect(loops(compiled)).toBe(0)
    expect(results).toEqual([[10, 11, 12]])
  })
})

describe('Scan', () => {
  it('runs where it would be long, within another too', async () => {
    const inner = graph({
      inputs: ['s', 'x'],
      outputs: ['t', 't'],
      nodes: ['scaled = Mul(x, k)', 't = Add(s, scaled)'],
    })
    const outer = graph({
      inputs: ['k', 'row f32[50]'],
      outputs: ['next', 'sums'],
      nodes: [
        node('last, sums = Scan(zero, row)', { attributes: { body: { graph: inner }, num_scan_inputs: 1 } }),
        'next = Add(k, one)',
      ],
      initializers: [stored('zero', scalarTensor('f32', 0)), stored('one', scalarTensor('f32', 1))],
    })
    const text: GraphText = {
      inputs: ['k0 f32[]', 'x f32[50,60]'],
      outputs: ['k', 'y'],
      nodes: [
        node('k, y = Scan(k0, x)', {
          attributes: {
            body: { graph: outer },
            num_scan_inputs: 1,
            scan_input_axes: [1],
            scan_output_axes: [1],
            scan_input_directions: [1],
          },
        }),
      ],
    }
    const ones = tensorOf('f32', [50, 60], new Array<number>(3000).fill(1))
    const { graph: compiled, results } = await run(text, { k0: scalarTensor('f32', 2), x: ones })
    expect(loops(compiled)).toBe(1)
    expect(results[0]).toEqual([62])
    expect(results[1]!.slice(0, 60)).toEqual(Array.from({ length: 60 }, (_, i) => 2 + i))
    expect(results[1]!.slice(-60)).toEqual(Array.from({ length: 60 }, (_, i) => 50 * (2 + i)))
  })
})

describe('If', () => {
  it('computes one branch where the other is not cheap', async () => {
    const branch = (...nodes: string[]) => ({ graph: graph({ outputs: ['r', 'shared'], nodes }) })
    const text: GraphText = {
      inputs: ['c bool[1]', 'x f32[40,40]'],
      outputs: ['y', 'z'],
      nodes: [
        'shared = Relu(x)',
        node('y, z = If(c)', {
          attributes: {
            then_branch: branch('p = MatMul(shared, x)', 'r = MatMul(p, x)'),
            else_branch: branch('r = Neg(shared)'),
          },
        }),
      ],
    }
    const x = tensorOf(
      'f32',
      [40, 40],
      Array.from({ length: 1600 }, (_, i) => (i % 41 === 0 ? 2 : 0)),
    )
    for (const c of [0, 1]) {
      const { graph: compiled, results } = await run(text, { c: tensorOf('bool', [1], [c]), x })
      expect(loops(compiled)).toBe(1)
      expect(results[0]!.slice(0, 2)).toEqual([c ? 8 : -2, c ? 0 : -0])
      expect(results[1]!.slice(0, 2)).toEqual([2, 0])
    }
  })
})
