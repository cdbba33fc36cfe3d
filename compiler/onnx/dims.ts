import { Builder } from '../core/builder.ts'
import { isFloat, isInteger } from '../core/scalar/dtype.ts'
import { constantOf } from '../core/evaluate.ts'
import { constant, convert, foldExpr, type Expr } from '../core/scalar/expr.ts'
import * as f from '../core/scalar/formula.ts'
import type { Value } from '../core/graph.ts'
import {
  exactNumber,
  hull,
  intervalOf,
  meet,
  rangeOf,
  singleValue,
  unknown,
  type Interval,
} from '../core/scalar/interval.ts'
import { elementCount } from '../core/shape.ts'
import { reader, type Tensor } from '../core/tensor.ts'
import { broadcastIndex, source } from './element-source.ts'

/** A whole number that is known when the model runs. */
interface Unknown {
  readonly id: number
  /** i32[]. */
  readonly value: Value
  interval: Interval
}

/** factor · the product of the unknowns, which ascend. */
interface Term {
  readonly factor: number
  readonly unknowns: readonly Unknown[]
}

/**
 * A size, or an integer that one is computed from: a polynomial of unknowns, so that what is the same size is seen to be, however it
 * was computed. A number is one without unknowns.
 */
export interface Dim {
  /** By what they multiply; none has factor 0. */
  readonly terms: ReadonlyMap<string, Term>
}

const keyOf = (unknowns: readonly Unknown[]): string => unknowns.map(({ id }) => id).join('*')

const dimOf = (terms: readonly Term[]): Dim => {
  const sums = new Map<string, Term>()
  for (const { factor, unknowns } of terms) {
    const key = keyOf(unknowns)
    const sum = (sums.get(key)?.factor ?? 0) + factor
    if (sum === 0) sums.delete(key)
    else sums.set(key, { factor: sum, unknowns })
  }
  return { terms: sums }
}

export const known = (n: number): Dim => dimOf([{ factor: n, unknowns: [] }])

/** The number that it is, if it is known. */
export function numberOf({ terms }: Dim): number | undefined {
  if (terms.size === 0) return 0
  return terms.size === 1 ? terms.get('')?.factor : undefined
}

const keyOfDim = ({ terms }: Dim): string =>
  [...terms]
    .map(([key, { factor }]) => `${factor}:${key}`)
    .sort()
    .join('+')

export const sameDim = (a: Dim, b: Dim): boolean => keyOfDim(a) === keyOfDim(b)

const interval = (low: number, high: number): Interval => ({ low, high, finite: true })

const times = (a: Interval, b: Interval): Interval => {
  const product = (x: number, y: number): number => (x === 0 || y === 0 ? 0 : x * y)
  const all = [product(a.low, b.low), product(a.low, b.high), product(a.high, b.low), product(a.high, b.high)]
  return interval(Math.min(...all), Math.max(...all))
}

/** What the dimension may be. */
export function rangeOfDim({ terms }: Dim): Interval {
  return [...terms.values()].reduce(
    (sum, { factor, unknowns }) => {
      const term = unknowns.reduce((all, each) => times(all, each.interval), interval(factor, factor))
      return interval(sum.low + term.low, sum.high + term.high)
    },
    interval(0, 0),
  )
}

export const add = (a: Dim, b: Dim): Dim => dimOf([...a.terms.values(), ...b.terms.values()])

export const multiply = (a: Dim, b: Dim): Dim =>
  dimOf(
    [...a.terms.values()].flatMap((x) =>
      [...b.terms.values()].map((y) => ({
        factor: x.factor * y.factor,
        unknowns: [...x.unknowns, ...y.unknowns].sort((u, v) => u.id - v.id),
      })),
    ),
  )

export const subtract = (a: Dim, b: Dim): Dim => add(a, multiply(b, known(-1)))

export const productOf = (dims: readonly Dim[]): Dim => dims.reduce(multiply, known(1))

