import type { Expr } from '../core/scalar/expr.ts'
import type { Value } from '../core/graph.ts'
import { toNumbers } from '../core/tensor.ts'

/** What stands along one axis of a map's result. */
export interface Channels {
  readonly axis: number
  readonly count: number
}

/** The values of a constant part of a map for each channel, if it varies along their axis alone; `rank` is the result's. */
export function channelConstants(
  e: Expr,
  operands: readonly Value[],
  rank: number,
  { axis, count }: Channels,
): number[] | undefined {
  if (e.kind === 'const' && e.dtype === 'f32') return new Array<number>(count).fill(Number(e.value))
  if (e.kind !== 'arg') return undefined
  const { node, type } = operands[e.index]!
  if (node.op !== 'constant') return undefined
  const own = axis - (rank - type.shape.length)
  if (!type.shape.every((d, i) => d === 1 || (i === own && d === count))) return undefined
  const values = toNumbers(node.attrs.value)
  return values.length === 1 ? new Array<number>(count).fill(values[0]!) : values
}
