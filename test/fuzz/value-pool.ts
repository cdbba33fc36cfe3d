import { Builder } from '../../compiler/core/builder.ts'
import { isFloat, type DType } from '../../compiler/core/scalar/dtype.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { elementCount, type Shape } from '../../compiler/core/shape.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import type { Random } from '../support/random.ts'
import { inputOf } from '../support/run-graph.ts'

/** Magnitude and unit of a float value: each element is a multiple of `unit` within ±`bound`. */
interface Range {
  readonly bound: number
  readonly unit: number
}

/** Floats stay multiples of their unit below 2^22 units: sums and products are exact in f32 in any order. */
const mostUnits = 2 ** 22
const largest = 900
const small: Range = { bound: 3, unit: 1 }
const b = new Builder(undefined)

/** Random tensors in the range that the generator assumes of inputs and constants: integers of −3 … 3. */
export function smallTensor(random: Random, dtype: DType, shape: Shape): Tensor {
  const unsigned = dtype === 'bool' || dtype.startsWith('u')
  const values = Array.from({ length: elementCount(shape) }, () =>
    dtype === 'bool' ? random.int(2) : random.int(7) - (unsigned ? 0 : 3),
  )
  return tensorOf(dtype, shape, values)
}

/** The values of a graph that grows, each with at most 900 elements, and the ranges of the floats among them. */
export class ValuePool {
  readonly inputs: Value[] = []
  readonly pool: Value[] = []
  protected readonly ranges = new Map<Value, Range>()
  protected readonly used = new Set<Value>()
  private readonly dims: readonly number[]
  protected readonly random: Random

  constructor(random: Random) {
    this.random = random
    this.dims = random.int(12) === 0 ? [0, 1, 2, 3] : [1, 2, 3, 4, 5, 7, 8]
  }

  protected chance(p: number): boolean {
    return this.random.float() < p
  }

  protected shape(rank: number): number[] {
    for (;;) {
      const shape = Array.from({ length: rank }, () => this.random.pick(this.dims))
      if (elementCount(shape) <= largest / 2) return shape
    }
  }

  protected input(dtype: DType, shape: Shape): Value {
    const value = inputOf(`x${this.inputs.length}`, dtype, shape)
    this.inputs.push(value)
    this.ranges.set(value, small)
    return value
  }

  protected constant(dtype: DType, shape: Shape): Value {
    const value = b.constant(smallTensor(this.random, dtype, shape))
    this.ranges.set(value, small)
    return value
  }

  protected fresh(dtype: DType, shape: Shape): Value {
    return this.chance(0.5) && this.inputs.length < 6 ? this.input(dtype, shape) : this.constant(dtype, shape)
  }

  /** A value of the pool, recent ones more often. */
  protected some(fits: (v: Value) => boolean = () => true): Value | undefined {
    const fitting = this.pool.filter(fits)
    if (fitting.length === 0) return undefined
    const chosen = this.chance(0.6)
      ? fitting[Math.max(0, fitting.length - 1 - this.random.int(3))]!
      : this.random.pick(fitting)
    this.used.add(chosen)
    return chosen
  }

  protected range(v: Value): Range {
    return this.ranges.get(v) ?? small
  }

  protected note(v: Value, range: Range): Value {
    if (isFloat(v.type.dtype)) this.ranges.set(v, range)
    return v
  }

  protected clamp(v: Value): Value {
    const bounded = b.map([v], (x) => {
      const limit = (n: number) => ({ kind: 'const', dtype: v.type.dtype, value: n }) as const
      const low = { kind: 'binary', dtype: v.type.dtype, op: 'max', a: x!, b: limit(-4) } as const
      const both = { kind: 'binary', dtype: v.type.dtype, op: 'min', a: low, b: limit(4) } as const
      return { kind: 'unary', dtype: v.type.dtype, op: 'floor', x: both }
    })
    return this.note(bounded, { bound: 4, unit: 1 })
  }

  /** The value as an operand of something that makes numbers grow. */
  protected tame(v: Value, units = 64): Value {
    const { bound, unit } = this.range(v)
    return isFloat(v.type.dtype) && bound / unit > units ? this.clamp(v) : v
  }

  protected keep(v: Value | undefined): void {
    if (!v || elementCount(v.type.shape) > largest) return
    const { bound, unit } = this.range(v)
    this.pool.push(isFloat(v.type.dtype) && !(bound / unit <= mostUnits) ? this.clamp(v) : v)
  }

  /** A value that broadcasts with `x`: from the pool or new. */
  protected partner(x: Value): Value {
    const { dtype, shape } = x.type
    const same = (v: Value): boolean => v.type.dtype === dtype && v.type.shape.join() === shape.join()
    const found = this.chance(0.4) ? this.some(same) : undefined
    if (found) return found
    const dropped = this.chance(0.4) ? this.random.int(shape.length + 1) : 0
    return this.fresh(
      dtype,
      shape.slice(dropped).map((d) => (this.chance(0.3) ? 1 : d)),
    )
  }
}
