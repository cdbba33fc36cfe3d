import type { DType } from './scalar/dtype.ts'
import { applyPatch, createNode, topological, type Graph, type Node, type Value } from './graph.ts'
import type { ScanAxis } from './ops/control-flow/while.ts'
import type { Shape } from './shape.ts'

/** An argument of a region that is being built: an input of its graph. */
export const regionArgument = (dtype: DType, shape: Shape): Value =>
  createNode('input', [], { name: 'argument', type: { dtype, shape } }, undefined).results[0]!

/** Nodes of `order` that depend on one for which `test` holds, or are one. */
function dependents(order: readonly Node[], test: (node: Node) => boolean): Set<Node> {
  const found = new Set<Node>()
  for (const node of order) if (test(node) || node.operands.some((o) => found.has(o.node))) found.add(node)
  return found
}

/**
 * `outputs` as a region. Its inputs are `args`, then one for each value that it takes from outside: `captured`.
 * Outside is what `isOutside` tells; what depends on constants alone is taken in.
 */
export function closeRegion(
  outputs: readonly Value[],
  args: readonly Value[],
  isOutside: (value: Value) => boolean,
): { readonly region: Graph; readonly captured: readonly Value[] } {
  const own = new Set(args.map((a) => a.node))
  const variable = dependents(topological(outputs), (node) => node.op === 'input')
  const patch = new Map<Value, Value>()
  const seen = new Set<Value>()
  const stack = [...outputs].reverse()
  while (stack.length > 0) {
    const value = stack.pop()!
    const { node, type } = value
    if (seen.has(value) || own.has(node) || !variable.has(node)) continue
    seen.add(value)
    if (node.op === 'input' || isOutside(value)) patch.set(value, regionArgument(type.dtype, type.shape))
    else for (let i = node.operands.length - 1; i >= 0; i--) stack.push(node.operands[i]!)
  }
  const captured = [...patch.keys()]
  const inputs = [...args, ...patch.values()].map((value, i) => ({ name: `a${i}`, value }))
  const ports = outputs.map((value, i) => ({ name: `r${i}`, value }))
  return { region: applyPatch({ inputs, outputs: ports }, patch), captured }
}

/** `outputs` as a region that takes from outside all that does not depend on its arguments. */
export function closeLoop(outputs: readonly Value[], args: readonly Value[]) {
  const own = new Set(args.map((a) => a.node))
  const varying = dependents(topological(outputs), (node) => own.has(node))
  return closeRegion(outputs, args, (value) => !varying.has(value.node))
}

/** A node like `node` on other operands and with other regions, in the order of `regionsOf`. */
export function withRegions(node: Node, operands: readonly Value[], regions: readonly Graph[]): Node {
  const [first, second] = regions
  if (node.op === 'while') return createNode('while', operands, { ...node.attrs, body: first! }, node.origin)
  return createNode('if', operands, { then: first!, otherwise: second! }, node.origin)
}

/** A loop to build: its body is given by values that depend on arguments. */
export interface LoopParts {
  /** Iterations, or with `next` their greatest number. */
  readonly trips: number
  /** i32[] argument: the iteration's number. */
  readonly iteration: Value
  /** Whether there is a first iteration and another one, bool[]; without it there are `trips`. */
  readonly condition?: { readonly initial: Value; readonly next: Value } | undefined
  readonly carried: readonly { readonly initial: Value; readonly argument: Value; readonly next: Value }[]
  readonly scanInputs: readonly (ScanAxis & { readonly value: Value; readonly argument: Value })[]
  readonly scanOutputs: readonly (ScanAxis & { readonly slice: Value })[]
}
