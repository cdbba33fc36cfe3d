import { constantOf, workOfGraph } from '../../../core/evaluate.ts'
import { regionsOf, type Value } from '../../../core/graph.ts'
import { elementCount } from '../../../core/shape.ts'
import { sameType } from '../../../core/tensor.ts'
import type { OpContext, Operator } from '../../context.ts'
import { isOptional, isSequence, isTensor, nothing, type Item } from '../../item.ts'
import { range } from '../../shared/axes.ts'

/** Whether a select can choose between the results of two branches. */
function alike(a: Item, b: Item): boolean {
  if (isTensor(a)) return isTensor(b) && sameType(a.type, b.type)
  if (isOptional(a)) return isOptional(b) && alike(a.optional, b.optional)
  if (!isSequence(a) || !isSequence(b)) return a === b
  return a.elements.length === b.elements.length && a.elements.every((e, i) => alike(e, b.elements[i]!))
}

/** Whether `item` has a value as a tensor, and this; of one that has none, `other`'s. */
function asOptional(c: OpContext, item: Item, other: Item): Item {
  if (isOptional(item)) return item
  const value = item === nothing ? (isOptional(other) ? other.optional : other) : item
  return { optional: value, present: c.b.scalar(item === nothing ? 0 : 1, 'bool') }
}

/** Results of two branches, both as optionals where one of them may have no value. */
function paired(c: OpContext, a: Item, b: Item): [Item, Item] {
  const mayLack = (item: Item): boolean => item === nothing || isOptional(item)
  return a !== b && (mayLack(a) || mayLack(b)) ? [asOptional(c, a, b), asOptional(c, b, a)] : [a, b]
}

const tensorsIn = (item: Item): Value[] =>
  isTensor(item)
    ? [item]
    : isOptional(item)
      ? [...tensorsIn(item.optional), item.present]
      : isSequence(item)
        ? item.elements.flatMap(tensorsIn)
        : []

/** `item` with its tensors replaced, in the order of `tensorsIn`. */
const mapTensors = (item: Item, to: (v: Value) => Value): Item =>
  isTensor(item)
    ? to(item)
    : isOptional(item)
      ? { optional: mapTensors(item.optional, to), present: to(item.present) }
      : isSequence(item)
        ? { elements: item.elements.map((e) => mapTensors(e, to)) }
        : item

/** Scalar operations up to which both branches are computed: a choice between them joins its neighbours' loops. */
const cheap = 1024

/** For each of `pairs` the first value where the condition holds, else the second. */
function choose(c: OpContext, condition: Value, pairs: readonly (readonly [Value, Value])[]): readonly Value[] {
  if (pairs.length === 0) return []
  const branches = [c.graph('then_branch'), c.graph('else_branch')]
  const outside = new Set(branches.flatMap((graph) => c.captured(graph)).flatMap(tensorsIn))
  const [then, otherwise] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)]
  const chosen = c.b.if(condition, then, otherwise, (v) => outside.has(v))
  const work = regionsOf(chosen[0]!.node).reduce((sum, region) => sum + workOfGraph(region), 0)
  return work <= cheap ? pairs.map(([a, b]) => c.b.select(condition, a, b)) : chosen
}

/** The results of both branches. Where one cannot be lowered it may never be taken: then the condition must be known. */
function both(c: OpContext, take: (holds: boolean) => Item[]): [Item[], Item[]] {
  try {
    return [take(true), take(false)]
  } catch (error) {
    c.constant(0)
    throw error
  }
}

/**
 * The branch that the condition takes. Where that is known at run time only, the branches must give the same types.
 */
export const ifOperator: Operator = {
  floats: 'storage',
  items: true,
  lower: (c: OpContext) => {
    const condition = c.input(0)
    c.check(elementCount(condition.type.shape) === 1, 'the condition is no scalar')
    const take = (holds: boolean): Item[] => c.inline(c.graph(holds ? 'then_branch' : 'else_branch'), [])
    const known = constantOf(condition)
    if (known) return take(known.data[0] !== 0)
    const taken = both(c, take)
    c.check(taken[0].length === taken[1].length, `the branches have ${taken[0].length} and ${taken[1].length} outputs`)
    const pairs = taken[0].map((item, i) => paired(c, item, taken[1][i]!))
    const [then, otherwise] = [pairs.map(([a]) => a), pairs.map(([, b]) => b)]
    // Different types leave only a condition that is known, which reports that it is not.
    if (!then.every((item, i) => alike(item, otherwise[i]!))) c.constant(0)
    const [ones, others] = [then, otherwise].map((items) => items.flatMap(tensorsIn)) as [Value[], Value[]]
    const differ = range(0, ones.length).filter((i) => ones[i] !== others[i])
    const choices = differ.map((i) => [ones[i]!, others[i]!] as const)
    const results = [...ones]
    choose(c, c.b.reshape(condition, []), choices).forEach((v, k) => (results[differ[k]!] = v))
    return then.map((item) => mapTensors(item, () => results.shift()!))
  },
}
