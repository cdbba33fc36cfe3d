import { constantOf, workOfGraph } from '../../core/evaluate.ts'
import { regionsOf, type Value } from '../../core/graph.ts'
import { elementCount } from '../../core/shape.ts'
import { sameType } from '../../core/tensor.ts'
import type { OpContext, Operator } from '../context.ts'
import { isSequence, isTensor, type Item } from '../item.ts'
import { range } from '../shared/axes.ts'

/** Whether a select can choose between the results of two branches. */
function alike(a: Item, b: Item): boolean {
  if (isTensor(a)) return isTensor(b) && sameType(a.type, b.type)
  if (!isSequence(a) || !isSequence(b)) return a === b
  return a.elements.length === b.elements.length && a.elements.every((e, i) => alike(e, b.elements[i]!))
}

const tensorsIn = (item: Item): Value[] =>
  isTensor(item) ? [item] : isSequence(item) ? item.elements.flatMap(tensorsIn) : []

/** `item` with its tensors replaced. */
const mapTensors = (item: Item, to: (v: Value) => Value): Item =>
  isTensor(item) ? to(item) : isSequence(item) ? { elements: item.elements.map((e) => mapTensors(e, to)) } : item

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
    const [then, otherwise] = both(c, take)
    c.check(then.length === otherwise.length, `the branches have ${then.length} and ${otherwise.length} outputs`)
    // Different types leave only a condition that is known, which reports that it is not.
    if (!then.every((item, i) => alike(item, otherwise[i]!))) c.constant(0)
    const [ones, others] = [then, otherwise].map((items) => items.flatMap(tensorsIn)) as [Value[], Value[]]
    const differ = range(0, ones.length).filter((i) => ones[i] !== others[i])
    const pairs = differ.map((i) => [ones[i]!, others[i]!] as const)
    const results = [...ones]
    choose(c, c.b.reshape(condition, []), pairs).forEach((v, k) => (results[differ[k]!] = v))
    return then.map((item) => mapTensors(item, () => results.shift()!))
  },
}
