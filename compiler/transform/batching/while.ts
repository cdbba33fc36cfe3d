import type { Value } from '../../core/graph.ts'
import { splitOperands, splitOutputs, type ScanAxis } from '../../core/ops/while.ts'
import { regionArgument } from '../../core/region.ts'
import { batched, repeated, spread } from './forms.ts'
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
  const like = (x: Value, shape = x.type.shape): Value => regionArgument(x.type.dtype, shape)
  const along = ({ axis, reverse }: ScanAxis, o: Operand): ScanAxis => ({ axis: axis + (o.batched ? 1 : 0), reverse })

  const iteration = regionArgument('i32', [])
  const initials = carried.map((o, i) => (flags.carried[i] ? repeated(c, o) : o.value))
  const states = initials.map((x) => like(x))
  const walks = scanInputs.map((o, i) => along(attrs.scanInputs[i]!, o))
  const slices = scanInputs.map(({ value }, i) => like(value, value.type.shape.toSpliced(walks[i]!.axis, 1)))
  const inputs: Operand[] = [
    { value: iteration, batched: false },
    ...states.map((value, i) => ({ value, batched: flags.carried[i]! })),
    ...slices.map((value, i) => ({ value, batched: scanInputs[i]!.batched })),
    ...invariants,
  ]
  // Which samples go on. Together they are the loop's condition.
  const active = flags.condition ? regionArgument('bool', [size]) : undefined
  const results = c.region(
    attrs.body.outputs.map((port) => port.value),
    new Map(attrs.body.inputs.map(({ value }, i) => [value, inputs[i]!])),
    active ?? c.mask,
  )
  const next = splitOutputs(results, attrs)
  const stays = (value: Operand, old: Value): Value => {
    const x = repeated(c, value)
    return active ? b.select(spread(b, active, x.type.shape.length), x, old) : x
  }
  const loopStates = carried.map((_, i) => ({
    initial: initials[i]!,
    argument: states[i]!,
    next: flags.carried[i] ? stays(next.carried[i]!, states[i]!) : next.carried[i]!.value,
  }))
  const outputs = next.slices.map((o, i) => {
    const slice = active ? batched(stays(o, b.scalar(0, o.value.type.dtype))) : o
    return { operand: slice, ...along(attrs.scanOutputs[i]!, slice) }
  })
  const own = active && samplesOf(c, active, condition!, next.condition!)
  const loop = b.while({
    trips: attrs.trips,
    iteration,
    condition: own?.condition ?? (condition && sharedCondition(c, condition.value, next.condition!.value)),
    carried: [...loopStates, ...(own?.carried ?? [])],
    scanInputs: scanInputs.map(({ value }, i) => ({ value, argument: slices[i]!, ...walks[i]! })),
    scanOutputs: outputs.map(({ operand, axis, reverse }) => ({ slice: operand.value, axis, reverse })),
  })
  return [
    ...carried.map((_, i) => ({ value: loop.carried[i]!, batched: flags.carried[i]! })),
    ...loop.stacked.map((value, i) => ({ value, batched: outputs[i]!.operand.batched })),
    own ? batched(loop.carried.at(-1)!) : { value: loop.count, batched: false },
  ]
}

/** What a loop carries to stop for each sample at its own time: which samples are `active`, and last how many iterations each had. */
function samplesOf(c: Context, active: Value, initial: Operand, next: Operand) {
  const { b, size, mask } = c
  const first = masked(b, mask, repeated(c, initial))
  const following = b.binary('and', active, repeated(c, next))
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
