import { Builder } from '../builder.ts'
import type { DType, Scalar } from '../scalar/dtype.ts'
import { constantOf } from '../evaluate.ts'
import type { Expr } from '../scalar/expr.ts'
import type { Node, NodeOf, Value } from '../graph.ts'
import { elementCount } from '../shape.ts'
import { reader, toNumbers } from '../tensor.ts'

/** A value that is known to be (q - zero) · scale. */
export interface Dequantized {
  /** An integer of 8 or 4 bits, of the value's shape. */
  readonly q: Value
  readonly zero: number
  /** f32, known; one element, or of the rank of `q` with the axes along which it is the same of length 1. */
  readonly scale: Value
}

const isByte = (dtype: DType): boolean => dtype === 'i8' || dtype === 'u8'
const isSmall = (dtype: DType): boolean => isByte(dtype) || dtype === 'i4' || dtype === 'u4'

/** The one element that a part of a map's expression always is. */
function single(e: Expr, operands: readonly Value[]): number | undefined {
  if (e.kind === 'const') return Number(e.value)
  if (e.kind === 'convert') return single(e.x, operands)
  if (e.kind !== 'arg') return undefined
  const known = constantOf(operands[e.index]!)
  return known && elementCount(known.shape) === 1 ? Number(reader(known)(0)) : undefined
}

/** `scale` with as many axes as `rank`, or as it is where it has one element. */
function aligned(b: Builder, scale: Value, rank: number): Value {
  const { shape } = scale.type
  if (elementCount(shape) === 1) return b.reshape(scale, [])
  return b.reshape(scale, [...new Array<number>(rank - shape.length).fill(1), ...shape])
}

/** A map of the form of `dequantized` in core/scalar/quantization.ts. */
function fromMap(node: NodeOf<'map'>): Dequantized | undefined {
  const { expr } = node.attrs
  const { operands } = node
  if (expr.kind !== 'binary' || expr.op !== 'mul' || expr.dtype !== 'f32') return undefined
  const [integer, factor] = expr.a.kind === 'convert' ? [expr.a.x, expr.b] : [expr.a, expr.b]
  if (expr.a.kind !== 'convert') return undefined
  const b = new Builder(node.origin)
  const scale =
    factor.kind === 'const'
      ? b.scalar(factor.value, 'f32')
      : factor.kind === 'arg'
        ? operands[factor.index]!
        : undefined
  if (!scale || !constantOf(scale)) return undefined
  const shifted = integer.kind === 'binary' && integer.op === 'sub'
  const zero = shifted ? single(integer.b, operands) : 0
  const inner = shifted ? integer.a : integer
  const stored = inner.kind === 'convert' ? inner.x : inner
  if (zero === undefined || stored.kind !== 'arg') return undefined
  const q = operands[stored.index]!
  const rank = node.results[0]!.type.shape.length
  if (!isSmall(q.type.dtype) || q.type.shape.length !== rank) return undefined
  if (elementCount(q.type.shape) !== elementCount(node.results[0]!.type.shape)) return undefined
  return { q, zero, scale: aligned(b, scale, rank) }
}

/** The scales of a slice, which are sliced along the axes on which they vary. */
function slicedScale(b: Builder, { attrs }: NodeOf<'slice'>, scale: Value): Value {
  const pick = (of: readonly number[], other: number): number[] =>
    scale.type.shape.map((d, i) => (d === 1 ? other : of[i]!))
  return b.slice(scale, pick(attrs.start, 0), pick(attrs.shape, 1), pick(attrs.strides, 1))
}

/** A view of `x` like the one that `node` takes of its operand; `fill` is what a pad of 0 puts around it. */
function viewLike(b: Builder, node: Node, x: Value, fill: Scalar): Value | undefined {
  switch (node.op) {
    case 'transpose':
      return b.transpose(x, node.attrs.perm)
    case 'reshape':
      return b.reshape(x, node.attrs.shape)
    case 'slice':
      return b.slice(x, node.attrs.start, node.attrs.shape, node.attrs.strides)
    case 'pad': {
      const with0 = constantOf(node.operands[1]!)
      if (!with0 || Number(reader(with0)(0)) !== 0) return undefined
      return b.pad(x, b.scalar(fill, x.type.dtype), node.attrs.low, node.attrs.high)
    }
    default:
      return undefined
  }
}

