/**
 * A graph of integers that training can go back through: every integer that comes from quantization is carried as the f32 of the
 * same value, of which sums and products below 2^24 are exact, and larger ones as f64. So each float that the graph computes of
 * integers has the bits that it has there. Quantization rounds straight through: its derivative is 1 where a number is rounded to an integer
 * of the range, and 0 outside.
 */
import { Builder } from '../../core/builder.ts'
import { integerRange, isFloat, isInteger, type DType } from '../../core/scalar/dtype.ts'
import { constantOf } from '../../core/evaluate.ts'
import * as expr from '../../core/scalar/expr.ts'
import { foldExpr, type Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import { createNode, nodesOf, type Graph, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import type { OpName } from '../../core/ops/index.ts'
import { elementCount } from '../../core/shape.ts'
import { clampOf, isRounded } from '../../passes/integers/requantize.ts'
import { exactInF32, type Carried } from './carried.ts'
import { exactSum, type IntegerProduct } from './exact-product.ts'

/** A product of a layer that is trained. */
export interface TrainedProduct extends IntegerProduct {
  /**
   * Integers as floats, what stands for the constant that the source graph adds to the sum; undefined where that is only what zero points
   * take.
   */
  readonly bias: Value | undefined
}

/** An integer part of an expression as floats. `f32` is rounded once from the exact number, and exact up to `exactInF32`. */
interface Integer {
  readonly f32: Expr
  readonly f64: () => Expr
  readonly bound: number
}

type Part = { readonly plain: Expr } | { readonly integer: Integer }

/** So far inside of the last cell does a clamp end: exact in f32 beside integers of 8 bits. */
const inside = 2 ** -15
/** Clamps further out would not have their ends exact. */
const mostClamp = 2 ** 8

/** `x` rounded to the integers from `low` to `high`: the numbers that round to one of them have the derivative 1. Never −0. */
export const roundedWithin = (x: Expr, low: number, high: number): Expr =>
  f.add(f.roundStraightThrough(f.clamp(x, low - 0.5 + inside, high + 0.5 - inside)), 0)

/** round(x) + zero within `low` and `high`, which a chain of clamps is. */
function quantizationOf(e: Expr): { x: Expr; zero: number; low: number; high: number } | undefined {
  if (e.kind !== 'binary' || e.dtype !== 'f32' || (e.op !== 'min' && e.op !== 'max')) return undefined
  const { inner, low, high } = clampOf(e)
  const isShifted = inner.kind === 'binary' && inner.op === 'add' && inner.b.kind === 'const'
  const zero = isShifted ? expr.literal(inner.b) : 0
  const rounded = isShifted ? inner.a : inner
  if (!isRounded(rounded) || rounded.kind !== 'unary') return undefined
  const whole = [zero, low, high].every((v) => Number.isInteger(v) && Math.abs(v) < mostClamp)
  return whole && low <= high ? { x: rounded.x, zero, low, high } : undefined
}

const lanes: Readonly<Partial<Record<DType, number>>> = { i8: 128, u8: 255, i16: 1 << 15, u16: 65535, i4: 8, u4: 15 }
const boundOfType = (dtype: DType): number => lanes[dtype] ?? 2 ** 31

const arithmetic: ReadonlySet<string> = new Set(['add', 'sub', 'mul', 'max', 'min'])
const comparisons: ReadonlySet<string> = new Set(expr.compareOps)

function boundOfBinary(op: string, a: number, b: number): number {
  if (op === 'mul') return a * b
  return op === 'add' || op === 'sub' ? a + b : Math.max(a, b)
}

/** The exact number where two meet: in f32 while both are exact there. */
const meet = (op: expr.BinaryOp, a: Integer, b: Integer): { f32: Expr | undefined; f64: () => Expr } => ({
  f32: Math.max(a.bound, b.bound) <= exactInF32 ? expr.binary(op, a.f32, b.f32) : undefined,
  f64: () => expr.binary(op, a.f64(), b.f64()),
})

class Mapping {
  readonly operands: Value[]
  private readonly node: NodeOf<'map'>
  private readonly carried: (value: Value) => Carried | undefined
  private readonly products: ReadonlyMap<Node, TrainedProduct>

  constructor(
    node: NodeOf<'map'>,
    operands: readonly Value[],
    carried: (value: Value) => Carried | undefined,
    products: ReadonlyMap<Node, TrainedProduct>,
  ) {
    this.node = node
    this.operands = [...operands]
    this.carried = carried
    this.products = products
  }

  run(): Part {
    return foldExpr<Part>(this.node.attrs.expr, (part, of) => this.part(part, of))
  }

  private arg(index: number): Part {
    const source = this.node.operands[index]!
    const carried = this.carried(source)
    if (!carried) return { plain: expr.arg(index, source.type.dtype) }
    return { integer: this.integerOf(index, carried.value.type.dtype, carried.bound) }
  }

  private integerOf(index: number, dtype: DType, bound: number): Integer {
    const own = expr.arg(index, dtype)
    return { f32: expr.convert(own, 'f32'), f64: () => expr.convert(own, 'f64'), bound }
  }

  /** A part that is an integer, or is taken for one. */
  private asInteger(part: Part): Integer {
    if ('integer' in part) return part.integer
    const { plain } = part
    if (plain.kind === 'const') {
      const value = expr.literal(plain)
      const as = (dtype: DType): Expr => expr.constant(value, dtype)
      return { f32: as('f32'), f64: () => as('f64'), bound: Math.abs(value) }
    }
    return {
      f32: expr.convert(plain, 'f32'),
      f64: () => expr.convert(plain, 'f64'),
      bound: boundOfType(plain.dtype),
    }
  }

  private plain(part: Part, dtype: DType): Expr {
    if ('plain' in part) return part.plain
    const { bound, f32, f64 } = part.integer
    return expr.convert(bound <= exactInF32 ? f32 : f64(), dtype)
  }

  /** sum + constant, where the sum is a trained layer's: with its own bias, and without what zero points take. */
  private biasedSum(part: Expr): Part | undefined {
    if (part.kind !== 'binary' || part.op !== 'add' || part.a.kind !== 'arg' || part.dtype !== 'i32') return undefined
    const source = this.node.operands[part.a.index]!
    const product = this.products.get(source.node)
    const isConstant =
      part.b.kind === 'const' || (part.b.kind === 'arg' && constantOf(this.node.operands[part.b.index]!))
    if (!product || !isConstant) return undefined
    const sum = this.asInteger(this.arg(part.a.index))
    if (!product.bias) return { integer: sum }
    const { dtype } = product.bias.type
    const bound = dtype === 'f32' ? exactInF32 : boundOfType('i32')
    const bias = this.integerOf(this.operands.push(product.bias) - 1, dtype, bound)
    const { f32, f64 } = meet('add', sum, bias)
    return { integer: { f32: f32 ?? expr.convert(f64(), 'f32'), f64, bound: sum.bound + bias.bound } }
  }

  private part(part: Expr, of: (operand: Expr) => Part): Part {
    const quantized = quantizationOf(part)
    if (quantized) {
      const { x, zero, low, high } = quantized
      const rounded = roundedWithin(this.plain(of(x), 'f32'), low - zero, high - zero)
      return { plain: zero === 0 ? rounded : f.add(rounded, zero) }
    }
    const biased = this.biasedSum(part)
    if (biased) return biased
    switch (part.kind) {
      case 'arg':
        return this.arg(part.index)
      case 'const':
        return { plain: part }
      case 'convert':
        return this.convert(part, of(part.x))
      case 'bitcast':
        return { plain: expr.bitcast(this.plain(of(part.x), part.x.dtype), part.dtype) }
      case 'unary': {
        const x = of(part.x)
        if ('plain' in x || (part.op !== 'neg' && part.op !== 'abs'))
          return { plain: expr.unary(part.op, this.plain(x, part.x.dtype)) }
        const { f32, f64, bound } = x.integer
        return { integer: { f32: expr.unary(part.op, f32), f64: () => expr.unary(part.op, f64()), bound } }
      }
      case 'select': {
        const cond = this.plain(of(part.cond), 'bool')
        const [a, b] = [of(part.a), of(part.b)]
        if ('plain' in a && 'plain' in b) return { plain: expr.select(cond, a.plain, b.plain) }
        const [p, q] = [this.asInteger(a), this.asInteger(b)]
        const f64 = (): Expr => expr.select(cond, p.f64(), q.f64())
        return { integer: { f32: expr.select(cond, p.f32, q.f32), f64, bound: Math.max(p.bound, q.bound) } }
      }
      case 'binary':
        return this.binary(part, of(part.a), of(part.b))
    }
  }

  private binary({ op, a: x, b: y }: Expr & { kind: 'binary' }, a: Part, b: Part): Part {
    const [p, q] = [this.asInteger.bind(this, a), this.asInteger.bind(this, b)]
    const plain = (): Part => ({ plain: expr.binary(op, this.plain(a, x.dtype), this.plain(b, y.dtype)) })
    if ('plain' in a && 'plain' in b) return plain()
    if (comparisons.has(op)) {
      const { f32, f64 } = meet(op, p(), q())
      return { plain: f32 ?? f64() }
    }
    const bound = boundOfBinary(op, p().bound, q().bound)
    // What may wrap around stays as it is.
    if (!arithmetic.has(op) || bound >= 2 ** 31) return plain()
    const { f32, f64 } = meet(op, p(), q())
    return { integer: { f32: f32 ?? expr.convert(f64(), 'f32'), f64, bound } }
  }

  private convert(part: Expr & { kind: 'convert' }, x: Part): Part {
    const { dtype } = part
    if ('integer' in x) {
      const { f32, f64, bound } = x.integer
      if (dtype === 'f32') return { plain: f32 }
      if (dtype === 'f64') return { plain: f64() }
      const fits = isInteger(dtype) && Number(integerRange(dtype).min) <= (part.x.dtype === 'u8' ? 0 : -bound)
      if (fits && bound <= Number(integerRange(dtype).max)) return x
      return { plain: expr.convert(this.plain(x, part.x.dtype), dtype) }
    }
    const quantized = isInteger(dtype) && part.x.dtype === 'f32' ? quantizationOf(part.x) : undefined
    if (!quantized) return { plain: expr.convert(x.plain, dtype) }
    const { low, high } = quantized
    const { min, max } = integerRange(dtype)
    if (low < Number(min) || high > Number(max)) return { plain: expr.convert(x.plain, dtype) }
    const bound = Math.max(Math.abs(low), Math.abs(high))
    return { integer: { f32: x.plain, f64: () => expr.convert(x.plain, 'f64'), bound } }
  }
}

class Carrier {
  private readonly floats = new Map<Value, Value>()
  private readonly carried: Map<Value, Carried>
  private readonly products: ReadonlyMap<Node, TrainedProduct>

  constructor(integers: ReadonlyMap<Value, Carried>, products: ReadonlyMap<Node, TrainedProduct>) {
    this.carried = new Map(integers)
    this.products = products
  }

  run(graph: Graph): readonly Value[] {
    for (const node of nodesOf(graph)) {
      const made = this.carriedResult(node)
      if (made) this.carried.set(node.results[0]!, made)
      else if (!node.results.every((r) => this.carried.has(r) || this.floats.has(r))) this.rebuild(node)
    }
    return graph.outputs.map(({ value }) => this.plain(value))
  }

  /** The value as it was, of integers again where it is carried. */
  private plain(value: Value): Value {
    const known = this.floats.get(value)
    if (known) return known
    const plain = new Builder(value.node.origin).convert(this.carried.get(value)!.value, value.type.dtype)
    this.floats.set(value, plain)
    return plain
  }

  private rebuild(node: Node): void {
    const operands = node.operands.map((o) => this.plain(o))
    const unchanged = operands.every((o, i) => o === node.operands[i])
    const copy = unchanged ? node : createNode<OpName>(node.op, operands, node.attrs, node.origin)
    node.results.forEach((r, i) => this.floats.set(r, copy.results[i]!))
  }

  /** An operand as floats, whether it is carried or comes from elsewhere. */
  private asFloats(value: Value, dtype?: DType): Carried {
    const b = new Builder(value.node.origin)
    const { value: x, bound } = this.carried.get(value) ?? {
      value: b.convert(this.floats.get(value)!, isFloat(value.type.dtype) ? value.type.dtype : 'f32'),
      bound: boundOfType(value.type.dtype),
    }
    return { value: dtype ? b.convert(x, dtype) : x, bound }
  }

  /** The result of a node as floats where it is integers that depend on carried ones; maps of floats are made here as well. */
  private carriedResult(node: Node): Carried | undefined {
    const product = this.products.get(node)
    if (product) return exactSum(node as NodeOf<'convolution'>, this.asFloats(node.operands[0]!, 'f32').value, product)
    if (node.op === 'map') return this.map(node)
    const [first] = node.operands
    if (!first || !node.operands.some((o) => this.carried.has(o))) return undefined
    const again = (operands: readonly Value[], bound: number): Carried => ({
      value: createNode<OpName>(node.op, operands, node.attrs, node.origin).results[0]!,
      bound,
    })
    switch (node.op) {
      case 'reshape':
      case 'transpose':
      case 'slice':
      case 'broadcast_in_dim': {
        const { value, bound } = this.carried.get(first)!
        return again([value], bound)
      }
      case 'gather': {
        if (!this.carried.has(first)) return undefined
        const { value, bound } = this.carried.get(first)!
        return again([value, ...node.operands.slice(1).map((o) => this.plain(o))], bound)
      }
      case 'pad':
      case 'concatenate': {
        const all = node.operands.map((o) => this.asFloats(o))
        const bound = Math.max(...all.map((own) => own.bound))
        const dtype = bound <= exactInF32 ? 'f32' : 'f64'
        return again(
          node.operands.map((o) => this.asFloats(o, dtype).value),
          bound,
        )
      }
      case 'reduce':
      case 'reduce_window': {
        const { bound } = this.carried.get(first)!
        const { kind } = node.attrs
        if (kind !== 'add' && kind !== 'max' && kind !== 'min') return undefined
        const terms =
          node.op === 'reduce_window'
            ? elementCount(node.attrs.window.map((w) => w.size))
            : elementCount(node.attrs.axes.map((a) => first.type.shape[a]!))
        const most = kind === 'add' ? bound * terms : bound
        return again([this.asFloats(first, most <= exactInF32 ? 'f32' : 'f64').value], most)
      }
      default:
        return undefined
    }
  }

  private map(node: NodeOf<'map'>): Carried | undefined {
    const [result] = node.results
    const mapping = new Mapping(
      node,
      node.operands.map((o) => this.carried.get(o)?.value ?? this.floats.get(o)!),
      (value) => this.carried.get(value),
      this.products,
    )
    const part = mapping.run()
    const b = new Builder(node.origin)
    const map = (body: Expr): Value =>
      b.broadcast(
        b.map(mapping.operands, () => body),
        result!.type.shape,
      )
    if ('plain' in part) {
      this.floats.set(result!, part.plain === node.attrs.expr ? this.same(node, mapping.operands) : map(part.plain))
      return undefined
    }
    const { f32, f64, bound } = part.integer
    return { value: map(bound <= exactInF32 ? f32 : f64()), bound }
  }

  private same(node: NodeOf<'map'>, operands: readonly Value[]): Value {
    const unchanged = operands.every((o, i) => o === node.operands[i])
    return (unchanged ? node : createNode('map', operands, node.attrs, node.origin)).results[0]!
  }
}

/**
 * The outputs of `graph`, in which `integers` are carried as given, and so is all that quantization makes integers of. `products` are
 * computed with weights and biases that are trained.
 */
export const integersAsFloats = (
  graph: Graph,
  integers: ReadonlyMap<Value, Carried>,
  products: ReadonlyMap<Node, TrainedProduct>,
): readonly Value[] => new Carrier(integers, products).run(graph)
