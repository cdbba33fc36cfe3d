/**
 * Brings maps over integer sums to the form that kernels finish sums with, round((sum + bias) · multiplier):
 * a bias in floats goes back into the sum, successive scales become one, clamps of reals become clamps of the result.
 * Before: maps are fused and constants folded. After: in maps, an i32 sum gets at most one bias, in i32, and where it is
 * quantized it is scaled once; an integer that is converted to 8 bits and back stays where it is.
 */
import { boundOver } from '../../core/analysis/bounds.ts'
import { Builder } from '../../core/builder.ts'
import { integerRange, isInteger } from '../../core/scalar/dtype.ts'
import { constantOf } from '../../core/evaluate.ts'
import { arg, constant, convert, parts, replaceParts, substitute, type Expr } from '../../core/scalar/expr.ts'
import * as f from '../../core/scalar/formula.ts'
import { applyPatch, nodesOf, type Graph, type NodeOf, type Value } from '../../core/graph.ts'
import { roundHalfEven } from '../../core/scalar/half.ts'
import { largest, mayMove, mayScale, weightSums } from '../../core/analysis/reassociation.ts'
import { convertScalar } from '../../core/scalar/scalar.ts'
import { elementCount } from '../../core/shape.ts'
import { tensorOf, toNumbers } from '../../core/tensor.ts'
import { productOf } from '../product.ts'

/** sum + bias - less, in i32. */
interface Biased {
  readonly sum: Expr
  readonly bias: Value | undefined
  readonly less: Expr | undefined
}

interface Scaled extends Biased {
  readonly scale: Value
}

/** The rewriting of one map: constants are values, so that vectors of them are treated as single ones are. */
class Rewriter {
  private readonly operands: Value[]
  private readonly b: Builder

  constructor(node: NodeOf<'map'>) {
    this.operands = [...node.operands]
    this.b = new Builder(node.origin)
  }

  rewrite(expr: Expr): Value | undefined {
    const literal = replaceParts(expr, convertedConstant)
    const direct = replaceParts(literal, (e) => this.integerAgain(e))
    const biased = this.everywhere(direct, (e) => this.withBias(e))
    const result = this.everywhere(biased, (e) => this.requantized(e))
    if (result === expr) return undefined
    const used = [...new Set(parts(result).flatMap((e) => (e.kind === 'arg' ? [e.index] : [])))]
    const renumbered = substitute(result, (i, dtype) => arg(used.indexOf(i), dtype))
    return this.b.map(
      used.map((i) => this.operands[i]!),
      () => renumbered,
    )
  }

  /** Applies `to`, operands before their users, until nothing changes. */
  private everywhere(expr: Expr, to: (e: Expr) => Expr | undefined): Expr {
    for (const part of parts(expr)) {
      const replacement = to(part)
      if (!replacement) continue
      return this.everywhere(
        replaceParts(expr, (e) => (e === part ? replacement : undefined)),
        to,
      )
    }
    return expr
  }

  private constantValue(e: Expr): Value | undefined {
    if (e.kind === 'const') return this.b.scalar(e.value, e.dtype)
    const value = e.kind === 'arg' ? this.operands[e.index]! : undefined
    return value && constantOf(value) ? value : undefined
  }

  /** A part of the expression that is `value`: a literal where it has one element. */
  private asExpr(value: Value): Expr {
    const known = constantOf(value)!
    if (elementCount(known.shape) === 1) return constant(toNumbers(known)[0]!, known.dtype)
    return arg(this.operands.push(this.b.constant(known)) - 1, known.dtype)
  }

  private isSum(e: Expr): boolean {
    if (e.kind !== 'arg' || e.dtype !== 'i32') return false
    const { op } = this.operands[e.index]!.node
    return op === 'convolution' || op === 'dot_general'
  }

  /** `e` as an i32 sum, what is known of it and what else is subtracted. */
  private biasedSum(e: Expr): Biased | undefined {
    if (this.isSum(e)) return { sum: e, bias: undefined, less: undefined }
    if (e.kind !== 'binary' || e.dtype !== 'i32' || (e.op !== 'add' && e.op !== 'sub')) return undefined
    const inner = this.biasedSum(e.a)
    if (!inner) return undefined
    const bias = this.constantValue(e.b)
    if (!bias) return e.op === 'sub' && !inner.less ? { ...inner, less: e.b } : undefined
    const signed = e.op === 'add' ? bias : this.b.unary('neg', bias)
    return { ...inner, bias: inner.bias ? this.b.binary('add', inner.bias, signed) : signed }
  }

