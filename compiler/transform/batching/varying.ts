import { nodesOf, type Graph, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import { splitOperands, splitOutputs } from '../../core/ops/while.ts'
import type { LoopFlags } from './rule.ts'

interface Known {
  readonly operands: readonly boolean[]
  readonly flags: LoopFlags
  readonly results: readonly boolean[]
}

const or = (a: readonly boolean[], b: readonly boolean[]): boolean[] => a.map((flag, i) => flag || b[i]!)
const same = (a: readonly boolean[], b: readonly boolean[]): boolean => a.every((flag, i) => flag === b[i])

/**
 * Which values differ between samples. For loops that is a fixed point: a carried value does as soon as it may in any iteration.
 * Flags are only ever added, and a loop is looked at again only where its operands have more of them than before: nested loops
 * take as many rounds as they have operands, not products of that.
 */
export class Varying {
  private readonly known = new Map<Node, Known>()

  /** Flags of a loop of whose operands these differ between samples. */
  loop(node: NodeOf<'while'>, operands: readonly boolean[]): LoopFlags {
    return this.look(node, operands).flags
  }

  private look(node: NodeOf<'while'>, given: readonly boolean[]): Known {
    const { attrs } = node
    const before = this.known.get(node)
    const operands = before ? or(before.operands, given) : given
    if (before && same(before.operands, operands)) return before
    const { condition = false, carried: initial, scanInputs, invariants } = splitOperands(operands, attrs)
    let flags: LoopFlags = { condition, carried: initial }
    if (before) flags = { condition: condition || before.flags.condition, carried: or(initial, before.flags.carried) }
    for (;;) {
      // What is carried stays when the loop ends: with a condition for each sample, at another time.
      const carried = flags.condition ? flags.carried.map(() => true) : flags.carried
      const outputs = splitOutputs(this.outputs(attrs.body, [false, ...carried, ...scanInputs, ...invariants]), attrs)
      const next = { condition: flags.condition || (outputs.condition ?? false), carried: or(carried, outputs.carried) }
      const settled = next.condition === flags.condition && same(next.carried, flags.carried)
      flags = next
      if (!settled) continue
      const slices = outputs.slices.map((flag) => flag || flags.condition)
      const known = { operands, flags, results: [...flags.carried, ...slices, flags.condition] }
      this.known.set(node, known)
      return known
    }
  }

  private outputs(region: Graph, inputs: readonly boolean[]): boolean[] {
    const varying = new Set<Value>()
    region.inputs.forEach(({ value }, i) => inputs[i] && varying.add(value))
    for (const node of nodesOf(region)) {
      if (node.op === 'input') continue
      const flags = node.operands.map((o) => varying.has(o))
      if (!flags.includes(true)) continue
      const results = this.results(node, flags)
      node.results.forEach((result, i) => results[i] && varying.add(result))
    }
    return region.outputs.map(({ value }) => varying.has(value))
  }

  private results(node: Node, operands: readonly boolean[]): readonly boolean[] {
    if (node.op === 'while') return this.look(node, operands).results
    const [condition, ...captured] = operands
    if (node.op !== 'if' || condition) return node.results.map(() => true)
    return or(this.outputs(node.attrs.then, captured), this.outputs(node.attrs.otherwise, captured))
  }
}
