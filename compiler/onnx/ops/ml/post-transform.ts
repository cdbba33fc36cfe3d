import type { Builder } from '../../../core/builder.ts'
import type { Expr } from '../../../core/scalar/expr.ts'
import type { Value } from '../../../core/graph.ts'
import type { OpContext } from '../../context.ts'
import * as f from '../../../core/scalar/formula.ts'
import { softmax } from '../../shared/nn/softmax.ts'

const transforms = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT'] as const
export type PostTransform = (typeof transforms)[number]

/** Attribute `post_transform`: a name, or the number of one in the enumeration of TreeEnsemble. */
export function postTransform(c: OpContext, numbered = false): PostTransform {
  const given = numbered ? transforms[c.int('post_transform', 0)] : c.string('post_transform', 'NONE')
  const found = transforms.find((name) => name === given)
  c.check(found !== undefined, `post_transform ${given}`)
  return found
}

/** 1 / (1 + e^-x) by way of -|x|, so that nothing overflows. */
export function logistic(x: Expr): Expr {
  const v = f.div(1, f.add(f.exp(f.neg(f.abs(x))), 1))
  return f.select(f.lt(x, 0), f.sub(1, v), v)
}

/**
 * The inverse of the normal distribution function by Winitzki's approximation of the inverse error function ("A handy
 * approximation for the error function and its inverse"), with the constants onnxruntime takes.
 */
export function probit(p: Expr): Expr {
  const x = f.sub(f.mul(p, 2), 1)
  const log = f.log(f.mul(f.sub(1, x), f.add(x, 1)))
  const v = f.add(f.mul(log, 0.5), Math.fround(2 / (Math.fround(3.14159) * Math.fround(0.147))))
  const root = f.sqrt(f.sub(f.square(v), f.mul(log, Math.fround(1 / Math.fround(0.147)))))
  const size = f.mul(f.sqrt(f.sub(root, v)), Math.fround(Math.SQRT2))
  return f.select(f.lt(x, 0), f.neg(size), size)
}

/** Softmax over all scores that are not 0 (within 1e-7), which stay 0. */
function softmaxZero(b: Builder, scores: Value): Value {
  const highest = b.reduce('max', scores, [1], true)
  const isZero = (s: Expr): Expr => f.le(f.abs(s), Math.fround(1e-7))
  const powers = b.map([scores, highest], (s, m) =>
    f.select(isZero(s!), f.mul(s!, f.exp(f.neg(m!))), f.exp(f.sub(s!, m!))),
  )
  const counted = b.map([scores, powers], (s, p) => f.select(isZero(s!), 0, p!))
  return b.binary('div', powers, b.reduce('add', counted, [1], true))
}

/** Scores of two or more classes, [rows, classes], transformed. */
export function transformScores(b: Builder, scores: Value, transform: PostTransform): Value {
  switch (transform) {
    case 'NONE':
      return scores
    case 'LOGISTIC':
      return b.map([scores], (s) => logistic(s!))
    case 'PROBIT':
      return b.map([scores], (s) => probit(s!))
    case 'SOFTMAX':
      return softmax(b, scores, [1])
    case 'SOFTMAX_ZERO':
      return softmaxZero(b, scores)
  }
}

/** Results of a regressor, [rows, targets]. As in onnxruntime a single target knows no transform but PROBIT. */
export const transformTargets = (b: Builder, scores: Value, transform: PostTransform): Value =>
  scores.type.shape[1] === 1 && transform !== 'PROBIT' ? scores : transformScores(b, scores, transform)

/**
 * Both classes' scores, [rows, 2], from the score [rows, 1] of the positive one. As in onnxruntime LOGISTIC takes it for a
 * margin, whatever its kind; other transforms leave a probability or a signed score as it is; PROBIT it does not define.
 */
export function bothScores(
  c: OpContext,
  score: Value,
  kind: 'probability' | 'signed',
  transform: PostTransform,
): Value {
  if (transform === 'PROBIT') c.unsupported('PROBIT of two classes with one score')
  const { b } = c
  const pair = (negative: (s: Expr) => Expr, positive: (s: Expr) => Expr): Value =>
    b.concatenate([b.map([score], (s) => negative(s!)), b.map([score], (s) => positive(s!))], 1)
  if (transform === 'LOGISTIC') return pair((s) => logistic(f.neg(s)), logistic)
  const negative = kind === 'probability' ? (s: Expr) => f.sub(1, s) : f.neg
  return pair(negative, (s) => s)
}
