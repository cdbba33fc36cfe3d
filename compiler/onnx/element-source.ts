import { constantOf } from '../core/evaluate.ts'
import type { Value } from '../core/graph.ts'
import { broadcastStrides, rowMajorStrides, type Shape } from '../core/shape.ts'
import { reader } from '../core/tensor.ts'

/** Where the element of the result comes from, of an operand that broadcasts. */
export function broadcastIndex(shape: Shape, target: Shape, index: number): number {
  const strides = broadcastStrides(shape, target)
  return placeOf(target, index).reduce((sum, at, axis) => sum + at * strides[axis]!, 0)
}

function placeOf(shape: Shape, index: number): number[] {
  let rest = index
  return rowMajorStrides(shape).map((stride) => {
    const at = stride === 0 ? 0 : Math.floor(rest / stride)
    rest -= at * stride
    return at
  })
}

const flat = (shape: Shape, place: readonly number[]): number => {
  const strides = rowMajorStrides(shape)
  return place.reduce((sum, at, axis) => sum + at * strides[axis]!, 0)
}

/** The operand's element that an element of a view, or of what was put together, is. */
export function source(
  { node, type }: Value,
  index: number,
): { readonly value: Value; readonly index: number } | undefined {
  const [x] = node.operands as [Value]
  const place = placeOf(type.shape, index)
  switch (node.op) {
    case 'reshape':
      return { value: x, index }
    case 'transpose': {
      const from = x.type.shape.map((_, axis) => place[node.attrs.perm.indexOf(axis)]!)
      return { value: x, index: flat(x.type.shape, from) }
    }
    case 'broadcast_in_dim': {
      const from = x.type.shape.map((d, axis) => (d === 1 ? 0 : place[node.attrs.dims[axis]!]!))
      return { value: x, index: flat(x.type.shape, from) }
    }
    case 'slice': {
      const { start, strides } = node.attrs
      const from = place.map((at, axis) => start[axis]! + at * strides[axis]!)
      return { value: x, index: flat(x.type.shape, from) }
    }
    case 'concatenate': {
      const { axis } = node.attrs
      let at = place[axis]!
      for (const part of node.operands) {
        const size = part.type.shape[axis]!
        if (at < size) return { value: part, index: flat(part.type.shape, place.with(axis, at)) }
        at -= size
      }
      return undefined
    }
    case 'gather': {
      const indices = constantOf(node.operands[1]!)
      const { startIndexMap, indexVectorDim } = node.attrs
      const plain = x.type.shape.length === 1 && startIndexMap.length === 1 && indices?.shape.length === indexVectorDim
      if (!plain) return undefined
      const at = Number(reader(indices!)(index))
      return { value: x, index: Math.min(Math.max(0, at), x.type.shape[0]! - 1) }
    }
    default:
      return undefined
  }
}
