import { arg, children, parts, replaceParts, substitute, type Expr } from '../../core/scalar/expr.ts'
import { largest, mayMove } from '../../core/analysis/reassociation.ts'
import { constantBytes, type Access, type Post } from '../program/program.ts'

/**
 * Arguments of the expression that fills an `epilogue` hole: 0 the four sums, 1 four elements at `aux`, 2 and 3 the
 * constants p0 and p1 in all lanes.
 */
export const epilogueArguments = { acc: 0, aux: 1, p0: 2, p1: 3 } as const

/** Constants of an epilogue that go into the template as arguments: p0 and p1 before they are in all lanes. */
export interface EpilogueConstants {
  readonly f0: number
  readonly f1: number
}

/** A post expression cut to what a template's epilogue can do. */
export interface Epilogue {
  /** Over `epilogueArguments`. */
  readonly hole: Expr
  /** A vector over the last axis, added before the hole. */
  readonly bias: Access | undefined
  readonly aux: Access | undefined
  /** Where the hole uses them, neither zero nor NaN: max and min with them are simpler. */
  readonly constants: EpilogueConstants
}

const isUnitStride = (a: Access, axis: number, extent: number): boolean =>
  !a.indirect && (extent === 1 || a.strides[axis] === 1) && a.buffer.dtype === 'f32'

/** Whether the access depends on the last axis alone. */
const isVector = (a: Access): boolean => a.strides.slice(0, -1).every((s) => s === 0)

/** Whether what is known of the vector lets it be the sums' start. */
function mayStart({ buffer }: Access, weights: () => number): boolean {
  const data = constantBytes(buffer)
  if (!data) return true
  return mayMove(largest(new Float32Array(data.buffer, data.byteOffset, data.length / 4)), weights())
}

/** Finds acc + vector where the sums are used nowhere else: that vector can be the sums' start. */
function takeBias(post: Post): { expr: Expr; bias: Access; index: number } | undefined {
  const all = parts(post.expr)
  const users = all.filter((e) => children(e).some((c) => c.kind === 'arg' && c.index === 0))
  const [user] = users
  if (users.length !== 1 || !user || user.kind !== 'binary' || user.op !== 'add') return undefined
  const other = user.a.kind === 'arg' && user.a.index === 0 ? user.b : user.a
  if (other.kind !== 'arg' || other.index === 0) return undefined
  const bias = post.reads[other.index - 1]!
  if (!isVector(bias)) return undefined
  return { expr: replaceParts(post.expr, (e) => (e === user ? arg(0, 'f32') : undefined)), bias, index: other.index }
}

/**
 * The epilogue of a template whose result has `extent` channels on the last axis; undefined where the post expression
 * needs more than a bias, one more operand of unit stride and f32 arithmetic. `weights` gives the largest Σ |w| of a channel,
 * Infinity where it is not known.
 */
export function planEpilogue(post: Post, extent: number, weights: () => number): Epilogue | undefined {
  const rank = post.reads[0]?.strides.length ?? 0
  const found = takeBias(post)
  const fits = found && isUnitStride(found.bias, rank - 1, extent) && mayStart(found.bias, weights)
  const bias = fits ? found : undefined
  const expr = bias?.expr ?? post.expr
  const used = new Set<number>()
  for (const e of parts(expr)) {
    if (e.kind === 'arg' && e.index > 0) used.add(e.index)
    if (e.dtype !== 'f32' && e.dtype !== 'bool') return undefined
    if (e.kind === 'binary' && e.op === 'rem') return undefined
  }
  if (used.size > 1 || expr.dtype !== 'f32') return undefined
  const [auxIndex] = used
  const aux = auxIndex === undefined ? undefined : post.reads[auxIndex - 1]!
  if (aux && !isUnitStride(aux, rank - 1, extent)) return undefined
  const constants = [
    ...new Set(
      parts(expr).flatMap((e) =>
        e.kind === 'const' && e.dtype === 'f32' && e.value !== 0 && !Number.isNaN(e.value) ? [Number(e.value)] : [],
      ),
    ),
  ].slice(0, 2)
  const renumbered = substitute(expr, (i) => arg(i === 0 ? epilogueArguments.acc : epilogueArguments.aux, 'f32'))
  const hole = withConstants(renumbered, constants)
  return { hole, bias: bias?.bias, aux, constants: { f0: constants[0] ?? 0, f1: constants[1] ?? 0 } }
}

/** Constants that become arguments, so that sites that differ only in them share code. */
const withConstants = (e: Expr, constants: readonly number[]): Expr =>
  replaceParts(e, (x) => {
    const at = x.kind === 'const' && x.dtype === 'f32' ? constants.findIndex((c) => Object.is(c, x.value)) : -1
    return at < 0 ? undefined : arg(at === 0 ? epilogueArguments.p0 : epilogueArguments.p1, 'f32')
  })
