import { arg, substitute, type Expr } from '../../core/scalar/expr.ts'
import { sameShape, type Shape } from '../../core/shape.ts'
import type { TensorType } from '../../core/tensor.ts'
import { broadcastAccess, mapStrides, reshapeAccess, sameAccess } from '../program/access.ts'
import type { Access, Post } from '../program/program.ts'

/**
 * A kernel that has not been placed yet: its finished elements can still go through a post expression and to any place.
 * Accesses of `post` and `write` go over the axes of `type`.
 */
export interface Pending {
  readonly type: TensorType
  readonly emit: (post: Post, write: Access, nodes: readonly string[]) => void
  /** Of one that is another, seen differently. */
  readonly view?: { readonly of: Pending; readonly back: (a: Access) => Access | undefined }
}

export const isPending = (x: Access | Pending): x is Pending => 'emit' in x

/**
 * A value that is not in memory yet: an expression over accesses, each over the axes of `type`, and at most one pending
 * kernel of the same shape. Views change the accesses, maps the expression.
 */
export interface Lazy {
  readonly type: TensorType
  readonly expr: Expr
  readonly args: readonly (Access | Pending)[]
  /** ONNX nodes computed so far, for reports. */
  readonly nodes: readonly string[]
}

export const lazyAccess = (access: Access, type: TensorType): Lazy => ({
  type,
  expr: arg(0, type.dtype),
  args: [access],
  nodes: [],
})

export const lazyPending = (pending: Pending, nodes: readonly string[]): Lazy => ({
  type: pending.type,
  expr: arg(0, pending.type.dtype),
  args: [pending],
  nodes,
})

export const pendingOf = (lazy: Lazy): Pending | undefined => lazy.args.find(isPending)

/** The memory that holds the value as it is, if any does. */
export function plainAccess(lazy: Lazy): Access | undefined {
  const [only] = lazy.args
  return lazy.expr.kind === 'arg' && only && !isPending(only) ? only : undefined
}

/** A pending kernel whose result is seen through `view`: `back` turns an access over the view into one over the result. */
function viewPending(pending: Pending, type: TensorType, back: (a: Access) => Access | undefined): Pending {
  const viewed: Pending = {
    type,
    view: { of: pending, back },
    emit: (post, write, nodes) => {
      let reads: readonly (Access | undefined)[] = post.reads
      let target: Access | undefined = write
      let at: Pending = viewed
      // Views of views: a loop, since there may be more than calls have room for.
      for (let { view } = at; view; { view } = at) {
        const { back: turn } = view
        reads = reads.map((read) => read && turn(read))
        target = target && turn(target)
        at = view.of
      }
      // Callers make such views only where every access can be turned back.
      if (!target || reads.includes(undefined)) throw new Error('a view that cannot be turned back')
      at.emit({ expr: post.expr, reads: reads as Access[] }, target, nodes)
    },
  }
  return viewed
}

/** Splitting axes can always be turned back; merging them only for evenly spaced accesses, which a caller can't promise. */
function onlyMovesUnitAxes(from: Shape, to: Shape): boolean {
  return sameShape(
    from.filter((d) => d !== 1),
    to.filter((d) => d !== 1),
  )
}

/** The value under another shape, or undefined where it must be in memory first. */
export function reshapeLazy(lazy: Lazy, shape: Shape): Lazy | undefined {
  const from = lazy.type.shape
  const type = { dtype: lazy.type.dtype, shape }
  const args: (Access | Pending)[] = []
  for (const a of lazy.args) {
    if (isPending(a)) {
      if (!onlyMovesUnitAxes(from, shape)) return undefined
      args.push(viewPending(a, { dtype: a.type.dtype, shape }, (b) => reshapeAccess(b, shape, from)))
      continue
    }
    const reshaped = reshapeAccess(a, from, shape)
    if (!reshaped) return undefined
    args.push(reshaped)
  }
  return { ...lazy, type, args }
}

export function transposeLazy(lazy: Lazy, perm: readonly number[]): Lazy {
  const shape = perm.map((p) => lazy.type.shape[p]!)
  const forward = (strides: readonly number[]): number[] => perm.map((p) => strides[p]!)
  const back = (strides: readonly number[]): number[] => perm.map((_, i) => strides[perm.indexOf(i)]!)
  return {
    ...lazy,
    type: { dtype: lazy.type.dtype, shape },
    args: lazy.args.map((a) =>
      isPending(a)
        ? viewPending(a, { dtype: a.type.dtype, shape }, (b) => mapStrides(b, back))
        : mapStrides(a, forward),
    ),
  }
}

/**
 * The lazy operands of a map as one lazy value of `type`. At most one of them may have a pending kernel, of that shape. What
 * several of them read of memory becomes one argument.
 */
export function combineLazy(type: TensorType, expr: Expr, operands: readonly Lazy[], node: string | undefined): Lazy {
  const args: (Access | Pending)[] = []
  const place = (a: Access | Pending): number => {
    const at = args.findIndex((b) => a === b || (!isPending(a) && !isPending(b) && sameAccess(a, b)))
    return at < 0 ? args.push(a) - 1 : at
  }
  const exprs = operands.map((o) => {
    const places = o.args.map((a) => place(isPending(a) ? a : broadcastAccess(a, o.type.shape, type.shape)))
    return substitute(o.expr, (i, dtype) => arg(places[i]!, dtype))
  })
  return {
    type,
    expr: substitute(expr, (i) => exprs[i]!),
    args,
    nodes: [...new Set([...operands.flatMap((o) => o.nodes), ...(node === undefined ? [] : [node])])],
  }
}

/** The expression with the pending kernel's element as arg 0 and the other arguments as the reads of a post. */
export function postOf(lazy: Lazy): Post {
  const at = lazy.args.findIndex(isPending)
  const reads = lazy.args.filter((a): a is Access => !isPending(a))
  const expr = substitute(lazy.expr, (i, dtype) => arg(i === at ? 0 : i < at ? i + 1 : i, dtype))
  return { expr, reads }
}
