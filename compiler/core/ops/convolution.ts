import { check } from '../diagnostics/check.ts'
import { isBigInt, isStorageOnly } from '../scalar/dtype.ts'
import { normalize } from '../scalar/scalar.ts'
import { elementCount, rowMajorStrides, walk } from '../shape.ts'
import { formatType, reader, writer, zeros, type TensorType } from '../tensor.ts'
import { accumulatorOf, needsBigInt, productSum } from './dot-general.ts'
import { checkDistinctAxes, inOperand, inResult, type Facets, type Index } from './facets.ts'
import { isTrivialWindow, windowIndex, windowPlace, windowPositions, windowShape, type WindowAxis } from './window.ts'

/** Which axis of a tensor is what (StableHLO convolution dimension numbers). */
export interface ActivationAxes {
  readonly batch: number
  readonly feature: number
  readonly spatial: readonly number[]
}

export interface KernelAxes {
  readonly input: number
  readonly output: number
  readonly spatial: readonly number[]
}

export interface ConvolutionAttrs {
  readonly lhs: ActivationAxes
  readonly rhs: KernelAxes
  readonly out: ActivationAxes
  /** One entry for each spatial axis; `size` is the kernel's. */
  readonly window: readonly WindowAxis[]
  readonly groups: number
  /**
   * Parts of the batch, each for its part of the output features alone, which the result has side by side (StableHLO's
   * batch_group_count); 1 unless given, and where there are `groups`. The gradient of a kernel with groups is such a convolution.
   */
  readonly batchGroups?: number
  /** What the window's padding holds; 0 unless given. A quantized input's zero point, mostly. */
  readonly padValue?: number
}

export const activationList = (a: ActivationAxes): number[] => [a.batch, a.feature, ...a.spatial]
const kernelList = (k: KernelAxes): number[] => [k.input, k.output, ...k.spatial]

