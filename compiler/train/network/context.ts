import { Builder } from '../../core/builder.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import { arg } from '../../core/scalar/expr.ts'
import { createNode, type Value } from '../../core/graph.ts'
import type { Shape } from '../../core/shape.ts'
import { tensor } from '../../core/tensor.ts'
import type { Dropout, Normalization, Parameter, Statistic } from '../model/model.ts'
import { initialize, type Fan, type Initializer } from './initializers.ts'

/** A layer of a network: what it is called in names of its parameters, and what it makes of a value with one sample: [1, …]. */
export interface Layer {
  readonly kind: string
  readonly build: (network: NetworkContext, x: Value) => Value
}

/** What layers build with. */
export class NetworkContext {
  readonly parameters: Parameter[] = []
  readonly normalizations: Normalization[] = []
  readonly dropouts: Dropout[] = []
  /** Names of layers that have tables, which are constants. */
  readonly fixedLayers: string[] = []
  /** Samples a second of the sound that the network takes. */
  rate: number | undefined
  private readonly counts = new Map<string, number>()
  private name = ''
  private kind = ''

  private readonly seed: number

  constructor(seed: number) {
    this.seed = seed
  }

  get b(): Builder {
    return new Builder({ node: this.name, operator: this.kind, opset: 0 })
  }

  /** Builds a layer; its name is its kind and how many of the kind stand before it. */
  build(layer: Layer, x: Value): Value {
    const count = (this.counts.get(layer.kind) ?? 0) + 1
    this.counts.set(layer.kind, count)
    const outer = [this.name, this.kind] as const
    ;[this.name, this.kind] = [`${layer.kind}${count}`, layer.kind]
    const y = layer.build(this, x)
    ;[this.name, this.kind] = outer
    return y
  }

  /** A parameter of the layer that is being built. */
  parameter(role: string, shape: Shape, initializer: Initializer, fan: Fan, decays: boolean): Value {
    const start = initialize(initializer, shape, fan, this.seed, this.parameters.length)
    const value = this.input(role, shape)
    this.parameters.push({ name: `${this.name}.${role}`, value, start, decays, initializer })
    return value
  }

  /** Running statistics of the channels of `x`, its last axis. */
  normalization(x: Value, momentum: number): { mean: Value; variance: Value } {
    const axis = x.type.shape.length - 1
    const channels = x.type.shape[axis]!
    const statistic = (role: string, value: number): Statistic => ({
      name: `${this.name}.${role}`,
      value: this.input(role, [channels]),
      start: tensor('f32', [channels], new Float32Array(channels).fill(value)),
    })
    const [mean, variance] = [statistic('mean', 0), statistic('variance', 1)]
    this.normalizations.push({ name: this.name, x, axis, mean, variance, momentum })
    return { mean: mean.value, variance: variance.value }
  }

  /** `x`, of which training drops a share. A value of its own: others that read `x` see all of it. */
  dropout(x: Value, ratio: number): Value {
    const value = createNode('map', [x], { expr: arg(0, x.type.dtype) }, this.b.origin).results[0]!
    this.dropouts.push({ x, value, ratio })
    return value
  }

  /** Says that what the layer that is being built computes with is never trained, also where the model is read back from ONNX. */
  fixed(): void {
    this.fixedLayers.push(this.name)
  }

  /** Says that the network's input is sound of `rate` samples a second. A702 where another layer says otherwise. */
  takesSound(rate: number, kind: string): void {
    if (this.rate !== undefined && this.rate !== rate)
      fail('A702', `${kind}: its rate is ${rate} Hz, that of another layer ${this.rate} Hz`)
    this.rate = rate
  }

  private input(role: string, shape: Shape): Value {
    const name = `${this.name}.${role}`
    return createNode('input', [], { name, type: { dtype: 'f32', shape } }, undefined).results[0]!
  }
}
