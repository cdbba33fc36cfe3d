import { isBigInt, isStorageOnly } from '../dtype.ts'
import { normalize } from '../scalar.ts'
import { elementCount, rowMajorStrides, walk } from '../shape.ts'
import { formatType, reader, writer, zeros, type TensorType } from '../tensor.ts'
import { accumulatorOf, needsBigInt, productSum } from './dot-general.ts'
import { mixed, require, requireDistinctAxes, toResult, type AxisUse, type Facets } from './facets.ts'
import { isTrivialWindow, windowIndex, windowShape, type WindowAxis } from './window.ts'

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
  /** What the window's padding holds; 0 unless given. A quantized input's zero point, mostly. */
  readonly padValue?: number
}

export const activationList = (a: ActivationAxes): number[] => [a.batch, a.feature, ...a.spatial]
const kernelList = (k: KernelAxes): number[] => [k.input, k.output, ...k.spatial]

/** Cross-correlation of operand 0 with the kernel operand 1 (StableHLO convolution). */
export const convolution: Facets<ConvolutionAttrs> = {
  type: ([x, w], a) => {
    require(x !== undefined && w !== undefined, 'convolution wants an input and a kernel')
    const rank = a.window.length + 2
    require(x.shape.length === rank &&
      w.shape.length === rank, `${formatType(x)} and ${formatType(w)} are not of rank ${rank}`)
    for (const list of [activationList(a.lhs), kernelList(a.rhs), activationList(a.out)]) {
      require(list.length === rank, 'dimension numbers of another rank')
      requireDistinctAxes(list, rank)
    }
    const channels = x.shape[a.lhs.feature]!
    const inputs = w.shape[a.rhs.input]!
    const outputs = w.shape[a.rhs.output]!
    require(a.groups >= 1 &&
      channels === inputs * a.groups, `${channels} channels for a kernel of ${inputs} in ${a.groups} groups`)
    require(outputs % a.groups === 0, `${outputs} output channels do not divide into ${a.groups} groups`)
    require(a.window.every((axis, i) => axis.size === w.shape[a.rhs.spatial[i]!]), 'window and kernel differ in size')
    require((a.padValue ?? 0) === 0 ||
      a.window.every((axis) => axis.baseDilation === 1), 'padding between spread elements is 0')
    const dtype = accumulatorOf(x.dtype)
    require(dtype === accumulatorOf(w.dtype), `convolution of ${x.dtype} and ${w.dtype}`)
    require(dtype !== 'bool' && !isStorageOnly(dtype), `convolution does not take ${x.dtype}`)
    const spatial = windowShape(
      a.lhs.spatial.map((i) => x.shape[i]!),
      a.window,
    )
    const shape = new Array<number>(rank)
    shape[a.out.batch] = x.shape[a.lhs.batch]!
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
    const perGroup = w!.shape[a.rhs.output]! / a.groups
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
      const base = position[a.out.batch]! * xs[a.lhs.batch]! + first * xs[a.lhs.feature]!
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
  axes: ([x, w], a) => {
    const summed: AxisUse = a.groups === 1 ? { to: 'contracted', group: 0 } : mixed
    const ofX = x!.shape.map((_, i) => {
      if (i === a.lhs.batch) return toResult(a.out.batch)
      if (i === a.lhs.feature) return summed
      const s = a.lhs.spatial.indexOf(i)
      return isTrivialWindow(a.window[s]!) ? toResult(a.out.spatial[s]!) : mixed
    })
    const ofW = w!.shape.map((_, i) =>
      i === a.rhs.output ? toResult(a.out.feature) : i === a.rhs.input ? summed : mixed,
    )
    return [ofX, ofW]
  },
}
