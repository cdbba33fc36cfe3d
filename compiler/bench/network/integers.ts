/**
 * Layers of integers, as TensorFlow Lite has them: a layer whose operands and result are rounded to grids computes on i8, with sums in
 * i32. All others compute on f32, and conversions stand between. Where weights have a zero point all is u8, whose layers take one
 * scale for all of the weights.
 */
import type { Grid } from './fake-quantization.ts'
import { unsupported } from './unsupported.ts'
import { foldable, type Layer, type LayerOp, type Network, type NetworkTensor, type StoredIntegers } from './network.ts'

/** They move elements or choose among them: the result is on the operand's grid. */
const keepsGrid: readonly LayerOp[] = ['reshape', 'transpose', 'slice', 'pad', 'maxPool', 'max', 'averagePool']
/** They take operands on grids of their own. */
const rescales: readonly LayerOp[] = ['add', 'sub', 'mul', 'mean', 'relu', 'relu6', 'hardSwish']
/** Whose grids TensorFlow Lite fixes. */
const fixedGrids: Readonly<Partial<Record<LayerOp, Grid>>> = {
  softmax: { scale: 1 / 256, zero: -128 },
  sigmoid: { scale: 1 / 256, zero: -128 },
  tanh: { scale: 1 / 128, zero: 0 },
}

/** What the least and the greatest integer of a grid stand for. */
const rangeOf = ({ scale, zero }: Grid): readonly [number, number] => [(-128 - zero) * scale, (127 - zero) * scale]

/** The grid of a range, with 0 on it. */
function gridOver(low: number, high: number): Grid {
  const scale = (Math.max(high, 0) - Math.min(low, 0)) / 255
  return { scale, zero: Math.round(-128 - Math.min(low, 0) / scale) }
}

const sameGrid = (a: Grid, b: Grid): boolean => a.scale === b.scale && a.zero === b.zero

/** @throws Unsupported where no product would be one of integers. */
export function toIntegers(network: Network): Network {
  const unsigned = network.tensors.some(({ integers }) => integers !== undefined && integers.zero !== 0)
  const converted = new Integers(network, unsigned).converted()
  const isProduct = ({ op, output }: Layer): boolean => foldable.includes(op) && !!converted.tensors[output]!.stored
  if (!converted.layers.some(isProduct)) unsupported('products of such integers')
  return converted
}

class Integers {
  private readonly network: Network
  private readonly tensors: NetworkTensor[]
  private readonly layers: Layer[] = []
  /** The i8 of a tensor, where there is one, and its grid. */
  private readonly integers = new Map<number, { readonly tensor: number; readonly grid: Grid }>()
  /** The f32 of a tensor that is computed as i8. */
  private readonly floats = new Map<number, number>()

  /** What is added to integers of i8, and to their zero points, for those that are stored. */
  private readonly offset: number

  constructor(network: Network, unsigned: boolean) {
    this.network = network
    this.offset = unsigned ? 128 : 0
    this.tensors = network.tensors.map(({ shape, data }) => (data ? { shape, data } : { shape }))
  }

  converted(): Network {
    for (const layer of this.network.layers) this.convert(layer)
    const outputs = this.network.outputs.map(({ name, tensor }) => ({ name, tensor: this.asFloat(tensor) }))
    return { tensors: this.tensors, layers: this.layers, inputs: this.network.inputs, outputs }
  }

  private newTensor(like: number, stored?: StoredIntegers): number {
    const { shape } = this.tensors[like]!
    return this.tensors.push(stored ? { shape, stored } : { shape }) - 1
  }

  /** The type of integers of 8 bits, their zero point, and of constants what they are. */
  private bytes(zero: number, data?: Int8Array): Pick<StoredIntegers, 'dtype' | 'zero' | 'data'> {
    const { offset } = this
    const stored = data && (offset === 0 ? data : Uint8Array.from(data, (q) => q + offset))
    return { dtype: offset === 0 ? 'i8' : 'u8', zero: zero + offset, ...(stored && { data: stored }) }
  }

  private onGrid(like: number, { scale, zero }: Grid): number {
    return this.newTensor(like, { ...this.bytes(zero), scales: [scale], axis: 0 })
  }

  private emit(op: LayerOp, input: number, output: number): number {
    this.layers.push({ op, inputs: [input], output, activation: 'none', attributes: {} })
    return output
  }

  private asFloat(tensor: number): number {
    const integers = this.integers.get(tensor)
    if (!integers) return tensor
    const float = this.floats.get(tensor) ?? this.emit('dequantize', integers.tensor, this.newTensor(tensor))
    this.floats.set(tensor, float)
    return float
  }

