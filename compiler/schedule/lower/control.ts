import { countUses, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import { splitOperands, splitOutputs, type ScanAxis } from '../../core/ops/control-flow/while.ts'
import { elementCount } from '../../core/shape.ts'
import type { TensorType } from '../../core/tensor.ts'
import { contiguous } from '../program/access.ts'
import { fillKernel } from '../memory/border.ts'
import { copyStates, nextStates } from './states.ts'
import { withoutCopies, type Copy } from '../memory/carry.ts'
import { lazyAccess } from './lazy.ts'
import { windowOf, type Access, type Counter, type Kernel } from '../program/program.ts'
import { originOf, type Scheduler } from './scheduler.ts'

const nodesWithin = (node: Node, kernels: readonly Kernel[]): string[] => [
  ...new Set([...originOf(node), ...kernels.flatMap((k) => k.nodes)]),
]

const memoryFor = (s: Scheduler, { dtype, shape }: TensorType): Access =>
  contiguous(s.newBuffer(dtype, elementCount(shape)), shape)

/** The slice of `whole` that iteration by iteration moves along an axis of `trips` elements. */
function sliceOf(whole: Access, { axis, reverse }: ScanAxis, trips: number, counter: Counter): Access {
  const stride = whole.strides[axis]!
  const [first, step] = reverse ? [(trips - 1) * stride, -stride] : [0, stride]
  return {
    buffer: windowOf(whole.buffer, counter, first, step),
    offset: whole.offset,
    strides: whole.strides.toSpliced(axis, 1),
  }
}

/**
 * Carried values have a buffer each, which the body reads; it computes the next ones into other memory, and they are
 * copied when all are known, or computed in place where nothing reads the old one any more. Scan inputs and outputs are windows that move with the iteration.
 */
export function whileLoop(s: Scheduler, node: NodeOf<'while'>): void {
  const { attrs, results } = node
  const { body, trips, scanInputs, scanOutputs } = attrs
  const given = splitOperands(node.operands, attrs)
  const outputs = splitOutputs(
    body.outputs.map((port) => port.value),
    attrs,
  )
  const counter: Counter = { name: originOf(node)[0] ?? 'loop' }
  const store = (value: Value): Access => {
    const access = memoryFor(s, value.type)
    s.materialize(s.lazy(value), access)
    return access
  }
  const condition = given.condition && store(given.condition)
  const states = given.carried.map(store)
  const slices = given.scanInputs.map((x, i) => sliceOf(s.force(x), scanInputs[i]!, trips, counter))
  const invariants = given.invariants.map((v) => s.force(v))
  const stacked = outputs.slices.map((_, k) => memoryFor(s, results[states.length + k]!.type))
  // Iterations that do not take place leave zeros.
  if (condition) stacked.forEach((a) => s.emit(fillKernel({ ...a, strides: [1] }, [a.buffer.length], 0)))
  const index = contiguous(s.newBuffer('i32', 1), [])
  const indexed = countUses(body).has(body.inputs[0]!.value)
  let copies = 0
  const kernels = s.region(body, [index, ...states, ...slices, ...invariants], (inner) => {
    outputs.slices.forEach((slice, k) =>
      inner.materialize(inner.lazy(slice), sliceOf(stacked[k]!, scanOutputs[k]!, trips, counter)),
    )
    const next = nextStates(inner, outputs.carried, states)
    if (condition) inner.materialize(inner.lazy(outputs.condition!), condition)
    copies = copyStates(inner, next, states)
  })
  const count = results.at(-1)!
  const counted = s.isUsed(count) ? memoryFor(s, count.type) : undefined
  s.emit({
    kind: 'loop',
    counter,
    trips,
    ...(condition && { condition: condition.buffer }),
    ...(indexed && { index: index.buffer }),
    ...(counted && { count: counted.buffer }),
    body: copies > 0 ? withoutCopies(kernels.slice(0, -copies), kernels.slice(-copies) as Copy[]) : kernels,
    nodes: nodesWithin(node, kernels),
  })
  ;[...states, ...stacked].forEach((access, i) => s.define(results[i]!, lazyAccess(access, results[i]!.type)))
  if (counted) s.define(count, lazyAccess(counted, count.type))
}

/** Both branches compute into the same memory. */
export function ifElse(s: Scheduler, node: NodeOf<'if'>): void {
  const [condition, ...captured] = node.operands
  const { then, otherwise } = node.attrs
  const { buffer, offset } = s.force(condition!)
  const inputs = captured.map((v) => s.force(v))
  const results = node.results.map((r) => memoryFor(s, r.type))
  const [a, b] = [then, otherwise].map((branch) =>
    s.region(branch, inputs, (inner) =>
      branch.outputs.forEach(({ value }, i) => inner.materialize(inner.lazy(value), results[i]!)),
    ),
  )
  const nodes = nodesWithin(node, [...a!, ...b!])
  s.emit({ kind: 'branch', condition: { buffer, offset }, then: a!, otherwise: b!, nodes })
  node.results.forEach((r, i) => s.define(r, lazyAccess(results[i]!, r.type)))
}
