import { afterEach, describe, expect, it, vi } from 'vitest'
import { allowance, Budget, within } from '../../compiler/core/diagnostics/budget.ts'
import { Builder } from '../../compiler/core/builder.ts'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { constantOf, workOf } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { createNode } from '../../compiler/core/graph.ts'
import { ops, type OpName } from '../../compiler/core/ops/index.ts'
import { bytesOf, tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { compile } from '../../compiler/pipeline.ts'
import { graph, model, node, stored, type GraphText } from '../onnx/build.ts'

const list = <T>(length: number, of: (i: number) => T): T[] => Array.from({ length }, (_, i) => of(i))
const ints = (name: string, ...values: number[]) => stored(name, tensorOf('i64', [values.length], values))
const scalar = (name: string, value: number) => stored(name, tensorOf('i64', [], [value]))
const random = (name: string, shape: readonly number[], seed: number) =>
  node(`${name} = RandomNormal()`, { attributes: { shape, seed: { float: seed } } })

/** What the evaluator really does: operations and bytes of all results, whoever asks for them. */
function watch(): { operations: number; bytes: number } {
  const done = { operations: 0, bytes: 0 }
  for (const op of Object.keys(ops) as OpName[]) {
    if (op === 'constant' || op === 'input') continue
    const facets = ops[op] as { evaluate: (operands: readonly Tensor[], attrs: object, region: never) => Tensor[] }
    const { evaluate } = facets
    vi.spyOn(facets, 'evaluate').mockImplementation((operands, attrs, region) => {
      const results = evaluate(operands, attrs, region)
      // Beside the model's own budget.
      done.operations += within(new Budget(Infinity), () => {
        const values = operands.map((t) => new Builder(undefined).constant(t))
        return workOf(createNode(op, values, attrs as never, undefined) as never)
      })
      done.bytes += results.reduce((sum, t) => sum + bytesOf(t).length, 0)
      return results
    })
  }
  return done
}

afterEach(() => void vi.restoreAllMocks())

/** The size of the module, or the code of the diagnostic, and what evaluation took. */
async function outcome(text: GraphText) {
  const bytes = model(text)
  const done = watch()
  try {
    const { modules } = await compile(bytes, { targets: ['simd'] })
    return { size: bytes.length, module: modules.simd!.length, code: undefined, done }
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    return { size: bytes.length, module: 0, code: error.diagnostics[0]!.code, done, error }
  }
}

/** The amounts that both phases may take, for the file's size and that of a graph of as many nodes. */
function expectWithin(size: number, done: { operations: number; bytes: number }, nodes = 100): void {
  const [first, second] = [allowance(size), allowance(size + 64 * nodes)]
  expect(done.operations).toBeLessThanOrEqual(first.operations + second.operations)
  expect(done.bytes).toBeLessThanOrEqual(first.bytes + second.bytes)
}

const output = { outputs: ['y'] }
const withX = { inputs: ['x f32[1]'], ...output }

/** Each takes some ten bytes to ask for millions. */
const bombs: Readonly<Record<string, GraphText>> = {
  'Range of 400 million': {
    ...output,
    nodes: ['y = Range(a, b, c)'],
    initializers: [scalar('a', 0), scalar('b', 4e8), scalar('c', 1)],
  },
  'Range of 50 million': {
    ...output,
    nodes: ['y = Range(a, b, c)'],
    initializers: [scalar('a', 0), scalar('b', 5e7), scalar('c', 1)],
  },
  'NonZero of 200 million': { inputs: ['x f32[20000,10000]'], ...output, nodes: ['y = NonZero(x)'] },
  'a window of 500 million': { ...output, nodes: ['y = BlackmanWindow(s)'], initializers: [scalar('s', 5e8)] },
  'a window of 30 million': { ...output, nodes: ['y = HannWindow(s)'], initializers: [scalar('s', 3e7)] },
  'EyeLike of 1.6 billion': { inputs: ['x f32[40000,40000]'], ...output, nodes: ['y = EyeLike(x)'] },
  'ConstantOfShape of 4 GiB': { ...output, nodes: ['y = ConstantOfShape(s)'], initializers: [ints('s', 2 ** 30)] },
  'Expand to a billion': {
    ...withX,
    nodes: ['y = Expand(x, s)'],
    initializers: [ints('s', 1e9)],
  },
  'Tile to 2^31': { ...withX, nodes: ['y = Tile(x, s)'], initializers: [ints('s', 2 ** 31 - 1)] },
  'random numbers, 40 times 16 million': {
    ...withX,
    nodes: [
      ...list(40, (i) => [random(`c${i}`, [1 << 24], i), node(`r${i} = ReduceMax(c${i})`)]).flat(),
      node(`y = Sum(x, ${list(40, (i) => `r${i}`).join()})`),
    ],
  },
  'random numbers, each few enough, 100 times': {
    ...withX,
    nodes: [
      ...list(100, (i) => [random(`c${i}`, [1 << 17], i), node(`r${i} = ReduceMax(c${i})`)]).flat(),
      node(`y = Sum(x, ${list(100, (i) => `r${i}`).join()})`),
    ],
  },
  'products of constants, each small enough': {
    ...withX,
    nodes: [
      random('a', [200, 200], 1),
      ...list(60, (i) => node(`m${i} = MatMul(${i ? `m${i - 1}` : 'a'}, a)`)),
      node('r = ReduceMax(m59)'),
      node('y = Add(x, r)'),
    ],
  },
  'Einsum of constants': {
    ...withX,
    nodes: [
      random('a', [160, 160], 1),
      ...list(60, (i) =>
        node(`m${i} = Einsum(${i ? `m${i - 1}` : 'a'}, a)`, { attributes: { equation: 'ij,jk->ik' } }),
      ),
      node('r = ReduceMax(m59)'),
      node('y = Add(x, r)'),
    ],
  },
  'sorting constants': {
    ...withX,
    nodes: [
      random('a', [200_000], 1),
      ...list(60, (i) => node(`m${i}, i${i} = TopK(${i ? `m${i - 1}` : 'a'}, k)`)),
      node('r = ReduceMax(m59)'),
      node('y = Add(x, r)'),
    ],
    initializers: [ints('k', 200_000)],
  },
  'growing constants': {
    ...withX,
    nodes: [
      random('c0', [1 << 12], 1),
      ...list(13, (i) => node(`c${i + 1} = Concat(c${i}, c${i})`, { attributes: { axis: 0 } })),
      node('r = ReduceMax(c13)'),
      node('y = Add(x, r)'),
    ],
  },
  'an enlarged constant picture': {
    ...withX,
    nodes: [
      random('a', [1, 1, 64, 64], 1),
      node('p = Resize(a, , s)', { attributes: { mode: 'cubic' } }),
      node('r = ReduceMax(p)'),
      node('y = Add(x, r)'),
    ],
    initializers: [stored('s', tensorOf('f32', [4], [1, 1, 64, 64]))],
  },
  'a loop of constants': {
    ...withX,
    nodes: [
      node('z = Loop(n, , zero)', {
        attributes: {
          body: {
            graph: graph({
              inputs: ['i i64[]', 'c bool[]', 'a f32[1]'],
              outputs: ['c', 'b'],
              nodes: ['b = Add(a, one)'],
            }),
          },
        },
      }),
      'y = Add(x, z)',
    ],
    initializers: [
      scalar('n', 2 ** 40),
      stored('zero', tensorOf('f32', [1], [0])),
      stored('one', tensorOf('f32', [1], [1])),
    ],
  },
  'a sequence of 200 million parts': {
    inputs: ['x f32[200000000]'],
    ...output,
    nodes: [node('s = SplitToSequence(x)'), 'y = SequenceAt(s, i)'],
    initializers: [scalar('i', 5)],
  },
  'a sequence of 8 million parts': {
    inputs: ['x f32[8000000]'],
    ...output,
    nodes: [node('s = SplitToSequence(x)'), 'y = SequenceAt(s, i)'],
    initializers: [scalar('i', 5)],
  },
  'an input of 2^31 elements': { inputs: ['x f32[2147483648]'], ...output, nodes: ['y = Relu(x)'] },
}

describe('what a few bytes can ask for', () => {
  it.each(Object.entries(bombs))('%s', async (_, text) => {
    const { size, module, code, done } = await outcome(text)
    expect(size).toBeLessThan(12_000)
    expectWithin(size, done, 1000)
    if (code === undefined) expect(module).toBeLessThan(2 ** 25)
    else expect(['A301', 'A204']).toContain(code)
  })

  it('a memory that no module can have is said with what it takes', async () => {
    const { error } = await outcome(bombs['Tile to 2^31']!)
    expect(error!.message).toMatch(/A301[^]*needs \d+ bytes of memory; a module has at most 4 GiB\n {2}hint: /)
  })

  it('parts without number end the import at once, with one diagnostic', async () => {
    const nodes = list(20, (i) => [node(`s${i} = SplitToSequence(x)`), node(`y${i} = SequenceLength(s${i})`)])
    const outputs = list(20, (i) => `y${i}`)
    const { error } = await outcome({ inputs: ['x f32[8000000]'], outputs, nodes: nodes.flat() })
    expect(error!.diagnostics).toHaveLength(1)
    expect(error!.diagnostics[0]).toMatchObject({ code: 'A301', origin: { operator: 'SplitToSequence' } })
    expect(error!.diagnostics[0]!.hint).toContain('bytes')
  })
})

describe('the budget', () => {
  it('lets constants be computed that a small model needs', async () => {
    const { module, done } = await outcome({
      inputs: ['x f32[1,400]'],
      outputs: ['y'],
      nodes: ['w = HannWindow(s)', 'y = Mul(x, w)'],
      initializers: [scalar('s', 400)],
    })
    expect(module).toBeLessThan(2 ** 12)
    expect(done.operations).toBeGreaterThan(400)
  })

  it('follows what the model brings', () => {
    const [small, large] = [allowance(100), allowance(1e6)]
    for (const kind of ['operations', 'bytes', 'nodes', 'tables'] as const) {
      expect(large[kind]).toBeGreaterThan(small[kind])
      expect(large[kind] - small[kind]).toBeLessThan(1e6 * 2 ** 10)
    }
  })

  it('does not depend on what was evaluated for another model before', () => {
    const b = new Builder(undefined)
    const x = b.constant(tensorOf('f32', [1000, 1], list(1000, Number)))
    const sums = list(8, (i) =>
      b.reduce(
        'add',
        b.map([b.broadcast(x, [1000, 1000])], (v) => f.mul(v!, i + 2)),
        [i % 2],
      ),
    )
    const folded = (): boolean[] => within(new Budget(0), () => sums.map((v) => constantOf(v) !== undefined))
    const first = folded()
    expect(first).toContain(true)
    expect(first).toContain(false)
    expect(folded()).toEqual(first)
  })
})
