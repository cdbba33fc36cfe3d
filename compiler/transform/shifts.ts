import { isFloat } from '../core/scalar/dtype.ts'
import { foldExpr, literal, type Expr } from '../core/scalar/expr.ts'
import type { Node, NodeOf, Value } from '../core/graph.ts'
import type { Shape } from '../core/shape.ts'

/**
 * How a value depends on an offset δ that is added to a maximum, an own one for each of its elements: it becomes x + k δ, or
 * e^(k δ) x. `axes` says along which axis of the maximum δ varies with each axis of the value, if it does.
 */
interface Degree {
  readonly kind: 'shifted' | 'scaled'
  readonly k: number
  readonly axes: readonly (number | undefined)[]
}

/** None: the value does not depend on δ. */
type Known = Degree | 'none' | 'unknown'

const degree = (kind: Degree['kind'], k: number, axes: Degree['axes']): Known => (k === 0 ? 'none' : { kind, k, axes })

const sameAxes = (a: Degree, b: Degree): boolean => a.axes.every((axis, i) => axis === b.axes[i])

/** The degree where both are of that kind; a value that does not depend on δ is of either, with 0. */
function combined(kind: Degree['kind'], a: Known, b: Known, k: (p: number, q: number) => number | undefined): Known {
  if (a === 'unknown' || b === 'unknown') return 'unknown'
  const [p, q] = [a, b].map((d) => (d === 'none' ? 0 : d.kind === kind ? d.k : undefined))
  const axes = a === 'none' ? b : a
  if (p === undefined || q === undefined || axes === 'none') return axes === 'none' ? 'none' : 'unknown'
  if (a !== 'none' && b !== 'none' && !sameAxes(a, b)) return 'unknown'
  const sum = k(p, q)
  return sum === undefined ? 'unknown' : degree(kind, sum, axes.axes)
}

const equal = (p: number, q: number): number | undefined => (p === q ? p : undefined)

/** Both of the same kind and degree. */
const alike = (a: Known, b: Known): Known => {
  const shifted = combined('shifted', a, b, equal)
  return shifted === 'unknown' ? combined('scaled', a, b, equal) : shifted
}

const firstKnown = (a: Known, b: () => Known): Known => (a === 'unknown' ? b() : a)

function ofPart(part: Expr, argument: (index: number) => Known, of: (e: Expr) => Known): Known {
  switch (part.kind) {
    case 'arg':
      return argument(part.index)
    case 'const':
      return 'none'
    case 'convert':
      return isFloat(part.dtype) && isFloat(part.x.dtype) ? of(part.x) : of(part.x) === 'none' ? 'none' : 'unknown'
    case 'bitcast':
      return of(part.x) === 'none' ? 'none' : 'unknown'
    case 'select':
      return of(part.cond) === 'none' ? alike(of(part.a), of(part.b)) : 'unknown'
    case 'unary': {
      const x = of(part.x)
      if (typeof x === 'string') return x
      if (part.op === 'neg') return x.kind === 'shifted' ? { ...x, k: -x.k } : x
      if (part.op === 'exp' && x.kind === 'shifted') return { ...x, kind: 'scaled' }
      if (part.op === 'log' && x.kind === 'scaled') return { ...x, kind: 'shifted' }
      return 'unknown'
    }
    case 'binary': {
      const [a, b] = [of(part.a), of(part.b)]
      if (a === 'none' && b === 'none') return 'none'
      switch (part.op) {
        case 'add':
          return firstKnown(
            combined('shifted', a, b, (p, q) => p + q),
            () => combined('scaled', a, b, equal),
          )
        case 'sub':
          return firstKnown(
            combined('shifted', a, b, (p, q) => p - q),
            () => combined('scaled', a, b, equal),
          )
        case 'mul': {
          const factor = literal(part.b)
          if (typeof a !== 'string' && a.kind === 'shifted' && !Number.isNaN(factor))
            return degree('shifted', a.k * factor, a.axes)
          return combined('scaled', a, b, (p, q) => p + q)
        }
        case 'div':
          return combined('scaled', a, b, (p, q) => p - q)
        case 'max':
        case 'min':
          return alike(a, b)
        default:
          return 'unknown'
      }
    }
  }
}

type Labels = Degree['axes']

