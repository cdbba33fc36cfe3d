import { nodesOf, type Graph, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import { splitOperands, splitOutputs } from '../../core/ops/control-flow/while.ts'
import type { LoopFlags } from './rule.ts'

const or = (a: readonly boolean[], b: readonly boolean[]): boolean[] => a.map((flag, i) => flag || b[i]!)
const count = (flags: LoopFlags): number => [flags.condition, ...flags.carried].filter(Boolean).length

/**
 * Which values differ between samples. For loops that is a fixed point: a carried value does as soon as it may in any iteration.
 * Flags are only ever added to what is known of a loop: nested loops take as many rounds as they carry values, not products of that.
 */
export class Varying {
  private readonly known = new Map<Node, LoopFlags>()

  /** Flags of a loop of whose operands these differ between samples. */
  loop(node: NodeOf<'while'>, operands: readonly boolean[]): LoopFlags {
    this.loopResults(node, operands)
    return this.known.get(node)!
  }

  private loopResults(node: NodeOf<'while'>, operands: readonly boolean[]): boolean[] {
    const { attrs } = node
    const { condition = false, carried: initial, scanInputs, invariants } = splitOperands(operands, attrs)
    const before = this.known.get(node)
    let flags: LoopFlags = { condition, carried: initial }
    if (before) flags = { condition: condition || before.condition, carried: or(initial, before.carried) }
    for (;;) {
      // What is carried stays when a loop ends: with a condition for each sample, at another time.
      const carried = flags.condition ? flags.carried.map(() => true) : flags.carried
      const outputs = splitOutputs(this.outputs(attrs.body, [false, ...carried, ...scanInputs, ...invariants]), attrs)
      const next = { condition: flags.condition || (outputs.condition ?? false), carried: or(carried, outputs.carried) }
      const settled = count(next) === count(flags)
      flags = next
      this.known.set(node, flags)
      if (settled) return [...carried, ...outputs.slices.map((flag) => flag || next.condition), next.condition]
    }
  }

  private outputs(region: Graph, inputs: readonly boolean[]): boolean[] {
    const varying = new Set<Value>()
    region.inputs.forEach(({ value }, i) => inputs[i] && varying.add(value))
    for (const node of nodesOf(region)) {
      const flags = node.operands.map((o) => varying.has(o))
      if (!flags.includes(true)) continue
      const results = this.results(node, flags)
      node.results.forEach((result, i) => results[i] && varying.add(result))
    }
    return region.outputs.map(({ value }) => varying.has(value))
  }

  private results(node: Node, operands: readonly boolean[]): readonly boolean[] {
    if (node.op === 'while') return this.loopResults(node, operands)
    const [condition, ...captured] = operands
    if (node.op !== 'if' || condition) return node.results.map(() => true)
    return or(this.outputs(node.attrs.then, captured), this.outputs(node.attrs.otherwise, captured))
  }
}
