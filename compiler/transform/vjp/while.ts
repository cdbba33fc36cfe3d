import { fail } from '../../core/diagnostic.ts'
import type { Builder } from '../../core/builder.ts'
import { sub } from '../../core/formula.ts'
import { createNode, topological, type Node, type NodeOf, type Value } from '../../core/graph.ts'
import { splitOutputs, type ScanAxis } from '../../core/ops/while.ts'
import { regionArgument, type LoopParts } from '../../core/region.ts'
import { varyingWith } from '../varying.ts'
import { rebase } from './rebase.ts'
import { cotangentType, type Vjp } from './rule.ts'

type Loop = NodeOf<'while'>

/** What is computed again on the way back rather than kept for each iteration. */
const recomputed: ReadonlySet<Node['op']> = new Set([
  'map',
  'reshape',
  'transpose',
  'broadcast_in_dim',
  'slice',
  'pad',
  'concatenate',
  'iota',
  'constant',
] as const)

/** Inputs of the body that the operands are, in their order, without the number of the iteration. */
const ownInputs = ({ attrs }: Loop): Value[] => attrs.body.inputs.slice(1).map(({ value }) => value)

/** The body's inputs that depend on what is differentiated by, in the end: what is carried brings it from one iteration to the next. */
function varyingInputs(node: Loop, varies: (operand: number) => boolean): ReadonlySet<Value> {
  const { body, carried } = node.attrs
  const own = ownInputs(node)
  const next = body.outputs.slice(0, carried).map(({ value }) => value)
  const order = topological(body.outputs.map(({ value }) => value))
  const found = new Set(own.filter((_, i) => varies(i)))
  for (let before = -1; before !== found.size;) {
    before = found.size
    const varying = varyingWith(order, [...found])
    next.forEach((value, k) => varying.has(value) && found.add(own[k]!))
  }
  return found
}

/**
 * Values of the body that `gradients` need of each iteration: what is carried into it, and results of products, reductions and the
 * like. Maps and views of them are computed again.
 */
function residualsOf(node: Loop, gradients: readonly Value[]): { residuals: Value[]; scanned: ReadonlySet<Value> } {
  const { body, carried, scanInputs } = node.attrs
  const own = ownInputs(node)
  const order = topological(body.outputs.map(({ value }) => value))
  const within = new Set(order)
  const scans = own.slice(carried, carried + scanInputs.length)
  const moving = new Set([body.inputs[0]!.value, ...own.slice(0, carried), ...scans].map((value) => value.node))
  for (const each of order) if (each.operands.some((o) => moving.has(o.node))) moving.add(each)
  const residuals: Value[] = []
  const scanned = new Set<Value>()
  const seen = new Set<Value>()
  const stack = [...gradients]
  while (stack.length > 0) {
    const value = stack.pop()!
    if (seen.has(value)) continue
    seen.add(value)
    const isKept = within.has(value.node) && moving.has(value.node) && !recomputed.has(value.node.op)
    if (scans.includes(value)) scanned.add(value)
    else if (own.includes(value) ? own.indexOf(value) < carried : isKept && value.node.op !== 'input') {
      residuals.push(value)
    } else if (value.node.op !== 'input') stack.push(...value.node.operands)
  }
  return { residuals, scanned }
}

/** Each residual with a slice for each iteration: a scan output of the loop, or of the same loop with more of them. */
function stacked(node: Loop, residuals: readonly Value[], b: Builder): (ScanAxis & { readonly value: Value })[] {
  const { attrs, operands, results } = node
  const { body, carried, scanOutputs } = attrs
  const slices = splitOutputs(
    body.outputs.map(({ value }) => value),
    attrs,
  ).slices
  const missing = residuals.filter((value) => !slices.includes(value))
  const outputs = [...body.outputs.map(({ value }) => value), ...missing]
  const more = missing.map((): ScanAxis => ({ axis: 0, reverse: false }))
  const whole =
    missing.length === 0
      ? results
      : createNode(
          'while',
          operands,
          {
            ...attrs,
            body: { inputs: body.inputs, outputs: outputs.map((value, i) => ({ name: `r${i}`, value })) },
            scanOutputs: [...scanOutputs, ...more],
          },
          b.origin,
        ).results
  const axes = [...scanOutputs, ...more]
  return residuals.map((value) => {
    const at = [...slices, ...missing].indexOf(value)
    return { ...axes[at]!, value: whole[carried + at]! }
  })
}

