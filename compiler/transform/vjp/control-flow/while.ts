import type { Builder } from '../../../core/builder.ts'
import { fail } from '../../../core/diagnostics/diagnostic.ts'
import { sub } from '../../../core/scalar/formula.ts'
import { topological, type Value } from '../../../core/graph.ts'
import type { ScanAxis } from '../../../core/ops/control-flow/while.ts'
import { regionArgument } from '../../../core/region.ts'
import { varyingWith } from '../../varying.ts'
import { ownInputs, residualsOf, type Loop } from './loop-residuals.ts'
import { rebase } from '../rebase.ts'
import { cotangentType, type Vjp } from '../rule.ts'

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

const like = ({ type: { dtype, shape } }: Value): Value => regionArgument(cotangentType(dtype), shape)
const zeros = (b: Builder, { type: { dtype, shape } }: Value): Value => b.full(0, cotangentType(dtype), shape)
const turned = ({ axis, reverse }: ScanAxis): ScanAxis => ({ axis, reverse: !reverse })

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
  const own = ownInputs(node)
  const varying = varyingInputs(node, varies)
  const states = own.slice(0, carried).map((value) => (varying.has(value) ? like(value) : undefined))
  const slices = scanOutputs.map((_, k) => cotangents[carried + k] && like(body.outputs[carried + k]!.value))
  const outputs = body.outputs.map(({ value }) => value)
  const wrt = own.filter((value) => varying.has(value))
  const found = pullBack(outputs, [...states, ...slices], wrt).map((gradient, i) => ({ of: wrt[i]!, gradient }))
  const pulled = found.flatMap(({ of, gradient }) => (gradient ? [{ of, gradient }] : []))

  // What the body's values are in the loop back.
  const iteration = regionArgument('i32', [])
  const residuals = residualsOf(
    node,
    pulled.map(({ gradient }) => gradient),
  )
  const invariants = own.slice(carried + scanInputs.length)
  const meaning = new Map<Value, Value>([
    [body.inputs[0]!.value, b.map([iteration], (i) => sub(trips - 1, i!))],
    ...invariants.map((value, i) => [value, node.operands[carried + scanInputs.length + i]!] as const),
    ...residuals.map((slice) => [slice.of, slice.argument] as const),
  ])
  const moved = rebase(
    pulled.map(({ gradient }) => gradient),
    meaning,
  )
  const gradients = new Map(pulled.map(({ of }, i) => [of, moved[i]!]))

  const carriers = states.flatMap((state, k) => {
    const value = own[k]!
    if (!state) return []
    const initial = cotangents[k] ?? zeros(b, value)
    return [{ of: value, initial, argument: state, next: gradients.get(value) ?? zeros(b, value) }]
  })
  const sums = invariants.flatMap((value) => {
    const gradient = gradients.get(value)
    if (!gradient) return []
    const sum = like(value)
    return [{ of: value, initial: zeros(b, value), argument: sum, next: b.binary('add', sum, gradient) }]
  })
  const given = slices.flatMap((slice, k) =>
    slice ? [{ ...turned(scanOutputs[k]!), value: cotangents[carried + k]!, argument: slice }] : [],
  )
  const parts = scanInputs.flatMap((scan, k) => {
    const value = own[carried + k]!
    const slice = gradients.get(value)
    return slice ? [{ of: value, ...turned(scan), slice }] : []
  })
  const loop = b.while({
    trips,
    iteration,
    carried: [...carriers, ...sums],
    scanInputs: [...given, ...residuals.map((slice) => ({ ...slice, ...turned(slice) }))],
    scanOutputs: parts,
  })
  const results = new Map<Value, Value>()
  ;[...carriers, ...sums].forEach(({ of }, i) => results.set(of, loop.carried[i]!))
  parts.forEach(({ of }, i) => results.set(of, loop.stacked[i]!))
  return own.map((value) => results.get(value))
}