/** a / b where that is a polynomial again. */
function exactQuotient(a: Dim, b: Dim): Dim | undefined {
  const [divisor] = b.terms.values()
  if (b.terms.size !== 1) return undefined
  const terms = [...a.terms.values()].map(({ factor, unknowns }): Term | undefined => {
    const rest = [...unknowns]
    const divides = divisor!.unknowns.every((each) => {
      const at = rest.indexOf(each)
      if (at >= 0) rest.splice(at, 1)
      return at >= 0
    })
    return divides && factor % divisor!.factor === 0 ? { factor: factor / divisor!.factor, unknowns: rest } : undefined
  })
  return terms.every((term) => term !== undefined) ? dimOf(terms) : undefined
}

/** Elements that are looked at one by one: of shapes and the like. */
const mostElements = 64
const mostTerms = 16
/** Half of what i32 holds, so that sums fit too. */
export const mostLength = 2 ** 30
/** Nodes on the way to an element; what lies deeper is an unknown. */
const mostDepth = 256

/** The sizes that depend on data, of one model: what integers can be, and which are equal. */
export class Dims {
  private readonly unknowns = new Map<string, Unknown>()
  private readonly elements = new Map<Value, Map<number, Dim>>()
  private readonly bounds = new Map<Value, readonly Interval[]>()
  private readonly values = new Map<string, Value>()
  private readonly ids = new Map<Value, number>()

  /** Notes that the elements of `value` are within: one bound for all, or one for each. */
  bound(value: Value, within: readonly Interval[]): void {
    this.bounds.set(value, within)
    this.elements.delete(value)
  }

  /** Notes that the count of elements in a tensor, an i32[], is no more than it holds. */
  count(value: Value, most: number): Dim {
    // One that was computed here is known better.
    if (!this.bounds.has(value) && !this.elements.has(value)) this.bound(value, [interval(0, most)])
    return this.element(value, 0)
  }

  /** An i32[] that is the dimension: the same value for the same dimension. */
  value(b: Builder, dim: Dim): Value {
    const key = keyOfDim(dim)
    const before = this.values.get(key)
    if (before) return before
    const own = [...dim.terms.values()]
    const unknowns = [...new Set(own.flatMap((term) => term.unknowns))]
    const single = own.length === 1 && own[0]!.factor === 1 && unknowns.length === 1 && own[0]!.unknowns.length === 1
    const made = single
      ? unknowns[0]!.value
      : unknowns.length === 0
        ? b.scalar(numberOf(dim)!, 'i32')
        : b.map(
            unknowns.map(({ value }) => value),
            (...args) =>
              own
                .map(({ factor, unknowns: each }) =>
                  each.reduce<Expr>((e, u) => f.mul(e, args[unknowns.indexOf(u)]!), constant(factor, 'i32')),
                )
                .reduce(f.add),
          )
    this.values.set(key, made)
    this.elements.set(made, new Map([[0, dim]]))
    return made
  }

  /** The dimension that formula `name` makes of others; `compute` says it of i32, `within` what it may be. */
  private computed(
    b: Builder,
    name: string,
    dims: readonly Dim[],
    compute: (...args: Expr[]) => Expr,
    within: Interval,
  ): Dim {
    const value = singleValue(within)
    if (value !== undefined) return known(value)
    const key = `${name}(${dims.map(keyOfDim).join(',')})`
    const made = this.unknown(key, within, () =>
      b.map(
        dims.map((dim) => this.value(b, dim)),
        compute,
      ),
    )
    return dimOf([{ factor: 1, unknowns: [made] }])
  }

  private unknown(key: string, within: Interval, make: () => Value): Unknown {
    const before = this.unknowns.get(key)
    if (before) before.interval = meet(before.interval, within)
    const made = before ?? { id: this.unknowns.size, value: make(), interval: within }
    if (!before) {
      this.unknowns.set(key, made)
      this.elements.set(made.value, new Map([[0, dimOf([{ factor: 1, unknowns: [made] }])]]))
    }
    return made
  }

  max(b: Builder, x: Dim, y: Dim): Dim {
    const { low, high } = rangeOfDim(subtract(x, y))
    if (low >= 0) return x
    if (high <= 0) return y
    const [p, q] = [rangeOfDim(x), rangeOfDim(y)]
    return this.computed(b, 'max', [x, y], f.max, interval(Math.max(p.low, q.low), Math.max(p.high, q.high)))
  }

