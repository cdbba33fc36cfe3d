import type { Value } from '../../../core/graph.ts'
import { regionArgument } from '../../../core/region.ts'
import type { OpContext, Operator } from '../../context.ts'
import type { Item } from '../../item.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'
import { stacked, tensorOutput, unrolls } from '../../shared/unroll.ts'

/** How one scan input or output is walked. */
interface Walk {
  readonly axis: number
  readonly backward: boolean
}

function walks(c: OpContext, count: number, axes: string, directions: string): Walk[] {
  const none = new Array<number>(count).fill(0)
  const axisList = c.ints(axes, none)
  const directionList = c.ints(directions, none)
  c.check(axisList.length === count, `${axes} has ${axisList.length} entries, not ${count}`)
  c.check(directionList.length === count, `${directions} has ${directionList.length} entries, not ${count}`)
  return axisList.map((axis, i) => ({ axis, backward: directionList[i] === 1 }))
}

/** Slice `i` of `x` along `axis`, without the axis. */
const sliceAt = (c: OpContext, x: Value, axis: number, i: number): Value =>
  c.b.reshape(c.b.sliceAxis(x, axis, i, 1), x.type.shape.toSpliced(axis, 1))

/** Final states, then the scan outputs: by a loop, or where that is short or its body differs between iterations, without. */
function iterate(
  c: OpContext,
  initial: readonly Value[],
  inputs: readonly Value[],
  ins: Walk[],
  outs: Walk[],
): Value[] {
  const body = c.graph('body')
  const axes = ins.map(({ axis }, k) => normalizeAxis(c, axis, inputs[k]!.type.shape.length))
  const lengths = axes.map((axis, k) => inputs[k]!.type.shape[axis]!)
  const [length = 0] = lengths
  c.check(
    lengths.every((n) => n === length),
    `scan inputs have lengths ${lengths.join(', ')}`,
  )
  if (!unrolls(body, length)) {
    const looped = c.attempt(() => loop(c, initial, inputs, { length, axes, ins, outs }))
    if (looped) return looped
  }
  let states: readonly Item[] = initial
  const slices: Item[][] = outs.map(() => [])
  const run = (parts: readonly Value[]): Item[] => {
    const results = c.inline(body, [...states, ...parts])
    c.check(results.length === initial.length + outs.length, `the body has ${results.length} outputs`)
    return results
  }
  for (const i of range(0, length)) {
    const results = run(inputs.map((x, k) => sliceAt(c, x, axes[k]!, ins[k]!.backward ? length - 1 - i : i)))
    states = results.slice(0, initial.length)
    slices.forEach((list, k) => list.push(results[initial.length + k]!))
  }
  // Without an iteration, the body says what slices would be.
  const absent = (x: Value, k: number): Value => c.b.full(0, x.type.dtype, x.type.shape.toSpliced(axes[k]!, 1))
  const models = length === 0 ? run(inputs.map(absent)).slice(initial.length) : slices.map((list) => list[0]!)
  return [
    ...states.map((state) => tensorOutput(c, state)),
    ...slices.map((list, k) => stacked(c, outs[k]!.backward ? list.toReversed() : list, models[k]!, outs[k]!.axis)),
  ]
}

function loop(
  c: OpContext,
  initial: readonly Value[],
  inputs: readonly Value[],
  { length, axes, ins, outs }: { length: number; axes: readonly number[]; ins: Walk[]; outs: Walk[] },
): Value[] {
  const states = initial.map(({ type }) => regionArgument(type.dtype, type.shape))
  const slices = inputs.map(({ type }, k) => regionArgument(type.dtype, type.shape.toSpliced(axes[k]!, 1)))
  const results = c.inline(c.graph('body'), [...states, ...slices]).map((item) => tensorOutput(c, item))
  c.check(results.length === initial.length + outs.length, `the body has ${results.length} outputs`)
  const { carried, stacked } = c.b.while({
    trips: length,
    iteration: regionArgument('i32', []),
    carried: initial.map((value, i) => ({ initial: value, argument: states[i]!, next: results[i]! })),
    scanInputs: inputs.map((value, k) => ({
      value,
      argument: slices[k]!,
      axis: axes[k]!,
      reverse: ins[k]!.backward,
    })),
    scanOutputs: outs.map(({ axis, backward }, k) => {
      const slice = results[initial.length + k]!
      return { slice, axis: normalizeAxis(c, axis, slice.type.shape.length + 1), reverse: backward }
    }),
  })
  return [...carried, ...stacked]
}

/** Opset 8: all operands have a batch axis in front, which the body does not see, and input 0 may give lengths. */
function lowerBatched(c: OpContext, scanCount: number, outputCount: number): Value[] {
  if (c.inputs[0]) c.unsupported('sequences of different lengths')
  const operands = range(1, c.inputs.length).map((i) => c.input(i))
  const batch = operands[0]?.type.shape[0] ?? 0
  c.check(
    batch >= 1 && operands.every((x) => x.type.shape[0] === batch),
    'the operands have no common batch axis of 1 or more',
  )
  const directions = c.ints('directions', new Array<number>(scanCount).fill(0))
  c.check(directions.length === scanCount, `directions has ${directions.length} entries, not ${scanCount}`)
  const ins = directions.map((d) => ({ axis: 0, backward: d === 1 }))
  const outs = range(0, outputCount).map(() => ({ axis: 0, backward: false }))
  const stateCount = operands.length - scanCount
  const examples = range(0, batch).map((n) => {
    const own = operands.map((x) => sliceAt(c, x, 0, n))
    return iterate(c, own.slice(0, stateCount), own.slice(stateCount), ins, outs)
  })
  return examples[0]!.map((first, k) =>
    stacked(
      c,
      examples.map((results) => results[k]!),
      first,
      0,
    ),
  )
}

/** Inputs are initial states, then scan inputs, whose slices the body takes one by one. */
export const scan: Operator = {
  since: 8,
  floats: 'storage',
  limits: 'before opset 9 without sequence_lens',
  lower: (c: OpContext) => {
    const scanCount = c.int('num_scan_inputs')
    const stateCount = c.inputs.length - scanCount - (c.opset < 9 ? 1 : 0)
    const outputCount = c.graph('body').outputs.length - stateCount
    c.check(scanCount >= 1 && stateCount >= 0 && outputCount >= 0, `num_scan_inputs is ${scanCount}`)
    if (c.opset < 9) return lowerBatched(c, scanCount, outputCount)
    const operands = range(0, c.inputs.length).map((i) => c.input(i))
    const ins = walks(c, scanCount, 'scan_input_axes', 'scan_input_directions')
    const outs = walks(c, outputCount, 'scan_output_axes', 'scan_output_directions')
    return iterate(c, operands.slice(0, stateCount), operands.slice(stateCount), ins, outs)
  },
}
