import { batchShape, batchingAxis } from '../../../../core/ops/data-movement/gather.ts'
import type { Emitter } from '../../emitter.ts'
import type { Edge } from '../../graph.ts'
import { clamped, components, offsetAlong, vectors } from './index-vectors.ts'
import type { Rule } from '../rule.ts'

/** An axis of a result: one of the operand's, or one of the indices without the axis of vectors. */
type Label = `operand ${number}` | `batch ${number}`

/** Gather where one axis is looked up, GatherND where several are or the operand has batches. */
export const gather: Rule<'gather'> = (e, node, [operand, indices]) => {
  const a = node.attrs
  const { shape } = node.results[0]!.type
  const full = operand!.type.shape
  const axes = full.map((_, i) => i)
  // A slice as long as the axis begins at 0, wherever its index says.
  const looked = a.startIndexMap.flatMap((axis, k) => (a.sliceSizes[axis]! < full[axis]! ? [{ axis, k }] : []))
  const isLooked = (axis: number): boolean => looked.some((l) => l.axis === axis)
  const x = e.slice(
    operand!,
    full.map(() => 0),
    axes.map((i) => (isLooked(i) || a.operandBatchingDims.includes(i) ? full[i]! : a.sliceSizes[i]!)),
  )
  const batch = batchShape(indices!.type.shape, a.indexVectorDim)
  const starts = looked.length > 0 ? components(e, indices!, a.indexVectorDim) : []
  const places = looked.map(({ axis, k }) => ({
    axis,
    size: a.sliceSizes[axis]!,
    start: clamped(e, starts[k]!, full[axis]! - a.sliceSizes[axis]!),
  }))
  const batches = a.operandBatchingDims.map((axis, k) => ({
    axis,
    batch: batchingAxis(a.startIndicesBatchingDims, a.indexVectorDim, k),
  }))
  const found = lookup(e, x, batch, places, batches)
  const offsets = axes.filter((i) => !a.collapsedSliceDims.includes(i) && !a.operandBatchingDims.includes(i))
  let next = 0
  const wanted = shape.map((_, i): Label => {
    const o = a.offsetDims.indexOf(i)
    return o < 0 ? `batch ${next++}` : `operand ${offsets[o]!}`
  })
  return [arranged(e, found, wanted, shape)]
}

interface Place {
  readonly axis: number
  readonly size: number
  readonly start: Edge
}

interface Labelled {
  readonly y: Edge
  readonly labels: readonly Label[]
}

function lookup(
  e: Emitter,
  x: Edge,
  batch: readonly number[],
  places: readonly Place[],
  batches: readonly { readonly axis: number; readonly batch: number }[],
): Labelled {
  const { dtype, shape } = x.type
  const [place] = places
  const batchLabels = batch.map((_, i): Label => `batch ${i}`)
  const operandLabels = (axes: readonly number[]): Label[] => axes.map((axis): Label => `operand ${axis}`)
  if (places.length === 0 && batches.length === 0) return { y: x, labels: operandLabels(shape.map((_, i) => i)) }
  if (places.length === 1 && batches.length === 0 && place!.size === 1) {
    const { axis, start } = place!
    const y = e.node('Gather', [x, start], { dtype, shape: shape.toSpliced(axis, 1, ...batch) }, { axis })
    const all = operandLabels(shape.map((_, i) => i))
    return { y, labels: [...all.slice(0, axis), ...batchLabels, ...all.slice(axis + 1)] }
  }
  const first = [...batches.map((b) => b.axis), ...places.map((p) => p.axis)]
  const rest = shape.map((_, i) => i).filter((i) => !first.includes(i))
  if (places.length === 0) {
    const y = e.transpose(x, [...first, ...rest])
    return { y, labels: [...batches.map((b): Label => `batch ${b.batch}`), ...operandLabels(rest)] }
  }
  // The space of index vectors: batches, other axes of the indices, positions within slices.
  const own = [
    ...batches.map((b) => b.batch),
    ...batch.map((_, i) => i).filter((i) => batches.every((b) => b.batch !== i)),
  ]
  const windows = places.filter((p) => p.size > 1)
  const space = [...own.map((i) => batch[i]!), ...windows.map((p) => p.size)]
  const parts = places.map(({ start, size }, k) => {
    const at = own.length + windows.indexOf(places[k]!)
    const window = size > 1 ? { axis: at, length: size } : undefined
    const along = own.map((_, i) => i)
    return offsetAlong(e, e.transpose(start, own), along, space.length, window)
  })
  const type = { dtype, shape: [...space, ...rest.map((i) => shape[i]!)] }
  const attributes = batches.length > 0 ? { batch_dims: batches.length } : {}
  const y = e.node('GatherND', [e.transpose(x, [...first, ...rest]), vectors(e, parts, space)], type, attributes)
  return {
    y,
    labels: [...own.map((i): Label => `batch ${i}`), ...operandLabels([...windows.map((p) => p.axis), ...rest])],
  }
}

/** The axes in the order that is wanted, with those that are missing, which repeat. */
function arranged(e: Emitter, { y, labels }: Labelled, wanted: readonly Label[], shape: readonly number[]): Edge {
  // Axes of length 1 may go: a slice of one element that vanishes.
  const kept = labels.filter((label) => wanted.includes(label))
  const lean = e.reshape(
    y,
    kept.map((label) => y.type.shape[labels.indexOf(label)]!),
  )
  const ordered = wanted.filter((label) => kept.includes(label))
  const moved = e.transpose(
    lean,
    ordered.map((label) => kept.indexOf(label)),
  )
  const spaced = e.reshape(
    moved,
    wanted.map((label, i) => (kept.includes(label) ? shape[i]! : 1)),
  )
  return e.expand(spaced, shape)
}
