import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import {
  CompileError,
  fail,
  formatDiagnostic,
  locate,
  type Origin,
} from '../../compiler/core/diagnostics/diagnostic.ts'
import { constantOf, evaluate, workOf } from '../../compiler/core/evaluate.ts'
import { arg, binary } from '../../compiler/core/scalar/expr.ts'
import {
  applyPatch,
  countUses,
  createNode,
  nodesOf,
  topological,
  type Graph,
  type Node,
  type Value,
} from '../../compiler/core/graph.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { trivialWindow } from '../../compiler/core/ops/window.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)
const origin: Origin = { node: 'conv1', operator: 'Conv', opset: 17 }

/** Output y0 for x = `values`. */
const run = (graph: Graph, values: readonly number[]): number[] =>
  toNumbers(evaluate(graph, { x: tensorOf('f32', [values.length], values) })['y0']!)

describe('diagnostics', () => {
  it('format', () => {
    expect(formatDiagnostic({ code: 'A201', message: 'no such\noperator', origin, hint: 'use another' })).toBe(
      'error A201 unsupported-operator   Conv "conv1" (opset 17)\n  no such\\u000aoperator\n  hint: use another',
    )
    expect(formatDiagnostic({ code: 'A101', message: 'not a model' })).toBe('error A101 not-onnx\n  not a model')
  })

  it('an error holds and shows all of them', () => {
    const error = new CompileError([
      { code: 'A201', message: 'one', origin },
      { code: 'A301', message: 'two' },
    ])
    expect(error.message).toBe(
      'error A201 unsupported-operator   Conv "conv1" (opset 17)\n  one\nerror A301 over-budget\n  two',
    )
    expect(error.name).toBe('CompileError')
  })

  it('locate gives a place to those without one, and to nothing else', () => {
    const other = { ...origin, node: 'other' }
    const places = (body: () => never): unknown => {
      try {
        return locate(origin, body)
      } catch (error) {
        return error instanceof CompileError ? error.diagnostics.map((d) => d.origin?.node) : error
      }
    }
    expect(places(() => fail('A204', 'here'))).toEqual(['conv1'])
    expect(places(() => fail('A204', 'there', { origin: other }))).toEqual(['other'])
    const bug = new RangeError('a bug')
    expect(
      places(() => {
        throw bug
      }),
    ).toBe(bug)
    expect(locate(origin, () => 5)).toBe(5)
  })
})

describe('applyPatch', () => {
  const x = inputOf('x', 'f32', [2])
  const neg = b.unary('neg', x)
  const abs = b.unary('abs', neg)
  const sum = b.binary('add', abs, neg)
  const graph = graphOf([x], [sum])

  it('without replacements is the same graph', () => {
    expect(applyPatch(graph, new Map())).toBe(graph)
  })

  it('refuses a replacement of another type', () => {
    for (const other of [inputOf('y', 'f32', [1]), inputOf('y', 'i32', [2])])
      expect(() => applyPatch(graph, new Map([[abs, other]]))).toThrow('A601')
  })

  it('rebuilds users alone', () => {
    const patched = applyPatch(graph, new Map([[abs, x]]))
    const [, right] = patched.outputs[0]!.value.node.operands
    expect(right).toBe(neg)
    expect(run(patched, [1, -2])).toEqual([0, 0])
    expect(run(graph, [1, -2])).toEqual([0, 4])
  })

  it('follows chains of replacements', () => {
    const first = b.unary('ceil', neg)
    const second = b.unary('floor', x)
    const patched = applyPatch(
      graph,
      new Map([
        [abs, first],
        [first, second],
        [neg, x],
      ]),
    )
    expect(run(patched, [1.5, -2.5])).toEqual([2.5, -5.5])
  })

  it('replaces the operands of replacements', () => {
    const twice = b.binary('add', neg, neg)
    const patched = applyPatch(
      graph,
      new Map([
        [abs, twice],
        [neg, x],
      ]),
    )
    expect(run(patched, [1, -2])).toEqual([3, -6])
    expect(nodesOf(patched)).toHaveLength(3)
  })

  it('replaces outputs, and keeps ports', () => {
    const patched = applyPatch(graph, new Map([[sum, x]]))
    expect(patched.outputs).toEqual([{ name: 'y0', value: x }])
    expect(patched.inputs).toBe(graph.inputs)
  })

  it('keeps both results of a node together', () => {
    const [values, indices] = b.sort(neg, 0, false)
    const g = graphOf([x], [values, indices])
    const patched = applyPatch(g, new Map([[neg, x]]))
    expect(patched.outputs[0]!.value.node).toBe(patched.outputs[1]!.value.node)
    expect(run(patched, [3, 1])).toEqual([1, 3])
  })

  it('keeps origins', () => {
    const placed = new Builder(origin).unary('abs', neg)
    const patched = applyPatch(graphOf([x], [placed]), new Map([[neg, x]]))
    expect(patched.outputs[0]!.value.node.origin).toBe(origin)
  })

  it('takes graphs of 100000 nodes in a row', () => {
    let v = x
    for (let i = 0; i < 100_000; i++) v = b.cumulate(v, { kind: 'add', axis: 0, exclusive: false, reverse: false })
    const deep = graphOf([x], [v])
    const y = b.unary('abs', x)
    const first = nodesOf(deep)[1]!.results[0]!
    const patched = applyPatch(deep, new Map([[first, y]]))
    const nodes = nodesOf(patched)
    expect(nodes).toHaveLength(100_001)
    expect(nodes[1]).toBe(y.node)
    expect(nodes[2]!.operands[0]).toBe(y)
  })
})