/** Labels under another shape that moves axes of length 1 alone. */
function reshaped(from: Shape, to: Shape, axes: Labels): Labels | undefined {
  const kept = axes.filter((_, i) => from[i] !== 1)
  const lengths = from.filter((d) => d !== 1)
  if (lengths.join() !== to.filter((d) => d !== 1).join()) return undefined
  let next = 0
  return to.map((d) => (d === 1 ? undefined : kept[next++]))
}

function ofMap(node: NodeOf<'map'>, known: ReadonlyMap<Value, Degree>): Known {
  const { length } = node.results[0]!.type.shape
  const argument = (index: number): Known => {
    const operand = node.operands[index]!
    const own = known.get(operand)
    if (!own) return 'none'
    const lead = new Array<undefined>(length - operand.type.shape.length).fill(undefined)
    return { ...own, axes: [...lead, ...own.axes] }
  }
  return foldExpr<Known>(node.attrs.expr, (part, of) => ofPart(part, argument, of))
}

/** What becomes of the first operand's degree; `unknown` where that cannot be told. */
function ofNode(node: Node, known: ReadonlyMap<Value, Degree>): Known {
  if (node.op === 'map') return ofMap(node, known)
  const [operand, ...others] = node.operands
  const own = known.get(operand!)
  if (!own || others.length > 0) return 'unknown'
  const from = operand!.type.shape
  const withAxes = (axes: Labels | undefined): Known => (axes ? { ...own, axes } : 'unknown')
  switch (node.op) {
    case 'reshape':
      return withAxes(reshaped(from, node.attrs.shape, own.axes))
    case 'transpose':
      return withAxes(node.attrs.perm.map((p) => own.axes[p]))
    case 'broadcast_in_dim': {
      const { shape, dims } = node.attrs
      return withAxes(
        shape.map((d, axis) => (from[dims.indexOf(axis)] === d ? own.axes[dims.indexOf(axis)] : undefined)),
      )
    }
    case 'reduce': {
      const { axes, kind } = node.attrs
      const keeps = kind === 'max' || kind === 'min' || (kind === 'add' && own.kind === 'scaled')
      if (!keeps || axes.some((axis) => own.axes[axis] !== undefined)) return 'unknown'
      return withAxes(own.axes.filter((_, axis) => !axes.includes(axis)))
    }
    default:
      return 'unknown'
  }
}

/** Nodes that depend on a maximum, up to which it is followed: a softmax has some ten. */
const mostNodes = 24

/**
 * The maxima (or minima) on which nothing depends in the end that was made with them, as of a softmax, e^(x − m) / Σ e^(x − m), and
 * its logarithm: they keep exponentials in range, and their gradients cancel. So they count as constants, without the
 * rounding and the work of what would cancel. Values of `order`, of which `outputs` are looked at from outside.
 */
export function shiftsWithin(order: readonly Node[], outputs: readonly Value[]): ReadonlySet<Value> {
  const maxima = order.filter((node) => node.op === 'reduce' && isExtreme(node))
  if (maxima.length === 0) return new Set()
  const position = new Map(order.map((node, i) => [node, i]))
  const users = new Map<Value, Node[]>()
  for (const node of order) {
    for (const operand of new Set(node.operands)) {
      const known = users.get(operand)
      if (known) known.push(node)
      else users.set(operand, [node])
    }
  }
  const seen = new Set(outputs)
  const isShift = (start: Value): boolean => {
    const axes = start.type.shape.map((d, i) => (d === 1 ? undefined : i))
    const known = new Map<Value, Degree>([[start, { kind: 'shifted', k: 1, axes }]])
    const pending = new Set(users.get(start))
    for (let visited = 0; pending.size > 0; visited++) {
      const next = [...pending].reduce((p, q) => (position.get(q)! < position.get(p)! ? q : p))
      pending.delete(next)
      const found = ofNode(next, known)
      const [result] = next.results
      if (found === 'none') continue
      if (found === 'unknown' || seen.has(result!) || visited > mostNodes) return false
      known.set(result!, found)
      for (const user of users.get(result!) ?? []) pending.add(user)
    }
    return !seen.has(start)
  }
  return new Set(maxima.map((node) => node.results[0]!).filter(isShift))
}

const isExtreme = (node: NodeOf<'reduce'>): boolean =>
  isFloat(node.results[0]!.type.dtype) && (node.attrs.kind === 'max' || node.attrs.kind === 'min')
