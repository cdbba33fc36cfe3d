import { elementCount } from '../../../core/shape.ts'
import { reader, type Tensor } from '../../../core/tensor.ts'
import { nodeOf, storedIn, type Attributes, type Edge, type OnnxNode } from '../graph.ts'

/** What a node becomes; its results stay. */
export interface Replacement {
  readonly operator: string
  readonly inputs: readonly (Edge | undefined)[]
  readonly attributes?: Attributes
}

export interface Uses {
  /** Whether one node alone reads the edge. */
  once(edge: Edge | undefined): boolean
  /** How many inputs and outputs are the edge. */
  times(edge: Edge | undefined): number
}

/** An operator that stands for the node and those before it, if they are its pattern. */
export type Pattern = (node: OnnxNode, uses: Uses) => Replacement | undefined

export const storedEdge = (tensor: Tensor): Edge => ({ type: tensor, from: { kind: 'stored', tensor } })

/** The number that an initializer of one element is. */
export function single(edge: Edge | undefined): number | undefined {
  const tensor = storedIn(edge)
  return tensor && elementCount(tensor.shape) === 1 ? Number(reader(tensor)(0)) : undefined
}

/** The operands of a node that are one of operator `operator`, which nobody else reads, and another. */
export function pairWith(
  node: OnnxNode,
  operator: string,
  uses: Uses,
): { readonly inner: OnnxNode; readonly other: Edge } | undefined {
  for (const [a, b] of [
    [node.inputs[0], node.inputs[1]],
    [node.inputs[1], node.inputs[0]],
  ]) {
    const inner = nodeOf(a, operator)
    if (inner && b && uses.once(a)) return { inner, other: b }
  }
  return undefined
}

/** The operands of a node of two, of which one is an initializer of one element. */
export function withNumber(node: OnnxNode): { readonly x: Edge; readonly value: number } | undefined {
  const [a, b] = node.inputs
  const [left, right] = [single(a), single(b)]
  if (right !== undefined && a) return { x: a, value: right }
  return left !== undefined && b ? { x: b, value: left } : undefined
}

export const intsOf = (edge: Edge | undefined): number[] | undefined => {
  const tensor = storedIn(edge)
  if (!tensor || tensor.dtype !== 'i64') return undefined
  const read = reader(tensor)
  return Array.from({ length: tensor.data.length }, (_, i) => Number(read(i)))
}
