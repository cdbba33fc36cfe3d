/**
 * Layers of integers, as TensorFlow Lite has them: a layer whose operands and result are rounded to grids computes on i8, with sums in
 * i32. All others compute on f32, and conversions stand between.
 */
import type { Grid } from './fake-quantization.ts'
import { foldable, type Layer, type LayerOp, type Network, type NetworkTensor, type StoredIntegers } from './network.ts'

/** They move elements or choose among them: the result is on the operand's grid. */
const keepsGrid: readonly LayerOp[] = ['reshape', 'transpose', 'slice', 'maxPool', 'averagePool']
/** They take operands on grids of their own. */
const rescales: readonly LayerOp[] = ['add', 'sub', 'mul', 'mean', 'relu', 'relu6', 'hardSwish']
/** Whose grids TensorFlow Lite fixes. */
const fixedGrids: Readonly<Partial<Record<LayerOp, Grid>>> = {
  softmax: { scale: 1 / 256, zero: -128 },
  sigmoid: { scale: 1 / 256, zero: -128 },
  tanh: { scale: 1 / 128, zero: 0 },
}

const sameGrid = (a: Grid, b: Grid): boolean => a.scale === b.scale && a.zero === b.zero

export const toIntegers = (network: Network): Network => new Integers(network).converted()

class Integers {
  private readonly network: Network
  private readonly tensors: NetworkTensor[]
  private readonly layers: Layer[] = []
  /** The i8 of a tensor, where there is one, and its grid. */
  private readonly integers = new Map<number, { readonly tensor: number; readonly grid: Grid }>()
  /** The f32 of a tensor that is computed as i8. */
  private readonly floats = new Map<number, number>()

  constructor(network: Network) {
    this.network = network
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

  private onGrid(like: number, { scale, zero }: Grid): number {
    return this.newTensor(like, { dtype: 'i8', scales: [scale], zero, axis: 0 })
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
    const { grid } = this.network.tensors[output]!
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

  /** Operands of a layer that computes on integers, and the grid of its result; undefined for others. */
  private onIntegers(
    { op, inputs, attributes }: Layer,
    grid: Grid | undefined,
  ): { readonly inputs: readonly number[]; readonly on: Grid } | undefined {
    const operands = inputs.map((input) => this.integers.get(input))
    const [first] = operands
    if (!first) return undefined
    if (foldable.includes(op)) {
      const weights = grid && this.weights(op, inputs, first.grid)
      return weights && { inputs: [first.tensor, ...weights], on: grid }
    }
    if (keepsGrid.includes(op) || (op === 'pad' && attributes.value === 0))
      return { inputs: [first.tensor], on: first.grid }
    const known = operands.flatMap((operand) => operand ?? [])
    if (!grid || known.length < operands.length) return undefined
    if (op === 'concat') return { inputs: inputs.map((input) => this.asIntegers(input, grid)), on: grid }
    const on = rescales.includes(op) ? grid : fixedGrids[op]
    return on && { inputs: known.map(({ tensor }) => tensor), on }
  }

  /** Weights as i8, and the bias as i32 in the unit of the sums. */
  private weights(op: LayerOp, [, kernel, bias]: readonly number[], of: Grid): [number, number] | undefined {
    const { integers } = this.network.tensors[kernel!]!
    const { data } = this.network.tensors[bias!]!
    if (!integers || !data) return undefined
    const { scales } = integers
    const axis = op === 'depthwiseConv2d' ? 3 : 0
    const units = scales.map((scale) => scale * of.scale)
    const sums = Int32Array.from(data, (value, channel) => Math.round(value / units[channel]!))
    return [
      this.newTensor(kernel!, { dtype: 'i8', scales, zero: 0, axis, data: integers.data }),
      this.newTensor(bias!, { dtype: 'i32', scales: units, zero: 0, axis: 0, data: sums }),
    ]
  }
}
