import type { Scalar } from '../../../core/scalar/dtype.ts'
import type { Value } from '../../../core/graph.ts'
import * as expr from '../../../core/scalar/expr.ts'
import type { OpContext, Operator } from '../../context.ts'
import { isStrings } from '../../item.ts'
import { range } from '../../shared/axes.ts'
import * as f from '../../../core/scalar/formula.ts'

/** Occurrences [batch, n-gram] in `x` [batch, length] of n-grams `pool` [n-gram, element] whose elements are `step` apart. */
function occurrences(c: OpContext, x: Value, pool: readonly (readonly Scalar[])[], step: number): Value | undefined {
  const { b } = c
  const { dtype, shape } = x.type
  const [batch = 0, length = 0] = shape
  const size = pool[0]!.length
  const positions = length - (size - 1) * step
  if (positions < 1) return undefined
  const equal = range(0, size).map((k) => {
    const wanted = b.reshape(
      b.vector(
        pool.map((gram) => gram[k]!),
        dtype,
      ),
      [1, pool.length, 1],
    )
    return b.binary('eq', b.reshape(b.sliceAxis(x, 1, k * step, positions), [batch, 1, positions]), wanted)
  })
  const matches = b.map(equal, (...flags) => expr.convert(flags.reduce(f.and), 'f32'))
  return b.reduce('add', matches, [2])
}

/** What is counted, and the elements of the pool's n-grams in the same type: of strings their places in the input's list. */
function operands(c: OpContext): { input: Value; pool: readonly Scalar[] } {
  const item = c.item(0)
  if (!item || !isStrings(item)) return { input: c.input(0), pool: c.bigints('pool_int64s') }
  const places = new Map(item.list.map((text, i) => [text, i]))
  // No string of the input stands at the place of one that its list does not have.
  return { input: item.places, pool: c.strings('pool_strings').map((text) => places.get(text) ?? -2) }
}

/** Counts of the n-grams of a pool, with up to max_skip_count elements left out between two of an n-gram. */
export const tfIdfVectorizer: Operator = {
  since: 9,
  items: true,
  lower: (c: OpContext) => {
    const { b } = c
    const { input, pool } = operands(c)
    const [least, most, skips] = [c.int('min_gram_length'), c.int('max_gram_length'), c.int('max_skip_count')]
    const starts = c.ints('ngram_counts')
    const places = c.ints('ngram_indexes')
    const mode = c.string('mode')
    c.check(['TF', 'IDF', 'TFIDF'].includes(mode), `mode is "${mode}"`)
    c.check(least >= 1 && most >= least && skips >= 0, `n-grams of ${least} to ${most} with ${skips} skips`)
    const one = input.type.shape.length === 1
    const x = one ? b.reshape(input, [1, ...input.type.shape]) : input
    c.check(x.type.shape.length === 2, `the input has ${x.type.shape.length} axes`)
    const [batch = 0] = x.type.shape

    const counts = starts.map((start, k): Value[] => {
      const size = k + 1
      const end = starts[size] ?? pool.length
      c.check(
        start >= 0 && end >= start && end <= pool.length && (end - start) % size === 0,
        `ngram_counts[${k}] is ${start}`,
      )
      const grams = range(0, (end - start) / size).map((g) => pool.slice(start + g * size, start + (g + 1) * size))
      if (grams.length === 0) return []
      const steps = size < least || size > most ? [] : range(1, size === 1 ? 2 : skips + 2)
      const found = steps.flatMap((step) => occurrences(c, x, grams, step) ?? [])
      return [found.reduce((sum, n) => b.binary('add', sum, n), b.full(0, 'f32', [batch, grams.length]))]
    })
    const total = counts.flat().reduce((sum, v) => sum + v.type.shape[1]!, 0)
    c.check(total === places.length && total >= 1, `${places.length} places for ${total} n-grams`)
    const width = Math.max(...places) + 1
    c.check(places.every((p) => p >= 0) && width <= 2 ** 24, `ngram_indexes up to ${width - 1}`)
    const weights = b.vector(
      c.floats(
        'weights',
        places.map(() => 1),
      ),
      'f32',
    )
    c.check(weights.type.shape[0] === total, `${weights.type.shape[0]} weights for ${total} n-grams`)
    const values = b.map([b.concatenate(counts.flat(), 1), weights], (n, w) => {
      if (mode === 'TF') return n
      return mode === 'TFIDF' ? f.mul(n, w) : f.select(f.gt(n, 0), w, 0)
    })
    const result = b.scatter(b.full(0, 'f32', [batch, width]), b.vector(places, 'i32'), values, {
      kind: 'add',
      updateWindowDims: [0],
      insertedWindowDims: [1],
      inputBatchingDims: [],
      scatterIndicesBatchingDims: [],
      scatterDimsToOperandDims: [1],
      indexVectorDim: 1,
    })
    return [one ? b.reshape(result, [width]) : result]
  },
}
