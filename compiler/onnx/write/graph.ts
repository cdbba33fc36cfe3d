/** An ONNX graph while it is written: edges instead of names, tensors instead of bytes. */
import type { Origin } from '../../core/diagnostics/diagnostic.ts'
import type { Tensor, TensorType } from '../../core/tensor.ts'

/** What a node reads: an input of a graph, an initializer, or a result of another node. */
export interface Edge {
  readonly type: EdgeType
  readonly from: Source
}

/** Strings are told apart from the numbers that they stand for. */
export interface EdgeType extends TensorType {
  readonly strings?: true
}

export type Source =
  | { readonly kind: 'input'; readonly name?: string }
  | { readonly kind: 'stored'; readonly tensor: Tensor; readonly name?: string }
  | { readonly kind: 'node'; readonly node: OnnxNode; readonly index: number }

/** A number is an int, a list of numbers ints; the others say what they are. */
export type Attribute =
  | number
  | readonly number[]
  | string
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly tensor: Tensor }
  | { readonly graph: OnnxGraph }

export type Attributes = Readonly<Record<string, Attribute>>

/** A node of ONNX. Only what recognizes patterns changes one. */
export interface OnnxNode {
  operator: string
  /** '' is ai.onnx. */
  domain: string
  /** undefined is an omitted input. */
  inputs: readonly (Edge | undefined)[]
  attributes: Attributes
  readonly outputs: readonly Edge[]
  readonly origin: Origin | undefined
}

export interface OnnxGraph {
  readonly inputs: readonly Edge[]
  readonly outputs: readonly OnnxOutput[]
  /** Operands before their users. */
  readonly nodes: readonly OnnxNode[]
}

export interface OnnxOutput {
  readonly edge: Edge
  /** Of the outputs of the whole model alone. */
  readonly name?: string
  /** Axes whose length depends on data. */
  readonly open?: readonly number[]
}

export const storedIn = (edge: Edge | undefined): Tensor | undefined =>
  edge?.from.kind === 'stored' ? edge.from.tensor : undefined

/** The node that computes `edge`, if it is of that operator of ai.onnx. */
export const nodeOf = (edge: Edge | undefined, operator: string): OnnxNode | undefined =>
  edge?.from.kind === 'node' && edge.from.node.operator === operator && edge.from.node.domain === ''
    ? edge.from.node
    : undefined

/** The graphs in a node's attributes. */
export const graphsIn = ({ attributes }: OnnxNode): OnnxGraph[] =>
  Object.values(attributes).flatMap((a) => (typeof a === 'object' && 'graph' in a ? [a.graph] : []))

/** All nodes, those of inner graphs before the node that has them. */
export function* nodesIn(graph: OnnxGraph): Generator<OnnxNode> {
  for (const node of graph.nodes) {
    for (const inner of graphsIn(node)) yield* nodesIn(inner)
    yield node
  }
}