  /** The i8 of `tensor` on `grid`. */
  private asIntegers(tensor: number, grid: Grid): number {
    const integers = this.integers.get(tensor)
    if (integers && sameGrid(integers.grid, grid)) return integers.tensor
    return this.emit('quantize', integers?.tensor ?? tensor, this.onGrid(tensor, grid))
  }

  private convert(layer: Layer): void {
    const { op, output } = layer
    const grid = this.network.tensors[output]!.grid ?? this.gridOfAddend(layer)
    if (op === 'quantize') {
      this.integers.set(output, { tensor: this.asIntegers(layer.inputs[0]!, grid!), grid: grid! })
      return
    }
    const computed = this.onIntegers(layer, grid)
    if (!computed) {
      this.layers.push({ ...layer, inputs: layer.inputs.map((input) => this.asFloat(input)) })
      if (!grid) return
      // Who reads it reads what it was rounded to.
      this.integers.set(output, { tensor: this.asIntegers(output, grid), grid })
      return
    }
    const { inputs, on } = computed
    const result = this.onGrid(output, on)
    this.layers.push({ ...layer, inputs, output: result })
    this.integers.set(output, { tensor: result, grid: on })
    if (grid) this.integers.set(output, { tensor: this.asIntegers(output, grid), grid })
  }

  /**
   * The grid of a product that is not rounded before something on a grid is added to it: TensorFlow Lite has no product of integers that
   * is not. What is beyond this grid gives a sum that is beyond the grid of sums.
   */
  private gridOfAddend({ op, output, activation }: Layer): Grid | undefined {
    if (!foldable.includes(op) || activation !== 'none') return undefined
    const readers = this.network.layers.filter(({ inputs }) => inputs.includes(output))
    const [reader] = readers
    if (readers.length !== 1 || reader!.op !== 'add' || this.network.outputs.some(({ tensor }) => tensor === output))
      return undefined
    const sums = this.network.tensors[reader!.output]!.grid
    const other = reader!.inputs.flatMap((input) => (input === output ? [] : (this.integers.get(input)?.grid ?? [])))[0]
    if (!sums || !other) return undefined
    const [[low, high], [least, most]] = [rangeOf(sums), rangeOf(other)]
    return gridOver(low - most, high - least)
  }

  /** Operands of a layer that computes on integers, and the grid of its result; undefined for others. */
  private onIntegers(
    { op, inputs }: Layer,
    grid: Grid | undefined,
  ): { readonly inputs: readonly number[]; readonly on: Grid } | undefined {
    const operands = inputs.map((input) => this.integers.get(input))
    const [first] = operands
    if (!first) return undefined
    if (foldable.includes(op)) {
      const weights = grid && this.weights(op, inputs, first.grid)
      return weights && { inputs: [first.tensor, ...weights], on: grid }
    }
    if (keepsGrid.includes(op)) return { inputs: [first.tensor], on: first.grid }
    const known = operands.flatMap((operand) => operand ?? [])
    if (known.length < operands.length) return undefined
    if (op === 'concat') {
      const on = grid ?? (known.every((one) => sameGrid(one.grid, first.grid)) ? first.grid : undefined)
      return on && { inputs: inputs.map((input) => this.asIntegers(input, on)), on }
    }
    if (!grid) return undefined
    const on = rescales.includes(op) ? grid : fixedGrids[op]
    return on && { inputs: known.map(({ tensor }) => tensor), on }
  }

  /** Weights as i8, and the bias as i32 in the unit of the sums. */
  private weights(op: LayerOp, [, kernel, bias]: readonly number[], of: Grid): [number, number] | undefined {
    const { integers } = this.network.tensors[kernel!]!
    const { data } = this.network.tensors[bias!]!
    if (!integers || !data) return undefined
    const isOne = integers.scales.every((scale) => scale === integers.scales[0])
    if (this.offset > 0 && !isOne) return undefined
    const { zero } = integers
    const scales = this.offset > 0 ? [integers.scales[0]!] : integers.scales
    const axis = op === 'depthwiseConv2d' ? 3 : 0
    const units = scales.map((scale) => scale * of.scale)
    const sums = Int32Array.from(data, (value, channel) => Math.round(value / (units[channel] ?? units[0]!)))
    return [
      this.newTensor(kernel!, { ...this.bytes(zero, integers.data), scales, axis }),
      this.newTensor(bias!, { dtype: 'i32', scales: units, zero: 0, axis: 0, data: sums }),
    ]
  }
}