  private scaled(e: Expr): Scaled | undefined {
    if (e.kind !== 'binary' || e.op !== 'mul' || e.dtype !== 'f32' || e.a.kind !== 'convert') return undefined
    const scale = this.constantValue(e.b)
    const sum = scale && this.biasedSum(e.a.x)
    return sum && { ...sum, scale }
  }

  private whole({ sum, bias, less }: Biased): Expr {
    const biased = bias ? f.add(sum, this.asExpr(bias)) : sum
    return less ? f.sub(biased, less) : biased
  }

  private product(scaled: Scaled): Expr {
    return f.mul(convert(this.whole(scaled), 'f32'), this.asExpr(scaled.scale))
  }

  /** (sum · scale) + bias as (sum + integer bias) · scale, where the bias is an integer of that scale; sum + b - c as sum + d. */
  private withBias(e: Expr): Expr | undefined {
    if (e.kind !== 'binary') return undefined
    if (e.dtype === 'i32') {
      const sum = this.biasedSum(e)
      if (!sum?.bias) return undefined
      // In order already: sum, sum + bias, or that less something.
      const rest = sum.less && e.op === 'sub' && e.b === sum.less ? e.a : e
      const inOrder = rest.kind === 'binary' && rest.op === 'add' && this.isSum(rest.a)
      return inOrder ? undefined : this.whole(sum)
    }
    if (e.op !== 'add' || e.dtype !== 'f32') return undefined
    const scaled = this.scaled(e.a)
    const real = scaled && this.constantValue(e.b)
    const bias = real && this.integerBias(real, scaled.scale)
    if (!bias || !mayMove(largestOf(real), this.weightsOf(scaled))) return undefined
    return this.product({ ...scaled, bias: scaled.bias ? this.b.binary('add', scaled.bias, bias) : bias })
  }

  /** The largest scale · Σ |w| of a channel of the product that is summed up. */
  private weightsOf({ sum, scale }: Scaled): number {
    const product = sum.kind === 'arg' ? productOf(this.operands[sum.index]!.node) : undefined
    const sums = product && weightSums(product.node.operands[1]!, product.weightAxis)
    const scales = toNumbers(constantOf(scale)!)
    if (!sums || (scales.length !== 1 && scales.length !== sums.length)) return Infinity
    return largest(sums.map((weights, c) => weights * scales[scales.length === 1 ? 0 : c]!))
  }

  /** `scale` / `step`; undefined where one scale cannot stand for both. */
  private divided(scale: Value, step: number): Value | undefined {
    const quotient = this.b.binary('div', scale, this.b.scalar(step, 'f32'))
    return mayScale(largestOf(scale), largestOf(quotient)) ? quotient : undefined
  }

  private integerBias(real: Value, scale: Value): Value | undefined {
    const ratio = constantOf(this.b.map([real, scale], (r, s) => f.div(convert(r!, 'f64'), convert(s!, 'f64'))))!
    const exact = toNumbers(ratio)
    const values = exact.map(roundHalfEven)
    // A bias in floats has 24 bits, and its scale may have been rounded once more than the product of the other two.
    const near = values.every(
      (v, i) => Math.abs(v - exact[i]!) <= 1e-3 + Math.abs(v) * 2 ** -21 && Math.abs(v) < 2 ** 30,
    )
    return near ? this.b.constant(tensorOf('i32', ratio.shape, values)) : undefined
  }

  /** One step of bringing round(clamp((sum + bias) · scale) / step) + zero to one multiplier and one clamp around it all. */
  private requantized(e: Expr): Expr | undefined {
    if (e.dtype !== 'f32') return undefined
    if (e.kind === 'unary' && e.op === 'round') return this.rounded(e.x)
    if (e.kind !== 'binary' || e.b.kind !== 'const') return undefined
    const bound = Number(e.b.value)
    const { a } = e
    if (a.kind !== 'binary' || (a.op !== 'max' && a.op !== 'min') || a.b.kind !== 'const') return undefined
    const inner = Number(a.b.value)
    // Adding integers below 2^23 is exact in f32.
    if (e.op === 'add' && isRounded(a.a) && Math.abs(inner) + Math.abs(bound) < 2 ** 23) {
      return f[a.op](f.add(a.a, bound), inner + bound)
    }
    if (e.op === a.op) return f[a.op](a.a, a.op === 'max' ? Math.max(inner, bound) : Math.min(inner, bound))
    // max(min(x, high), low) as min(max(x, low), high), the order that `saturated` has.
    return e.op === 'max' && a.op === 'min' && bound <= inner ? f.min(f.max(a.a, bound), inner) : undefined
  }

