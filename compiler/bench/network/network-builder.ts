import { elementCount, sameShape, type Shape } from '../../core/shape.ts'
import type { Grid } from './fake-quantization.ts'
import {
  activated,
  foldable,
  type Activation,
  type Layer,
  type LayerAttributes,
  type LayerOp,
  type NetworkTensor,
} from './network.ts'

type Draft = { -readonly [K in keyof Layer]: Layer[K] }

/** Collects layers; a bias or an activation joins the layer whose result it takes, where nothing else reads that. */
export class NetworkBuilder {
  readonly tensors: NetworkTensor[] = []
  readonly layers: Draft[] = []
  private readonly producers = new Map<number, Draft>()
  private readonly readers = new Map<number, number>()

  tensor(shape: Shape, data?: Float32Array): number {
    return this.tensors.push(data ? { shape, data } : { shape }) - 1
  }

  /** Constant weights, and the integers that they are stored as, if they are. */
  weights(shape: Shape, data: Float32Array, integers: NetworkTensor['integers']): number {
    return this.tensors.push({ shape, data, ...(integers && { integers }) }) - 1
  }

  /** `x` rounded to a grid, by the layer that computes it where nothing else reads that. */
  round(x: number, grid: Grid): number {
    const at = this.reshaped(x)
    if (this.sole(at) && !this.tensors[at]!.grid) {
      this.tensors[at] = { ...this.tensors[at]!, grid }
      return x
    }
    const rounded = this.layer('quantize', [x], this.shape(x))
    this.tensors[rounded] = { ...this.tensors[rounded]!, grid }
    return rounded
  }

  /** What `x` is a reshape of, where nothing else reads it. */
  private reshaped(x: number): number {
    const layer = this.sole(x)
    return layer?.op === 'reshape' && this.sole(layer.inputs[0]!) ? this.reshaped(layer.inputs[0]!) : x
  }

  shape(tensor: number): Shape {
    return this.tensors[tensor]!.shape
  }

  /** Puts `count` readers in the place of one; a tensor has one unless said otherwise. */
  replaceReader(tensor: number, count: number): void {
    this.readers.set(tensor, (this.readers.get(tensor) ?? 1) - 1 + count)
  }

  layer(op: LayerOp, inputs: readonly number[], shape: Shape, attributes: LayerAttributes = {}): number {
    const output = this.tensor(shape)
    const layer: Draft = { op, inputs, output, activation: 'none', attributes }
    this.layers.push(layer)
    this.producers.set(output, layer)
    return output
  }

  /** The layer that gives a tensor, if only one operand reads it. */
  private sole(tensor: number): Draft | undefined {
    return (this.readers.get(tensor) ?? 1) === 1 ? this.producers.get(tensor) : undefined
  }

  /** Makes the constant `bias` that of the layer which gives `x`, or returns false. */
  foldBias(x: number, bias: number): boolean {
    const at = this.reshaped(x)
    const layer = this.sole(at)
    const { shape, data } = this.tensors[bias]!
    if (!layer || !data || !foldable.includes(layer.op) || layer.activation !== 'none' || this.tensors[at]!.grid)
      return false
    const channels = this.shape(at).at(-1)!
    // One position has its channels in their order, whatever its shape.
    const isRow = elementCount(this.shape(x)) === channels || shape.at(-1) === channels
    if (elementCount(shape) !== channels || !isRow || (at !== x && elementCount(this.shape(x)) !== channels))
      return false
    const before = this.tensors[layer.inputs[2]!]!.data!
    const sum = data.map((value, i) => value + before[i]!)
    layer.inputs = [layer.inputs[0]!, layer.inputs[1]!, this.tensor([channels], sum)]
    return true
  }

  /** The tensor with relu or relu6 applied. */
  activate(x: number, activation: Exclude<Activation, 'none'>): number {
    const layer = this.sole(x)
    // min(relu(x), 6) is relu6(x).
    const free = layer?.activation === 'none' || (layer?.activation === 'relu' && activation === 'relu6')
    if (layer && free && activated.includes(layer.op)) layer.activation = activation
    else if (layer?.op === 'relu' && activation === 'relu6') layer.op = 'relu6'
    else return this.layer(activation, [x], this.shape(x))
    return x
  }

  /** Whether a tensor is never below zero. */
  isRectified(x: number): boolean {
    const layer = this.sole(x)
    return layer !== undefined && (layer.activation === 'relu' || layer.op === 'relu')
  }

  reshape(x: number, shape: Shape): number {
    const before = this.producers.get(x)
    const source = before?.op === 'reshape' ? before.inputs[0]! : x
    return sameShape(this.shape(source), shape) && source === x ? x : this.layer('reshape', [source], shape)
  }
}
