import { Builder } from '../../core/builder.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import { createNode, topological, type NodeOf, type Value } from '../../core/graph.ts'
import { trivialWindow } from '../../core/ops/window.ts'
import { elementCount, rowMajorStrides } from '../../core/shape.ts'
import { tensor, type Tensor } from '../../core/tensor.ts'
import type { Parameter, TrainableModel } from '../../train/index.ts'
import { replaced } from './replaced.ts'

type Convolution = NodeOf<'convolution'>

/**
 * The model with a depthwise and a pointwise convolution in place of each convolution that sums over windows and channels (MobileNet;
 * Howard et al., 2017). They start as the nearest such pair: of each input channel's weights, outputs × taps, the part of the
 * largest singular value. What the first layer computes of the data stays, and what would not get cheaper. `changed` are their nodes.
 * @throws CompileError A702 where there is no such convolution.
 */
export function withDepthwise(model: TrainableModel): { model: TrainableModel; changed: readonly string[] } {
  const parameters = new Map(model.parameters.map((parameter) => [parameter.value, parameter]))
  const nodes = topological([model.graph.outputs[0]!.value, model.scores])
  const uses = new Map<Value, number>()
  for (const node of nodes) for (const operand of node.operands) uses.set(operand, (uses.get(operand) ?? 0) + 1)
  const learned = new Set(model.parameters.map(({ value }) => value.node))
  for (const node of nodes) if (node.operands.some((o) => learned.has(o.node))) learned.add(node)
  const names = new Set(model.graph.inputs.map(({ name }) => name))

  const patch = new Map<Value, Value>()
  const made: Parameter[] = []
  for (const node of nodes) {
    if (node.op !== 'convolution') continue
    const [x, w] = node.operands as readonly [Value, Value]
    const parameter = parameters.get(w)
    if (!parameter || uses.get(w) !== 1 || !learned.has(x.node) || !getsCheaper(node)) continue
    const [depthwise, pointwise] = nearestPair(node, parameter.start)
    const pair = [
      { name: freeName(`${parameter.name}.depthwise`, names), start: depthwise },
      { name: freeName(`${parameter.name}.pointwise`, names), start: pointwise },
    ].map(({ name, start }): Parameter => {
      const type = { dtype: start.dtype, shape: start.shape }
      const { value } = { value: createNode('input', [], { name, type }, w.node.origin).results[0]! }
      return { ...{ name, value, start }, decays: parameter.decays }
    })
    made.push(...pair)
    patch.set(node.results[0]!, convolved(node, x, pair[0]!.value, pair[1]!.value))
  }
  if (patch.size === 0)
    fail('A702', 'student: the model has no convolutions that would be cheaper depthwise', {
      hint: 'those over windows of several channels are, but for the first',
    })
  const changed = [...patch.keys()].map(({ node }) => node.origin?.node ?? node.op)
  return { model: replaced(model, patch, made), changed }
}

/** Lengths of a kernel. */
function sizesOf({ operands, attrs: { rhs } }: Convolution): { outputs: number; inputs: number; taps: number } {
  const { shape } = operands[1]!.type
  const taps = elementCount(rhs.spatial.map((axis) => shape[axis]!))
  return { outputs: shape[rhs.output]!, inputs: shape[rhs.input]!, taps }
}

function getsCheaper(node: Convolution): boolean {
  const { groups, batchGroups = 1, padValue = 0 } = node.attrs
  const { outputs, inputs, taps } = sizesOf(node)
  return (
    groups === 1 && batchGroups === 1 && padValue === 0 && inputs * taps + inputs * outputs < inputs * outputs * taps
  )
}

function freeName(name: string, names: Set<string>): string {
  let free = name
  for (let i = 2; names.has(free); i++) free = `${name}${i}`
  names.add(free)
  return free
}

/** The pair on `x`, by kernels [inputs, 1, …window] and [outputs, inputs, 1, …]. */
function convolved({ attrs, origin }: Convolution, x: Value, depthwise: Value, pointwise: Value): Value {
  const b = new Builder(origin)
  const spatial = attrs.window.map((_, i) => i + 2)
  const rhs = { output: 0, input: 1, spatial }
  const between = b.convolution(x, depthwise, { ...attrs, rhs, groups: x.type.shape[attrs.lhs.feature]! })
  return b.convolution(between, pointwise, {
    ...{ lhs: attrs.out, rhs, out: attrs.out, groups: 1 },
    window: attrs.window.map(() => trivialWindow),
  })
}

/** Of each input channel's weights W, outputs × taps, the u and v whose product u vᵀ is nearest to it (Eckart & Young, 1936). */
function nearestPair(node: Convolution, { data, shape }: Tensor): [depthwise: Tensor, pointwise: Tensor] {
  const { rhs } = node.attrs
  const { outputs, inputs, taps } = sizesOf(node)
  const strides = rowMajorStrides(shape)
  const window = rhs.spatial.map((axis) => shape[axis]!)
  const offsets = offsetsOf(
    window,
    rhs.spatial.map((axis) => strides[axis]!),
  )
  const depthwise = new Float32Array(inputs * taps)
  const pointwise = new Float32Array(outputs * inputs)
  for (let i = 0; i < inputs; i++) {
    const rows = Array.from({ length: outputs }, (_, o) =>
      Float64Array.from(offsets, (at) => Number(data[i * strides[rhs.input]! + o * strides[rhs.output]! + at]!)),
    )
    const v = topDirection(rows, taps)
    const u = rows.map((row) => dot(row, v))
    // Both of the same size, so that steps of a training change both alike.
    const size = Math.sqrt(Math.sqrt(u.reduce((sum, x) => sum + x * x, 0))) || 1
    v.forEach((x, k) => (depthwise[i * taps + k] = x * size))
    u.forEach((x, o) => (pointwise[o * inputs + i] = x / size))
  }
  const ones = window.map(() => 1)
  return [tensor('f32', [inputs, 1, ...window], depthwise), tensor('f32', [outputs, inputs, ...ones], pointwise)]
}

/** Places of all elements of a box, in row-major order. */
const offsetsOf = (lengths: readonly number[], strides: readonly number[]): number[] =>
  lengths.reduce<number[]>(
    (places, length, axis) => places.flatMap((at) => Array.from({ length }, (_, k) => at + k * strides[axis]!)),
    [0],
  )

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

/** The right singular vector of the largest singular value, of length 1: powers of AᵀA, squared again and again. */
function topDirection(rows: readonly Float64Array[], length: number): Float64Array {
  let gram = Array.from({ length }, (_, i) =>
    Float64Array.from({ length }, (_, j) => rows.reduce((sum, row) => sum + row[i]! * row[j]!, 0)),
  )
  for (let step = 0; step < 12; step++) {
    const scale = gram.reduce((sum, row, i) => sum + row[i]!, 0)
    if (!(scale > 0)) break
    // Symmetric, so that rows are columns.
    gram = gram.map((row) => Float64Array.from(gram, (column) => dot(row, column) / (scale * scale)))
  }
  const best = gram.reduce((a, b, i) => (b[i]! > gram[a]![a]! ? i : a), 0)
  const norm = Math.sqrt(dot(gram[best]!, gram[best]!))
  return norm > 0 ? gram[best]!.map((x) => x / norm) : new Float64Array(length).fill(1 / Math.sqrt(length))
}