  min(b: Builder, x: Dim, y: Dim): Dim {
    const { low, high } = rangeOfDim(subtract(x, y))
    if (low >= 0) return y
    if (high <= 0) return x
    const [p, q] = [rangeOfDim(x), rangeOfDim(y)]
    return this.computed(b, 'min', [x, y], f.min, interval(Math.min(p.low, q.low), Math.min(p.high, q.high)))
  }

  /** `x` counted from the end of `size` where it is negative. */
  wrap(b: Builder, x: Dim, size: Dim): Dim {
    const { low, high } = rangeOfDim(x)
    if (low >= 0) return x
    const wrapped = add(x, size)
    if (high < 0) return wrapped
    const ends = rangeOfDim(wrapped)
    const within = interval(Math.min(0, ends.low), Math.max(high, ends.high))
    return this.computed(b, 'wrap', [x, size], (i, n) => f.select(f.lt(i!, 0), f.add(i!, n!), i!), within)
  }

  /** ⌊x / y⌋ of what is not negative. */
  divide(b: Builder, x: Dim, y: Dim): Dim {
    const exact = exactQuotient(x, y)
    if (exact) return exact
    const [p, q] = [rangeOfDim(x), rangeOfDim(y)]
    const within = interval(
      Math.max(0, Math.floor(Math.max(0, p.low) / Math.max(1, q.high))),
      Math.floor(Math.max(0, p.high) / Math.max(1, q.low)),
    )
    return this.computed(b, 'div', [x, y], (i, j) => f.div(f.max(i!, 0), f.max(j!, 1)), within)
  }

  /** ⌈x / y⌉ of what is not negative. */
  ceil(b: Builder, x: Dim, y: Dim): Dim {
    return exactQuotient(x, y) ?? this.divide(b, add(x, add(y, known(-1))), y)
  }

  /** Element `index` of integers, in row-major order. */
  element(value: Value, index: number, depth = 0): Dim {
    const memo = this.elements.get(value) ?? new Map<number, Dim>()
    this.elements.set(value, memo)
    const before = memo.get(index)
    if (before) return before
    const found = this.find(value, index, depth)
    memo.set(index, found)
    return found
  }

  private find(value: Value, index: number, depth: number): Dim {
    const constant = constantOf(value)
    if (constant) {
      const exact = exactNumber(constant.dtype, reader(constant)(index))
      const number = singleValue(exact)
      if (number !== undefined) return known(number)
    }
    const bounds = this.bounds.get(value)
    const moved = bounds || depth > mostDepth ? undefined : source(value, index)
    if (moved) return this.element(moved.value, moved.index, depth + 1)
    const combined = bounds || depth > mostDepth ? undefined : this.combine(value, index, depth + 1)
    if (combined && combined.terms.size <= mostTerms) return combined
    const within = bounds ? (bounds[index] ?? bounds[0]!) : this.interval(value, index, depth + 1)
    const { dtype, shape } = value.type
    const key = `v${this.idOf(value)}[${index}]`
    const made = this.unknown(key, within, () => {
      const b = new Builder(value.node.origin)
      const scalar = b.reshape(b.slice(b.reshape(value, [elementCount(shape)]), [index], [1]), [])
      // No tensor is as long; what is outside of a bound stays outside of it.
      const fits = within.low >= -mostLength && within.high <= mostLength
      const low = ['u64', 'u32'].includes(dtype) ? 0 : -mostLength
      const wide = ['i32', 'i64', 'u64', 'u32'].includes(dtype) && !(fits && dtype === 'i32')
      return wide ? b.map([scalar], (x) => convert(f.max(f.min(x!, mostLength), low), 'i32')) : b.convert(scalar, 'i32')
    })
    return dimOf([{ factor: 1, unknowns: [made] }])
  }

  private idOf(value: Value): number {
    const id = this.ids.get(value) ?? this.ids.size
    this.ids.set(value, id)
    return id
  }