describe('order and uses', () => {
  const x = inputOf('x', 'f32', [2])
  const unused = inputOf('u', 'f32', [1])
  const a = b.unary('abs', x)
  const s = b.binary('add', a, a)
  const graph = graphOf([x, unused], [s, a])

  it('operands come before users, unused inputs too', () => {
    expect(nodesOf(graph).map((n) => n.op)).toEqual(['input', 'input', 'map', 'map'])
    expect(topological([s]).map((n) => n.results[0])).toEqual([x, a, s])
  })

  it('counts operands and outputs', () => {
    const uses = countUses(graph)
    expect([x, unused, a, s].map((v) => uses.get(v) ?? 0)).toEqual([1, 0, 3, 1])
  })

  it('missing inputs are diagnosed', () => {
    expect(() => evaluate(graph, {})).toThrow('input x is missing')
  })
})

describe('constantOf', () => {
  const x = inputOf('x', 'f32', [2])
  const two = b.scalar(2, 'f32')

  it('evaluates what depends on constants alone', () => {
    expect(toNumbers(constantOf(b.binary('mul', two, two))!)).toEqual([4])
    expect(constantOf(b.binary('mul', x, two))).toBeUndefined()
  })

  it('gives up on what is expensive', () => {
    const wide = b.full(1, 'f32', [1 << 14])
    const column = b.reshape(wide, [1 << 14, 1])
    const row = b.reshape(wide, [1, 1 << 14])
    expect(constantOf(b.binary('add', column, row))).toBeUndefined()
  })

  it('counts the work of products and windows', () => {
    const w = b.constant(tensorOf('f32', [3, 2, 1], [1, 2, 3, 4, 5, 6]))
    const image = inputOf('i', 'f32', [1, 2, 5])
    const axes = { batch: 0, feature: 1, spatial: [2] }
    const attrs = {
      lhs: axes,
      rhs: { output: 0, input: 1, spatial: [2] },
      out: axes,
      window: [trivialWindow],
      groups: 1,
    }
    expect(workOf(b.convolution(image, w, attrs).node)).toBe(3 * 5 * 2)
    expect(workOf(b.reduceWindow('add', x, [{ ...trivialWindow, size: 2 }]).node)).toBe(2)
    expect(workOf(b.reduce('add', image, [2]).node)).toBe(10)
  })
})