/** What a view of what `inner` says dequantizes. */
function throughView(node: Node, inner: Dequantized): Dequantized | undefined {
  const b = new Builder(node.origin)
  const one = elementCount(inner.scale.type.shape) === 1
  if (!one && node.op !== 'transpose' && node.op !== 'slice') return undefined
  const q = viewLike(b, node, inner.q, inner.zero)
  const scale = one
    ? inner.scale
    : node.op === 'slice'
      ? slicedScale(b, node, inner.scale)
      : viewLike(b, node, inner.scale, 0)
  return q && scale && constantOf(scale) && { q, zero: inner.zero, scale }
}

const isView = ({ op }: Node): boolean => op === 'transpose' || op === 'reshape' || op === 'slice' || op === 'pad'

/**
 * Says what a value dequantizes, also where views stand between, and remembers it. `now` gives what a value has been replaced
 * by, which for what a value depends on must be settled when it is asked for.
 */
export function dequantizer(now: (v: Value) => Value = (v) => v): (value: Value) => Dequantized | undefined {
  const known = new Map<Value, Dequantized | undefined>()
  return (value) => {
    const views: Value[] = []
    let at = value
    while (!known.has(at) && isView(at.node)) {
      views.push(at)
      at = now(at.node.operands[0]!)
    }
    if (!known.has(at)) known.set(at, at.node.op === 'map' ? fromMap(at.node) : undefined)
    let result = known.get(at)
    for (const view of views.reverse()) {
      result = result && throughView(view.node, result)
      known.set(view, result)
    }
    return result
  }
}

/** The scales along `axis`, of that extent; undefined where they vary along another. */
export function channelScales({ scale }: Dequantized, axis: number, channels: number): readonly number[] | undefined {
  const values = toNumbers(constantOf(scale)!)
  if (values.length === 1) return new Array<number>(channels).fill(values[0]!)
  return scale.type.shape.every((d, i) => d === 1 || i === axis) && values.length === channels ? values : undefined
}

/** A map of the form of `saturated` in core/scalar/quantization.ts: the integers of `x` at `scale` and `zero`. */
export interface Quantizing {
  readonly x: Value
  readonly zero: number
  readonly scale: number
  readonly dtype: DType
}

/** The quantization that `value` is, of one scale and with the full range of its dtype. */
export function quantizingOf(value: Value): Quantizing | undefined {
  const { node } = value
  if (node.op !== 'map' || !isByte(value.type.dtype)) return undefined
  const { operands } = node
  let e = node.attrs.expr
  if (e.kind !== 'convert') return undefined
  e = e.x
  const [low, high] = value.type.dtype === 'i8' ? [-128, 127] : [0, 255]
  for (const [op, bound] of [
    ['min', high],
    ['max', low],
  ] as const) {
    if (e.kind !== 'binary' || e.op !== op || single(e.b, operands) !== bound) return undefined
    e = e.a
  }
  let zero = 0
  if (e.kind === 'binary' && e.op === 'add') {
    const z = single(e.b, operands)
    if (z === undefined) return undefined
    zero = z
    e = e.a
  }
  if (e.kind !== 'unary' || e.op !== 'round' || e.x.kind !== 'binary' || e.x.op !== 'div') return undefined
  const scale = single(e.x.b, operands)
  if (scale === undefined || e.x.a.kind !== 'arg' || e.dtype !== 'f32') return undefined
  const x = operands[e.x.a.index]!
  return elementCount(x.type.shape) === elementCount(value.type.shape)
    ? { x, zero, scale, dtype: value.type.dtype }
    : undefined
}