  /** The element of a map or product of integers as a polynomial. */
  private combine(value: Value, index: number, depth: number): Dim | undefined {
    const { node } = value
    if (node.op === 'reduce' && node.attrs.kind === 'mul') {
      const [x] = node.operands as [Value]
      const size = elementCount(x.type.shape)
      if (elementCount(value.type.shape) !== 1 || size > mostElements || !isInteger(x.type.dtype)) return undefined
      return productOf(Array.from({ length: size }, (_, i) => this.element(x, i, depth)))
    }
    if (node.op !== 'map') return undefined
    return foldExpr<Dim | undefined>(node.attrs.expr, (e, of) => {
      if (!isInteger(e.dtype)) return undefined
      if (e.kind === 'const') return known(Number(e.value))
      if (e.kind === 'arg') {
        const operand = node.operands[e.index]!
        return isInteger(operand.type.dtype)
          ? this.element(operand, broadcastIndex(operand.type.shape, value.type.shape, index), depth)
          : undefined
      }
      if (e.kind === 'convert') return isInteger(e.x.dtype) ? of(e.x) : undefined
      if (e.kind !== 'binary') return undefined
      const [x, y] = [of(e.a), of(e.b)]
      if (!x || !y) return undefined
      if (e.op === 'add') return add(x, y)
      if (e.op === 'sub') return subtract(x, y)
      if (e.op === 'mul') return multiply(x, y)
      if (e.op !== 'div') return undefined
      const exact = exactQuotient(x, y)
      // Of what is negative, division rounds up.
      const nonNegative = rangeOfDim(x).low >= 0 && rangeOfDim(y).low >= 1
      return exact ?? (nonNegative ? this.divide(new Builder(value.node.origin), x, y) : undefined)
    })
  }

  /** What element `index` of a value may be, or without it any of them. */
  private interval(value: Value, index: number | undefined, depth: number): Interval {
    const { node, type } = value
    const bounds = this.bounds.get(value)
    if (bounds) return bounds[index ?? 0] ?? bounds.reduce(hull)
    const constant = constantOf(value)
    if (constant) return intervalOfTensor(constant, index)
    const whole = rangeOf(type.dtype)
    if (depth > mostDepth) return whole
    const of = (x: Value, i?: number): Interval =>
      i !== undefined && isInteger(x.type.dtype) && elementCount(x.type.shape) <= mostElements
        ? rangeOfDim(this.element(x, i, depth + 1))
        : this.interval(x, i, depth + 1)
    switch (node.op) {
      case 'map': {
        const args = node.operands.map((x) =>
          of(x, index === undefined ? undefined : broadcastIndex(x.type.shape, type.shape, index)),
        )
        return intervalOf(node.attrs.expr)(args)
      }
      case 'reshape':
      case 'transpose':
      case 'broadcast_in_dim':
      case 'slice': {
        const moved = index === undefined ? undefined : source(value, index)
        return moved ? of(moved.value, moved.index) : of(node.operands[0]!)
      }
      case 'gather':
      case 'sort':
        return value.index === 0 ? of(node.operands[0]!) : whole
      case 'concatenate': {
        const moved = index === undefined ? undefined : source(value, index)
        return moved ? of(moved.value, moved.index) : node.operands.map((x) => of(x)).reduce(hull)
      }
      case 'reduce':
      case 'cumulate': {
        const [x] = node.operands as [Value]
        const all = of(x)
        if (!all.finite || isFloat(type.dtype)) return whole
        if (node.attrs.kind === 'max' || node.attrs.kind === 'min') return all
        const axes = node.op === 'reduce' ? node.attrs.axes : [node.attrs.axis]
        const count = elementCount(axes.map((axis) => x.type.shape[axis]!))
        if (node.attrs.kind !== 'add') return whole
        return interval(Math.min(0, count * all.low), Math.max(0, count * all.high))
      }
      case 'iota':
        return interval(0, Math.max(0, type.shape[node.attrs.axis]! - 1))
      default:
        return whole
    }
  }
}

function intervalOfTensor(t: Tensor, index: number | undefined): Interval {
  const read = reader(t)
  if (index !== undefined) return exactNumber(t.dtype, read(index))
  let all: Interval | undefined
  for (let i = 0; i < t.data.length; i++) {
    const one = exactNumber(t.dtype, read(i))
    all = all ? hull(all, one) : one
  }
  return all ?? unknown
}