const like = ({ type: { dtype, shape } }: Value): Value => regionArgument(cotangentType(dtype), shape)

/**
 * A loop from the last iteration to the first. It carries the cotangents of what the loop carries, and the sums of those of what
 * does not change; slices of scan inputs have theirs as slices. A802 for a loop whose number of iterations is known only
 * when it runs: what they leave for the way back has no bound.
 */
export const whileLoop: Vjp<'while'> = ({ node, b, cotangents, varies, pullBack }) => {
  const { body, trips, conditional, carried, scanInputs, scanOutputs } = node.attrs
  if (conditional) {
    fail('A802', 'a loop whose number of iterations is known only when it runs has no derivative', {
      hint: 'export the model with a fixed number of iterations',
    })
  }
  const zeros = ({ type: { dtype, shape } }: Value): Value => b.full(0, cotangentType(dtype), shape)
  const own = ownInputs(node)
  const varying = varyingInputs(node, varies)
  const wrt = own.filter((value) => varying.has(value))
  const states = own.slice(0, carried).map((value) => (varying.has(value) ? like(value) : undefined))
  const slices = scanOutputs.map((_, k) => cotangents[carried + k] && like(body.outputs[carried + k]!.value))
  const found = pullBack(
    body.outputs.map(({ value }) => value),
    [...states, ...slices],
    wrt,
  )
  const gradients = found.filter((value) => value !== undefined)
  const { residuals, scanned } = residualsOf(node, gradients)
  const kept = stacked(node, residuals, b).map((scan, i) => {
    const { dtype, shape } = residuals[i]!.type
    return { ...scan, of: residuals[i]!, argument: regionArgument(dtype, shape) }
  })

  const iteration = regionArgument('i32', [])
  const back = b.map([iteration], (i) => sub(trips - 1, i!))
  const inputs = own.flatMap((value, i) => {
    const scan = scanInputs[i - carried]
    if (!scan || !scanned.has(value)) return []
    return [{ ...scan, of: value, value: node.operands[i]!, argument: regionArgument(value.type.dtype, value.type.shape) }]
  })
  const invariants = own.slice(carried + scanInputs.length)
  const outside = invariants.map((value, i) => [value, node.operands[carried + scanInputs.length + i]!] as const)
  const onward = [...inputs, ...kept].map((scan) => [scan.of, scan.argument] as const)
  const moved = rebase(gradients, new Map([[body.inputs[0]!.value, back], ...outside, ...onward]))
  const gradientOf = (value: Value): Value | undefined => {
    const gradient = found[wrt.indexOf(value)]
    return gradient && moved[gradients.indexOf(gradient)]
  }

  const turned = <S extends ScanAxis>(scan: S): S => ({ ...scan, reverse: !scan.reverse })
  const loop: LoopParts = {
    trips,
    iteration,
    carried: [
      ...states.flatMap((state, k) => {
        if (!state) return []
        const initial = cotangents[k] ?? zeros(own[k]!)
        return [{ initial, argument: state, next: gradientOf(own[k]!) ?? zeros(own[k]!) }]
      }),
      ...invariants.flatMap((value) => {
        const gradient = gradientOf(value)
        if (!gradient) return []
        const sum = like(value)
        return [{ initial: zeros(value), argument: sum, next: b.binary('add', sum, gradient) }]
      }),
    ],
    scanInputs: [
      ...slices.flatMap((slice, k) =>
        slice ? [{ ...turned(scanOutputs[k]!), value: cotangents[carried + k]!, argument: slice }] : [],
      ),
      ...[...inputs, ...kept].map(({ axis, reverse, value, argument: own }) => ({
        ...turned({ axis, reverse }),
        value,
        argument: own,
      })),
    ],
    scanOutputs: scanInputs.flatMap((scan, k) => {
      const slice = gradientOf(own[carried + k]!)
      return slice ? [{ ...turned(scan), slice }] : []
    }),
  }
  const results = b.while(loop)
  const sums = [...results.carried]
  const parts = [...results.stacked]
  return own.map((value, i) => {
    if (i < carried) return states[i] && sums.shift()
    if (!gradientOf(value)) return undefined
    return i < carried + scanInputs.length ? parts.shift() : sums.shift()
  })
}