describe('verify', () => {
  const x = inputOf('x', 'f32', [2])
  const y = b.unary('abs', x)
  const messages = (graph: Graph): string[] => {
    try {
      verify(graph)
      return []
    } catch (error) {
      if (!(error instanceof CompileError)) throw error
      expect(new Set(error.diagnostics.map((d) => d.code))).toEqual(new Set(['A601']))
      return error.diagnostics.map((d) => d.message)
    }
  }
  /** `value` of a copy of its node with other fields. */
  const altered = (value: Value, fields: object, type: object = {}): Value => {
    const results: Value[] = []
    const node = { ...value.node, results, ...fields } as Node
    value.node.results.forEach((r) => results.push({ ...r, node, type: { ...r.type, ...type } }))
    return results[value.index]!
  }

  it('is content with a sound graph', () => {
    expect(messages(graphOf([x], [y]))).toEqual([])
  })

  it('1: a type that does not follow', () => {
    expect(messages(graphOf([x], [altered(y, {}, { shape: [3] })]))).toEqual(['map: result 0 is f32[3]'])
    expect(messages(graphOf([x], [altered(y, {}, { dtype: 'i32' })]))).toEqual(['map: result 0 is i32[2]'])
  })

  it('1: operands that the op does not take', () => {
    const z = inputOf('z', 'i32', [2])
    const wrong = altered(y, { operands: [z] })
    expect(messages(graphOf([z], [wrong]))).toEqual([expect.stringContaining('operand 0 is i32')])
  })

  it('2: an operand that is not a result of its node', () => {
    const stray: Value = { ...x, type: x.type }
    expect(messages(graphOf([x], [b.unary('abs', stray)]))).toContain('map: operand 0 is not a result of its node')
  })

  it('2: a node that depends on itself', () => {
    const operands: Value[] = [x, x]
    const node = createNode('map', operands, { expr: binary('add', arg(0, 'f32'), arg(1, 'f32')) }, undefined)
    operands[1] = node.results[0]!
    expect(messages(graphOf([x], [node.results[0]!]))).toEqual(['map: operand 1 does not come before its user'])
  })

  it('3: dimensions that are none, and too many elements', () => {
    const input = (shape: readonly number[]): Graph => {
      const value = inputOf('x', 'f32', shape)
      return graphOf([value], [value])
    }
    expect(messages(input([-1]))).toEqual(['input: result 0 has shape [-1]'])
    expect(messages(input([1.5]))).toEqual(['input: result 0 has shape [1.5]'])
    expect(messages(input([2 ** 16, 2 ** 16]))).toEqual(['input: result 0 has shape [65536,65536]'])
    expect(messages(input([2 ** 15, 2 ** 16]))).toEqual([])
  })

  it('4: inputs that are not in the signature or not inputs', () => {
    expect(messages({ inputs: [], outputs: [{ name: 'y0', value: y }] })).toEqual(['input is not a graph input'])
    const both = [
      { name: 'x', value: x },
      { name: 'y', value: y },
    ]
    expect(messages({ inputs: both, outputs: both })).toEqual(['map is a graph input'])
  })

  it('4: names that repeat', () => {
    const [p, q] = [
      { name: 'p', value: x },
      { name: 'p', value: y },
    ]
    expect(messages({ inputs: [{ name: 'x', value: x }], outputs: [p, q] })).toEqual(['port names repeat'])
  })

  it('5: constants of another size', () => {
    const short: Tensor = { dtype: 'f32', shape: [3], data: new Float32Array(2) }
    expect(messages(graphOf([], [b.constant(short)]))).toEqual([
      'constant: data and shape of the constant differ in size',
    ])
  })

  it('reports everything, with its place', () => {
    const placed = new Builder(origin).unary('abs', x)
    const wrong = altered(placed, {}, { shape: [3] })
    const again = altered(b.unary('neg', x), {}, { shape: [4] })
    expect(() => verify(graphOf([x], [wrong, again]))).toThrow(/Conv "conv1"[^]*f32\[3\][^]*f32\[4\]/)
  })
})

describe('printGraph', () => {
  it('prints one node a line', () => {
    const x = inputOf('x', 'f32', [2, 3])
    const w = b.constant(tensorOf('f32', [3], [0.5, -0, Infinity]))
    const long = b.constant(tensorOf('i64', [9], [1, 2, 3, 4, 5, 6, 7, 8, 9]))
    const scaled = b.map([x, w], (a, c) => ({ kind: 'binary', dtype: 'f32', op: 'mul', a: a!, b: c! }))
    const [sorted, order] = b.sort(b.transpose(scaled, [1, 0]), 1, true)
    const pooled = b.reduceWindow('max', sorted, [trivialWindow, { ...trivialWindow, size: 2 }])
    expect(printGraph(graphOf([x], [pooled, order, long]))).toBe(`%0 = input f32[2,3]: "x"
%1 = constant f32[3]: {0.5, 0, Infinity}
%2 = map f32[2,3] (%0, %1): mul(%0, %1)
%3 = transpose f32[3,2] (%2): perm=[1, 0]
%4, %5 = sort f32[3,2], i32[3,2] (%3): axis=1 descending=true
%6 = reduce_window f32[3,1] (%4): kind=max window=[{size: 1, stride: 1, dilation: 1, low: 0, high: 0, baseDilation: 1}, {size: 2, stride: 1, dilation: 1, low: 0, high: 0, baseDilation: 1}]
%7 = constant i64[9]: {1, 2, 3, 4, 5, 6, …}
output "y0" = %6, "y1" = %5, "y2" = %7
`)
  })
})
