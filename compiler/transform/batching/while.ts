import type { Value } from '../../core/graph.ts'
import { splitOperands, splitOutputs, type ScanAxis } from '../../core/ops/control-flow/while.ts'
import { regionArgument } from '../../core/region.ts'
import { inBestForm, inForm, isBatched, leading, shared, spread, withLeading } from './forms.ts'
import { masked } from './if.ts'
import type { Context, Operand, Rule } from './rule.ts'

/**
 * One loop for all samples. Where its condition differs between them it runs as long as any sample's holds, and what a sample
 * carries stays when its own is over.
 */
export const whileLoop: Rule<'while'> = (c, node, operands) => {
  const { attrs } = node
  const { b, size } = c
  const flags = c.loopFlags(node, operands)
  const { condition, carried, scanInputs, invariants } = splitOperands(operands, attrs)
  const like = (o: Operand, shape = o.value.type.shape): Operand => ({
    ...o,
    value: regionArgument(o.value.type.dtype, shape),
  })
  // Slices lack an axis: before it stands that of the samples.
  const walked = ({ axis, reverse }: ScanAxis, o: Operand): ScanAxis => ({
    axis: axis + (isBatched(o) ? 1 : 0),
    reverse,
  })

  const iteration = regionArgument('i32', [])
  const initials = carried.map((o, i) => (flags.carried[i] ? inBestForm(c, o) : o))
  const states = initials.map((o) => like(o))
  const inputs = scanInputs.map((o, i) => {
    const whole = isBatched(o) ? leading(withLeading(c, o)) : o
    const walk = walked(attrs.scanInputs[i]!, whole)
    return { whole, slice: like(whole, whole.value.type.shape.toSpliced(walk.axis, 1)), ...walk }
  })
  const parameters = [shared(iteration), ...states, ...inputs.map((x) => x.slice), ...invariants]
  // Which samples go on. Together they are the loop's condition.
  const active = flags.condition ? regionArgument('bool', [size]) : undefined
  const results = c.region(
    attrs.body.outputs.map((port) => port.value),
    new Map(attrs.body.inputs.map(({ value }, i) => [value, parameters[i]!])),
    active ?? c.mask,
  )
  const next = splitOutputs(results, attrs)
  const unlessOver = (x: Value, old: Value): Value =>
    active ? b.select(spread(b, active, x.type.shape.length), x, old) : x
  const loopStates = states.map((state, i) => {
    const { value, form } = state
    const following = next.carried[i]!
    const kept = form === 'shared' ? following.value : unlessOver(inForm(c, following, form), value)
    return { initial: initials[i]!.value, argument: value, next: kept }
  })
  const outputs = next.slices.map((o, i) => {
    const isOwn = active !== undefined || isBatched(o)
    const slice = isOwn ? leading(unlessOver(withLeading(c, o), b.scalar(0, o.value.type.dtype))) : o
    return { form: slice.form, slice: slice.value, ...walked(attrs.scanOutputs[i]!, slice) }
  })
  const own = active && samplesOf(c, active, condition!, next.condition!)
  const loop = b.while({
    trips: attrs.trips,
    iteration,
    condition: own?.condition ?? (condition && sharedCondition(c, condition.value, next.condition!.value)),
    carried: [...loopStates, ...(own?.carried ?? [])],
    scanInputs: inputs.map(({ whole, slice, axis, reverse }) => ({
      ...{ value: whole.value, argument: slice.value, axis, reverse },
    })),
    scanOutputs: outputs,
  })
  return [
    ...states.map(({ form }, i) => ({ value: loop.carried[i]!, form })),
    ...loop.stacked.map((value, i) => ({ value, form: outputs[i]!.form })),
    own ? leading(loop.carried.at(-1)!) : shared(loop.count),
  ]
}

/** What a loop carries to stop for each sample at its own time: which samples are `active`, and last how many iterations each had. */
function samplesOf(c: Context, active: Value, initial: Operand, next: Operand) {
  const { b, size, mask } = c
  const first = masked(b, mask, withLeading(c, initial))
  const following = b.binary('and', active, withLeading(c, next))
  const any = (samples: Value): Value => b.reduce('or', samples, [0])
  const count = regionArgument('i32', [size])
  return {
    condition: { initial: any(first), next: any(following) },
    carried: [
      { initial: first, argument: active, next: following },
      {
        initial: b.full(0, 'i32', [size]),
        argument: count,
        next: b.binary('add', count, b.convert(active, 'i32')),
      },
    ],
  }
}

/** A condition that is the same for all samples: what no sample reaches is not begun. */
const sharedCondition = ({ b, mask }: Context, initial: Value, next: Value) => ({
  initial: mask ? b.binary('and', initial, b.reduce('or', mask, [0])) : initial,
  next,
})