  private rounded(x: Expr): Expr | undefined {
    const step = x.kind === 'binary' && x.op === 'div' && x.b.kind === 'const' ? Number(x.b.value) : 1
    const real = x.kind === 'binary' && x.op === 'div' ? x.a : x
    if (!(step > 0) || (real !== x && step === 1)) return undefined
    if (real.kind === 'binary' && (real.op === 'max' || real.op === 'min') && real.b.kind === 'const') {
      const quotient = real === x ? real.a : f.div(real.a, step)
      return f[real.op](f.round(quotient), roundHalfEven(Math.fround(Number(real.b.value) / step)))
    }
    if (real !== x && real.kind === 'binary' && real.op === 'add') {
      const [a, c] = [this.rescaled(real.a, step), this.rescaled(real.b, step)]
      return a && c && f.round(f.add(a, c))
    }
    const scaled = real === x ? undefined : this.scaled(real)
    const scale = scaled && this.divided(scaled.scale, step)
    return scale && f.round(this.product({ ...scaled, scale }))
  }

  /** An integer times a constant, divided by `step`: with one constant. */
  private rescaled(e: Expr, step: number): Expr | undefined {
    if (e.kind !== 'binary' || e.op !== 'mul' || !isWhole(e.a)) return undefined
    const factor = this.constantValue(e.b)
    const scale = factor && this.divided(factor, step)
    return scale && f.mul(e.a, this.asExpr(scale))
  }

  /** An integer in f32 that goes through 8 bits that hold it. */
  private integerAgain(e: Expr): Expr | undefined {
    if (e.kind !== 'convert') return undefined
    const shift =
      e.dtype === 'f32' && e.x.kind === 'binary' && e.x.op === 'sub' && e.x.dtype === 'i32' ? e.x : undefined
    const source = shift ? shift.a : e.x
    const through = source.kind === 'convert' && shift ? source.x : source
    if (through.kind !== 'convert' || !isInteger(through.dtype) || through.x.dtype !== 'f32' || e.dtype !== 'f32')
      return undefined
    const { min, max } = integerRange(through.dtype)
    const { low, high, inner } = clampOf(through.x)
    if (
      !isRounded(inner.kind === 'binary' && inner.op === 'add' ? inner.a : inner) ||
      low < Number(min) ||
      high > Number(max) ||
      boundOver(inner, this.operands) === Infinity
    )
      return undefined
    const kept = replaceParts(through.x, (part) => (part === e ? undefined : this.integerAgain(part)))
    if (!shift) return kept
    return shift.b.kind === 'const' ? f.sub(kept, Number(shift.b.value)) : undefined
  }
}

/** Whether the part is an integer in f32, or one minus a constant. */
const isWhole = (e: Expr): boolean =>
  (e.kind === 'convert' && isInteger(e.x.dtype)) ||
  isRounded(e) ||
  (e.kind === 'binary' &&
    e.dtype === 'f32' &&
    ['add', 'sub', 'min', 'max'].includes(e.op) &&
    isWhole(e.a) &&
    e.b.kind === 'const')

const largestOf = (value: Value): number => largest(toNumbers(constantOf(value)!))

export const isRounded = (e: Expr): boolean => e.kind === 'unary' && e.op === 'round'

/** A converted literal as a literal. */
const convertedConstant = (e: Expr): Expr | undefined =>
  e.kind === 'convert' && e.x.kind === 'const'
    ? constant(convertScalar(e.x.value, e.x.dtype, e.dtype), e.dtype)
    : undefined

/** `e` as min(max(inner, low), high), in any order and nesting. */
export function clampOf(e: Expr): { inner: Expr; low: number; high: number } {
  if (e.kind !== 'binary' || (e.op !== 'min' && e.op !== 'max') || e.b.kind !== 'const') {
    return { inner: e, low: -Infinity, high: Infinity }
  }
  const { inner, low, high } = clampOf(e.a)
  const bound = Number(e.b.value)
  const limit = e.op === 'min' ? Math.min : Math.max
  return { inner, low: limit(low, bound), high: limit(high, bound) }
}

export function requantize(graph: Graph): Graph {
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'map') continue
    const rewritten = new Rewriter(node).rewrite(node.attrs.expr)
    if (rewritten) patch.set(node.results[0]!, rewritten)
  }
  return applyPatch(graph, patch)
}
