import { batchingAxis } from '../../../../core/ops/data-movement/gather.ts'
import type { ScatterAttrs } from '../../../../core/ops/data-movement/scatter.ts'
import { elementCount } from '../../../../core/shape.ts'
import type { Emitter } from '../../emitter.ts'
import type { Edge } from '../../graph.ts'
import { areWithin, components, offsetAlong, vectors } from './index-vectors.ts'
import type { Rule } from '../rule.ts'

const reductions = { set: 'none', add: 'add', mul: 'mul', max: 'max', min: 'min', and: 'min', or: 'max' } as const

/** ScatterND. What is outside goes to a place behind the last, which is cut off again. */
export const scatter: Rule<'scatter'> = (e, node, [operand, indices, updates]) => {
  const a = node.attrs
  const [x, values] = [operand!, updates!]
  const { dtype, shape } = x.type
  if (elementCount(values.type.shape) === 0) return [x]
  if ((a.kind === 'and' || a.kind === 'or') && dtype !== 'bool')
    e.refuse(`ONNX has no scatter that combines ${dtype} by ${a.kind}`)
  const { indexed, rest } = sortAxes(a, shape, values.type.shape)
  const outer = values.type.shape.map((_, i) => i).filter((i) => !rest.some((r) => r.update === i))
  const space = outer.map((i) => values.type.shape[i]!)
  const batchAxes = values.type.shape.map((_, i) => i).filter((i) => !a.updateWindowDims.includes(i))
  const parts = components(e, indices!, a.indexVectorDim)
  const batchPlaces = batchAxes.map((i) => outer.indexOf(i))
  const places = indexed.map(({ component, along }) => {
    const window = along === undefined ? undefined : { axis: outer.indexOf(along), length: values.type.shape[along]! }
    return offsetAlong(e, component === undefined ? undefined : parts[component], batchPlaces, space.length, window)
  })
  const lengths = indexed.map(({ axis }) => (axis === undefined ? 1 : shape[axis]!))
  const inside = within(e, places, lengths, indexed)
  const perm = [...indexed.flatMap(({ axis }) => (axis === undefined ? [] : [axis])), ...rest.map((r) => r.axis)]
  const isFlag = dtype === 'bool' && a.kind !== 'set'
  const as = isFlag ? 'u8' : dtype
  const data = e.cast(e.reshape(e.transpose(x, perm), [...lengths, ...rest.map((r) => shape[r.axis]!)]), as)
  const zeros = data.type.shape.map(() => 0)
  const roomy = inside ? e.pad(data, e.scalar(0, as), zeros, zeros.with(0, 1)) : data
  const kept = inside
    ? places.map((place, i) => e.where(inside, place, e.scalar(i === 0 ? lengths[0]! : 0, 'i64')))
    : places
  const moved = e.cast(e.transpose(values, [...outer, ...rest.map((r) => r.update)]), as)
  const attributes = a.kind === 'set' ? {} : { reduction: reductions[a.kind] }
  const scattered = e.node('ScatterND', [roomy, vectors(e, kept, space), moved], roomy.type, attributes)
  const cut = e.slice(scattered, zeros, data.type.shape)
  const result = e.cast(
    e.reshape(
      cut,
      perm.map((i) => shape[i]!),
    ),
    dtype,
  )
  return [
    e.transpose(
      result,
      shape.map((_, i) => perm.indexOf(i)),
    ),
  ]
}

/** An axis that index vectors tell; without `axis` one of length 1 that is added. */
interface Indexed {
  readonly axis?: number
  /** Which component of the index vectors is added. */
  readonly component?: number
  /** The axis of the updates whose position is added. */
  readonly along?: number
}

/** Axes of the operand that vectors tell, and those that updates have whole. */
function sortAxes(a: ScatterAttrs, shape: readonly number[], updates: readonly number[]) {
  const indexed: Indexed[] = []
  const rest: { axis: number; update: number }[] = []
  const batchAxes = updates.map((_, i) => i).filter((i) => !a.updateWindowDims.includes(i))
  let window = 0
  shape.forEach((length, axis) => {
    const mapped = a.scatterDimsToOperandDims.indexOf(axis)
    const component = mapped < 0 ? {} : { component: mapped }
    const batching = a.inputBatchingDims.indexOf(axis)
    if (batching >= 0) {
      const batch = batchingAxis(a.scatterIndicesBatchingDims, a.indexVectorDim, batching)
      indexed.push({ axis, along: batchAxes[batch]! })
    } else if (a.insertedWindowDims.includes(axis)) indexed.push({ axis, ...component })
    else {
      const update = a.updateWindowDims[window++]!
      if (mapped < 0 && updates[update] === length) rest.push({ axis, update })
      else indexed.push({ axis, along: update, ...component })
    }
  })
  return { indexed: indexed.length > 0 ? indexed : [{}], rest }
}

/** Where all of the indices are inside; undefined if that is everywhere. */
function within(
  e: Emitter,
  places: readonly Edge[],
  lengths: readonly number[],
  indexed: readonly Indexed[],
): Edge | undefined {
  const tests = places.flatMap((place, i) => {
    if (indexed[i]!.component === undefined || areWithin(place, lengths[i]! - 1)) return []
    const low = e.elementwise('GreaterOrEqual', [place, e.scalar(0, 'i64')], 'bool')
    return [low, e.elementwise('Less', [place, e.scalar(lengths[i]!, 'i64')], 'bool')]
  })
  return tests.length === 0 ? undefined : tests.reduce((a, b) => e.elementwise('And', [a, b]))
}
