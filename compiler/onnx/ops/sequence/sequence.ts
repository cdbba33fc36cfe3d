import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { isTensor, kindOf, type Item } from '../../item.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'

const operator = (lower: Operator['lower']): Operator => ({ floats: 'storage', items: true, lower })

function tensors(c: OpContext, elements: readonly Item[]): Value[] {
  return elements.map((e) => (isTensor(e) ? e : c.unsupported(`an element of the sequence is ${kindOf(e)}`)))
}

/** Input `i` as a place in a list of `length`, counted from its end where negative; `fallback` where it is omitted. */
function place(c: OpContext, i: number, length: number, fallback: number): number {
  const [at = fallback] = c.constantInts(i, [fallback])
  c.check(at >= -length && at < length, `position ${at} is not one of ${length}`)
  return at < 0 ? at + length : at
}

/** Lengths of the parts that input 1 asks for: one number for all but a shorter last one, or a list. */
function partsOf(c: OpContext, length: number): number[] {
  const given = c.constant(1)
  const sizes = c.constantInts(1)
  if (given.shape.length > 0) return sizes
  const [size = 0] = sizes
  c.check(size >= 1, `parts of ${size} elements`)
  return range(0, Math.ceil(length / size)).map((i) => Math.min(size, length - i * size))
}

function splitToSequence(c: OpContext): Value[] {
  const x = c.input(0)
  const { shape } = x.type
  const axis = normalizeAxis(c, c.int('axis', 0), shape.length)
  const length = shape[axis]!
  if (!c.inputs[1]) {
    const kept = c.int('keepdims', 1) !== 0 ? shape.map((d, i) => (i === axis ? 1 : d)) : shape.toSpliced(axis, 1)
    return range(0, length).map((i) => c.b.reshape(c.b.sliceAxis(x, axis, i, 1), kept))
  }
  const parts = partsOf(c, length)
  const total = parts.reduce((sum, n) => sum + n, 0)
  c.check(total === length && parts.every((n) => n >= 0), `parts [${parts.join(',')}] of ${length} elements`)
  let start = 0
  return parts.map((n) => c.b.sliceAxis(x, axis, (start += n) - n, n))
}

function concatFromSequence(c: OpContext): Value {
  const elements = tensors(c, c.sequence(0).elements)
  const [first] = elements
  if (!first) return c.unsupported('the sequence is empty')
  const rank = first.type.shape.length
  if (c.int('new_axis', 0) === 0) return c.b.concatenate(elements, normalizeAxis(c, c.int('axis'), rank))
  const axis = normalizeAxis(c, c.int('axis'), rank + 1)
  return c.b.concatenate(
    elements.map((e) => c.b.reshape(e, e.type.shape.toSpliced(axis, 0, 1))),
    axis,
  )
}

/** Runs the body once for each element; of several sequences, element by element. */
function sequenceMap(c: OpContext): Item[] {
  const body = c.graph('body')
  const { length } = c.sequence(0).elements
  const others = range(1, c.inputs.length).map((i) => c.item(i) ?? c.input(i))
  for (const other of others) {
    if ('elements' in other) c.check(other.elements.length === length, 'the sequences differ in length')
  }
  const results = range(0, length).map((i) =>
    c.inline(body, [
      c.sequence(0).elements[i]!,
      ...others.map((other) => ('elements' in other ? other.elements[i]! : other)),
    ]),
  )
  return body.outputs.map((_, k) => ({ elements: results.map((outputs) => outputs[k]!) }))
}

/** Sequences are lists of values while a model is imported, so that positions must be known then. */
export const sequenceOperators: Readonly<Record<string, Operator>> = {
  ConcatFromSequence: operator((c) => [concatFromSequence(c)]),
  SequenceAt: operator((c) => {
    const { elements } = c.sequence(0)
    return [elements[place(c, 1, elements.length, 0)]!]
  }),
  SequenceConstruct: operator((c) => [{ elements: range(0, c.inputs.length).map((i) => c.input(i)) }]),
  SequenceEmpty: operator(() => [{ elements: [] }]),
  SequenceErase: operator((c) => {
    const { elements } = c.sequence(0)
    return [{ elements: elements.toSpliced(place(c, 1, elements.length, elements.length - 1), 1) }]
  }),
  SequenceInsert: operator((c: OpContext) => {
    const { elements } = c.sequence(0)
    const { length } = elements
    const [at = length] = c.constantInts(2, [length])
    c.check(at >= -length && at <= length, `position ${at} is not one of ${length + 1}`)
    return [{ elements: elements.toSpliced(at < 0 ? at + length : at, 0, c.input(1)) }]
  }),
  SequenceLength: operator((c) => [c.b.scalar(c.sequence(0).elements.length, 'i64')]),
  SequenceMap: operator(sequenceMap),
  SplitToSequence: operator((c) => [{ elements: splitToSequence(c) }]),
}