/** Cross-correlation of operand 0 with the kernel operand 1 (StableHLO convolution). */
export const convolution: Facets<ConvolutionAttrs> = {
  type: ([x, w], a) => {
    check(x !== undefined && w !== undefined, 'convolution wants an input and a kernel')
    const rank = a.window.length + 2
    check(
      x.shape.length === rank && w.shape.length === rank,
      `${formatType(x)} and ${formatType(w)} are not of rank ${rank}`,
    )
    for (const list of [activationList(a.lhs), kernelList(a.rhs), activationList(a.out)]) {
      check(list.length === rank, 'dimension numbers of another rank')
      checkDistinctAxes(list, rank)
    }
    const channels = x.shape[a.lhs.feature]!
    const inputs = w.shape[a.rhs.input]!
    const outputs = w.shape[a.rhs.output]!
    check(
      a.groups >= 1 && channels === inputs * a.groups,
      `${channels} channels for a kernel of ${inputs} in ${a.groups} groups`,
    )
    check(outputs % a.groups === 0, `${outputs} output channels do not divide into ${a.groups} groups`)
    const [images, { batchGroups = 1 }] = [x.shape[a.lhs.batch]!, a]
    check(batchGroups >= 1 && (batchGroups === 1 || a.groups === 1), 'groups of features and of the batch')
    check(
      images % batchGroups === 0 && outputs % batchGroups === 0,
      `a batch of ${images} and ${outputs} output channels do not divide into ${batchGroups} groups`,
    )
    check(
      a.window.every((axis, i) => axis.size === w.shape[a.rhs.spatial[i]!]),
      'window and kernel differ in size',
    )
    check(
      (a.padValue ?? 0) === 0 || a.window.every((axis) => axis.baseDilation === 1),
      'padding between spread elements is 0',
    )
    const dtype = accumulatorOf(x.dtype)
    check(dtype === accumulatorOf(w.dtype), `convolution of ${x.dtype} and ${w.dtype}`)
    check(dtype !== 'bool' && !isStorageOnly(dtype), `convolution does not take ${x.dtype}`)
    const spatial = windowShape(
      a.lhs.spatial.map((i) => x.shape[i]!),
      a.window,
    )
    const shape = new Array<number>(rank)
    shape[a.out.batch] = images / batchGroups
    shape[a.out.feature] = outputs
    a.out.spatial.forEach((axis, i) => (shape[axis] = spatial[i]!))
    return [{ dtype, shape }]
  },
  evaluate: ([x, w], a) => {
    const [type] = convolution.type([x!, w!], a) as [TensorType]
    const result = zeros(type.dtype, type.shape)
    const write = writer(result)
    const xs = rowMajorStrides(x!.shape)
    const ws = rowMajorStrides(w!.shape)
    const inputs = w!.shape[a.rhs.input]!
    const { batchGroups = 1 } = a
    const images = x!.shape[a.lhs.batch]! / batchGroups
    const [perGroup, perBatchGroup] = [a.groups, batchGroups].map((groups) => w!.shape[a.rhs.output]! / groups) as [
      number,
      number,
    ]
    const sizes = a.window.map((axis) => axis.size)
    const lengths = a.lhs.spatial.map((i) => x!.shape[i]!)
    // What stands one behind the input's last element is its padding.
    const [readX, outside] = [reader(x!), elementCount(x!.shape)]
    const pad = normalize(x!.dtype, isBigInt(x!.dtype) ? BigInt(a.padValue ?? 0) : (a.padValue ?? 0))
    const sum = productSum((i) => (i < outside ? readX(i) : pad), reader(w!), needsBigInt(type.dtype))
    let at = 0
    walk(type.shape, [], (_, position) => {
      const output = position[a.out.feature]!
      const first = Math.floor(output / perGroup) * inputs
      const image = position[a.out.batch]! + Math.floor(output / perBatchGroup) * images
      const base = image * xs[a.lhs.batch]! + first * xs[a.lhs.feature]!
      walk(sizes, [a.rhs.spatial.map((i) => ws[i]!)], ([tap], element) => {
        let from = base
        let inside = true
        for (let i = 0; i < sizes.length; i++) {
          const index = windowIndex(position[a.out.spatial[i]!]!, element[i]!, lengths[i]!, a.window[i]!)
          if (index < 0) inside = false
          from += index * xs[a.lhs.spatial[i]!]!
        }
        const kernel = tap! + output * ws[a.rhs.output]!
        if (!inside && !a.padValue) return
        for (let c = 0; c < inputs; c++) {
          sum.add(inside ? from + c * xs[a.lhs.feature]! : outside, kernel + c * ws[a.rhs.input]!)
        }
      })
      write(at++, normalize(type.dtype, sum.take()))
    })
    return [result]
  },
  indices: ([x, w], a) => {
    const { batch, feature, spatial } = a.lhs
    const [channels, outputs] = [x!.shape[feature]!, w!.shape[a.rhs.output]!]
    const { batchGroups = 1 } = a
    const all = x!.shape[batch]!
    const images = all / batchGroups
    const extent = a.groups * batchGroups
    const [inputs, each] = [w!.shape[a.rhs.input]!, outputs / extent]
    return [
      { extent: images, places: [inOperand(0, batch, images), inResult(0, a.out.batch, images)] },
      {
        extent,
        places: [
          batchGroups > 1
            ? inOperand(0, batch, all, { length: extent, inner: images })
            : inOperand(0, feature, channels, { length: extent, inner: inputs }),
          inOperand(1, a.rhs.output, outputs, { length: extent, inner: each }),
          inResult(0, a.out.feature, outputs, { length: extent, inner: each }),
        ],
      },
      { extent: each, places: [inOperand(1, a.rhs.output, each), inResult(0, a.out.feature, each)] },
      { extent: inputs, places: [inOperand(0, feature, inputs), inOperand(1, a.rhs.input, inputs)] },
      ...spatial.flatMap((axis, i): Index[] => {
        const extent = windowPositions(x!.shape[axis]!, a.window[i]!)
        const from = windowPlace(0, axis, x!.shape[axis]!, a.window[i]!)
        return from ? [{ extent, places: [from, inResult(0, a.out.spatial[i]!, extent)] }] : []
      }),
    ]
  },
  keep: ([input, w], a, { operands, results }) => {
    const [x, kernel] = operands
    const isWhole = a.window.every((window, i) => {
      const moved = [x![a.lhs.spatial[i]!], results[0]![a.out.spatial[i]!]]
      return !kernel![a.rhs.spatial[i]!] && (isTrivialWindow(window) || moved.every((axis) => axis === undefined))
    })
    if (!isWhole) return undefined
    const { batchGroups = 1 } = a
    const left = (kept: readonly number[] | undefined, each: number, groups: number): number =>
      kept ? new Set(kept.map((c) => Math.floor(c / each))).size : groups
    return {
      ...a,
      groups: left(x![a.lhs.feature], w!.shape[a.rhs.input]!, a.groups),
      ...(batchGroups > 1 && {
        batchGroups: left(x![a.lhs.batch], input!.shape[a.lhs.batch]! / batchGroups, batchGroups),
      }),
    }
  },
}
