import { partUses, shareParts, type Expr } from '../../core/scalar/expr.ts'
import { broadcastShapes } from '../../core/shape.ts'
import { gridOf } from './fake-quantization.ts'
import type { NetworkBuilder } from './network-builder.ts'
import type { BinaryLayer, UnaryLayer } from './network.ts'
import { unsupported } from './unsupported.ts'

const unaryLayers: Readonly<Record<string, UnaryLayer>> = {
  ...{ tanh: 'tanh', exp: 'exp', log: 'log', sqrt: 'sqrt', abs: 'abs', neg: 'neg' },
}
const binaryLayers: Readonly<Record<string, BinaryLayer>> = {
  ...{ add: 'add', sub: 'sub', mul: 'mul', div: 'div', max: 'maximum', min: 'minimum' },
}

const isConstant = (e: Expr, value: number): boolean =>
  e.kind === 'const' && Math.fround(Number(e.value)) === Math.fround(value)

/** Both operands of a commutative `op`, the one that satisfies `first` before the other. */
function pair(e: Expr, op: string, first: (e: Expr) => boolean): [Expr, Expr] | undefined {
  if (e.kind !== 'binary' || e.op !== op) return undefined
  if (first(e.a)) return [e.a, e.b]
  return first(e.b) ? [e.b, e.a] : undefined
}

/** x of 1 / (1 + e^-x). */
function sigmoidOf(e: Expr): Expr | undefined {
  if (e.kind !== 'binary' || e.op !== 'div' || !isConstant(e.a, 1)) return undefined
  const exponential = pair(e.b, 'add', (part) => isConstant(part, 1))?.[1]
  if (exponential?.kind !== 'unary' || exponential.op !== 'exp' || exponential.x.kind !== 'unary') return undefined
  return exponential.x.op === 'neg' ? exponential.x.x : undefined
}

/** x of x · min(max(x / 6 + 1/2, 0), 1), as `hardSwish` of the front end builds it. */
function hardSwishOf(e: Expr): Expr | undefined {
  const factors = pair(e, 'mul', (part) => part.kind === 'binary' && part.op === 'min')
  const clamped = factors && pair(factors[0], 'min', (part) => isConstant(part, 1))
  const rectified = clamped && pair(clamped[1], 'max', (part) => isConstant(part, 0))
  const shifted = rectified && pair(rectified[1], 'add', (part) => isConstant(part, 0.5))
  const scaled = shifted && pair(shifted[1], 'mul', (part) => isConstant(part, 1 / 6))
  return scaled && scaled[1] === factors[1] ? scaled[1] : undefined
}

/** Layers for a scalar expression over tensors; `args[i]` is the tensor that `arg(i)` stands for. */
export function lowerExpression(net: NetworkBuilder, expr: Expr, args: readonly number[]): number {
  const root = shareParts(expr)
  const uses = partUses(root)
  const lowered = new Map<Expr, number>()

  function binary(op: BinaryLayer, a: number, b: number): number {
    const shape = broadcastShapes([net.shape(a), net.shape(b)])
    return net.layer(op, [a, b], shape ?? unsupported('operands that do not broadcast'))
  }

  /** Of a sum of sums; sums that are used elsewhere too stay whole. */
  function summands(e: Expr): Expr[] {
    if (e.kind !== 'binary' || e.op !== 'add') return [e]
    return [e.a, e.b].flatMap((part) => (uses.get(part)! > 1 ? [part] : summands(part)))
  }

  function sum(e: Expr): number {
    const terms = summands(e).map(lower)
    const isConstantTensor = (t: number): boolean => net.tensors[t]!.data !== undefined
    const constants = terms.filter(isConstantTensor)
    const others = terms.filter((t) => !isConstantTensor(t))
    const rest = constants.filter((bias) => !others.some((x) => net.foldBias(x, bias)))
    return [...others, ...rest].reduce((a, b) => binary('add', a, b))
  }

  function compute(e: Expr): number {
    if (e.dtype !== 'f32') return unsupported(`values of type ${e.dtype}`)
    if (e.kind === 'arg') return args[e.index]!
    if (e.kind === 'const') return net.tensor([], new Float32Array([Number(e.value)]))
    const quantized = gridOf(e)
    if (quantized) return net.round(lower(quantized.x), quantized.grid)
    const swish = hardSwishOf(e)
    const logistic = sigmoidOf(e)
    const special = swish ?? logistic
    if (special) {
      const x = lower(special)
      return net.layer(swish ? 'hardSwish' : 'sigmoid', [x], net.shape(x))
    }
    if (e.kind === 'unary') {
      const op = unaryLayers[e.op] ?? unsupported(`the function ${e.op}`)
      const x = lower(e.x)
      return net.layer(op, [x], net.shape(x))
    }
    if (e.kind !== 'binary') return unsupported(`an expression of kind ${e.kind}`)
    if (e.op === 'add') return sum(e)
    const rectified = pair(e, 'max', (part) => isConstant(part, 0))
    if (rectified) return net.activate(lower(rectified[1]), 'relu')
    const capped = pair(e, 'min', (part) => isConstant(part, 6))
    if (capped) {
      const x = lower(capped[1])
      if (net.isRectified(x)) return net.activate(x, 'relu6')
      return binary('minimum', x, lower(capped[0]))
    }
    return binary(binaryLayers[e.op] ?? unsupported(`the function ${e.op}`), lower(e.a), lower(e.b))
  }

  function lower(e: Expr): number {
    let tensor = lowered.get(e)
    if (tensor === undefined) {
      tensor = compute(e)
      lowered.set(e, tensor)
      const readers = uses.get(e) ?? 0
      if (e.kind !== 'arg' && readers > 1) net.replaceReader(tensor, readers)
    }
    return tensor
  }
  return lower(root)
}

/** How often the expression reads each of `count` operands. */
export function argumentUses(expr: Expr, count: number): number[] {
  const root = shareParts(expr)
  const uses = new Array<number>(count).fill(0)
  if (root.kind === 'arg') uses[root.index]!++
  for (const [part, readers] of partUses(root)) if (part.kind === 'arg') uses[part.index]! += readers
  return uses
}
