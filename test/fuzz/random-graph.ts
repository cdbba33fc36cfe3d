import { Builder } from '../../compiler/core/builder.ts'
import { isFloat, isInteger, type DType } from '../../compiler/core/scalar/dtype.ts'
import type { Graph, Value } from '../../compiler/core/graph.ts'
import type { ReduceKind } from '../../compiler/core/ops/reductions/reduce.ts'
import { trivialWindow, windowPositions, type WindowAxis } from '../../compiler/core/ops/window.ts'
import { regionArgument } from '../../compiler/core/region.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { sameType } from '../../compiler/core/tensor.ts'
import type { Random } from '../support/random.ts'
import { ValuePool } from './value-pool.ts'

const b = new Builder(undefined)

/** Builds one graph from random operations. */
class Generator extends ValuePool {
  private unary(x: Value): Value {
    const { dtype } = x.type
    if (dtype === 'bool') return b.unary('not', x)
    const { bound, unit } = this.range(x)
    if (isInteger(dtype)) return b.unary(this.random.pick(['neg', 'abs', 'not'] as const), x)
    const op = this.random.pick(['neg', 'abs', 'floor', 'ceil', 'trunc', 'round'] as const)
    return this.note(b.unary(op, x), {
      bound: Math.ceil(bound),
      unit: op === 'neg' || op === 'abs' ? unit : Math.max(1, unit),
    })
  }

  private binary(v: Value): Value {
    const { dtype } = v.type
    const w = this.partner(v)
    const [x, y] = this.chance(0.5) ? [v, w] : [w, v]
    if (this.chance(0.2)) return b.binary(this.random.pick(['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const), x, y)
    if (dtype === 'bool') return b.binary(this.random.pick(['and', 'or', 'xor', 'max', 'min'] as const), x, y)
    if (isInteger(dtype)) {
      const ops = ['add', 'sub', 'mul', 'div', 'rem', 'max', 'min', 'and', 'or', 'xor', 'shl', 'shr'] as const
      return b.binary(this.random.pick(ops), x, y)
    }
    const op = this.random.pick(['add', 'sub', 'mul', 'max', 'min'] as const)
    const [p, q] = [this.tame(x), this.tame(y)]
    const [r, s] = [this.range(p), this.range(q)]
    const unit = op === 'mul' ? r.unit * s.unit : Math.min(r.unit, s.unit)
    const bound =
      op === 'mul' ? r.bound * s.bound : op === 'add' || op === 'sub' ? r.bound + s.bound : Math.max(r.bound, s.bound)
    return this.note(b.binary(op, p, q), { bound, unit })
  }

  /** Scale by a constant for each channel and shift: what a batch normalization leaves. */
  private affine(v: Value, axis: number): Value {
    const shape = v.type.shape.map((d, i) => (i === axis ? d : 1))
    const x = this.tame(v, 2 ** 10)
    const { bound, unit } = this.range(x)
    const scaled = this.chance(0.5)
      ? b.binary('mul', x, this.constant('f32', shape))
      : b.binary('div', x, b.scalar(this.random.pick([2, -0.5, 4]), 'f32'))
    const shift = this.constant('f32', shape)
    const shifted = this.chance(0.5) ? b.binary('add', scaled, shift) : b.binary('sub', shift, scaled)
    return this.note(this.chance(0.5) ? b.binary('max', shifted, b.scalar(0, 'f32')) : shifted, {
      bound: 3 * bound + 3,
      unit: unit / 4,
    })
  }

  private select(x: Value): Value {
    const y = this.partner(x)
    const cond =
      this.some((v) => v.type.dtype === 'bool' && v.type.shape.join() === x.type.shape.join()) ??
      this.fresh('bool', x.type.shape)
    const [r, s] = [this.range(x), this.range(y)]
    return this.note(b.select(cond, x, y), { bound: Math.max(r.bound, s.bound), unit: Math.min(r.unit, s.unit) })
  }

  private convert(x: Value): Value {
    const to = this.random.pick(['f32', 'i32', 'bool', 'u8', 'i64'] as const)
    if (!isFloat(to) || !isInteger(x.type.dtype)) return b.convert(x, to)
    return this.note(b.convert(b.binary('and', x, b.scalar(7, x.type.dtype)), to), { bound: 7, unit: 1 })
  }

  private kind(x: Value): ReduceKind {
    if (x.type.dtype === 'bool') return this.random.pick(['and', 'or', 'max', 'min'] as const)
    return this.random.pick(['add', 'add', 'max', 'min'] as const)
  }

  /** Range after combining at most `count` elements; unbounded where there may be none. */
  private combined(v: Value, x: Value, kind: ReduceKind, count: number, mayBeEmpty: boolean): Value {
    const { bound, unit } = this.range(x)
    const empty = kind !== 'add' && mayBeEmpty
    return this.note(v, { bound: empty ? Infinity : kind === 'add' ? bound * Math.max(1, count) : bound, unit })
  }

  private reduce(v: Value): Value {
    const x = this.tame(v)
    const kind = this.kind(x)
    const axes = x.type.shape.map((_, i) => i).filter(() => this.chance(0.4))
    const count = elementCount(axes.map((i) => x.type.shape[i]!))
    return this.combined(b.reduce(kind, x, axes, this.chance(0.3)), x, kind, count, count === 0)
  }

  private reshape(x: Value): Value {
    const { shape } = x.type
    const rest = shape.filter((d) => d !== 1)
    const to: number[] = []
    if (shape.includes(0)) return b.reshape(x, this.chance(0.5) ? [0] : [3, 0, 2])
    const split = rest.flatMap((d) => (d % 2 === 0 && d > 2 && this.chance(0.4) ? [2, d / 2] : [d]))
    for (const d of split) {
      if (to.length > 0 && this.chance(0.3)) to[to.length - 1]! *= d
      else to.push(d)
      if (this.chance(0.15)) to.push(1)
    }
    return b.reshape(x, to.length > 5 ? [elementCount(shape)] : to)
  }

  private transpose(x: Value): Value {
    const order = x.type.shape.map((_, i) => ({ i, key: this.random.float() })).sort((p, q) => p.key - q.key)
    return b.transpose(
      x,
      order.map(({ i }) => i),
    )
  }

  private slice(x: Value): Value {
    const axes = x.type.shape.map((d) => {
      if (d === 0 || this.chance(0.4)) return { start: 0, count: d, stride: 1 }
      const stride = this.random.pick([1, 1, 2, -1, -2])
      const start = this.random.int(d)
      const room = stride > 0 ? d - start : start + 1
      const most = Math.ceil(room / Math.abs(stride))
      return { start, count: this.chance(0.03) ? 0 : 1 + this.random.int(most), stride }
    })
    return b.slice(
      x,
      axes.map((a) => a.start),
      axes.map((a) => a.count),
      axes.map((a) => a.stride),
    )
  }

  private pad(x: Value): Value {
    const amount = (): number[] => x.type.shape.map(() => (this.chance(0.4) ? 1 + this.random.int(2) : 0))
    const value = this.random.pick([0, 0, 1])
    const { bound, unit } = this.range(x)
    return this.note(b.pad(x, b.scalar(value, x.type.dtype), amount(), amount()), {
      bound: Math.max(1, bound),
      unit: Math.min(1, unit),
    })
  }

  private concatenate(x: Value): Value {
    const axis = this.random.int(x.type.shape.length)
    const fits = (v: Value): boolean =>
      v.type.dtype === x.type.dtype &&
      v.type.shape.length === x.type.shape.length &&
      v.type.shape.every((d, i) => i === axis || d === x.type.shape[i])
    const others = Array.from({ length: 1 + this.random.int(2) }, () => this.some(fits)!)
    const all = [x, ...others]
    if (this.chance(0.3)) all.push(this.fresh(x.type.dtype, x.type.shape))
    const ranges = all.map((v) => this.range(v))
    const range = { bound: Math.max(...ranges.map((r) => r.bound)), unit: Math.min(...ranges.map((r) => r.unit)) }
    return this.note(b.concatenate(all, axis), range)
  }

  private take(x: Value): Value {
    const indices = this.fresh(
      this.random.pick(['i32', 'i64'] as const),
      this.chance(0.7) ? [this.random.pick([1, 3, 4])] : [2, 3],
    )
    return b.take(x, indices, this.random.int(x.type.shape.length))
  }

  private dot(v: Value): Value {
    const x = this.tame(v)
    const { shape, dtype } = x.type
    const axis = this.chance(0.8) ? shape.length - 1 : this.random.int(shape.length)
    const batch = this.chance(0.3) && axis > 0 ? [0] : []
    const k = shape[axis]!
    const n = this.random.pick([1, 2, 3, 4, 5, 8, 9, 16, 17])
    const flip = this.chance(0.5)
    const free = flip ? [n, k] : [k, n]
    const w = this.chance(0.7)
      ? this.constant(dtype, [...batch.map((i) => shape[i]!), ...free])
      : this.fresh(dtype, [...batch.map((i) => shape[i]!), ...free])
    const attrs = {
      lhsBatch: batch,
      rhsBatch: batch,
      lhsContract: [axis],
      rhsContract: [batch.length + (flip ? 1 : 0)],
    }
    const { bound, unit } = this.range(x)
    const y = this.note(b.dotGeneral(x, w, attrs), { bound: bound * 3 * Math.max(1, k), unit })
    return dtype === 'f32' && this.chance(0.5) ? this.affine(y, y.type.shape.length - 1) : y
  }

  private window(length: number): WindowAxis {
    for (;;) {
      const pads = { low: this.random.pick([0, 0, 1, 2]), high: this.random.pick([0, 0, 1, 2]) }
      const size = this.random.pick([1, 2, 3, 3])
      const w = {
        ...trivialWindow,
        ...pads,
        size,
        stride: this.random.pick([1, 1, 2, 3]),
        dilation: this.random.pick([1, 1, 1, 2]),
        baseDilation: this.chance(0.06) ? 2 : 1,
      }
      if (windowPositions(length, w) > 0) return w
    }
  }

  private convolution(): Value {
    const image = (v: Value): boolean =>
      v.type.dtype === 'f32' && v.type.shape.length === 4 && !v.type.shape.includes(0)
    const found = this.some(image)
    const shape = [
      1 + this.random.int(2),
      this.random.pick([1, 2, 3, 4, 6, 8, 12, 16, 20]),
      1 + this.random.int(6),
      1 + this.random.int(5),
    ]
    const x = this.tame(found ?? this.input('f32', shape))
    const [, channels, h, w] = x.type.shape as [number, number, number, number]
    const groups = this.random.pick([1, 1, channels, ...[2, 3].filter((g) => channels % g === 0)])
    const outputs = groups * (groups === 1 ? this.random.pick([1, 2, 3, 4, 5, 8, 12]) : 1 + this.random.int(2))
    const window = [this.window(h), this.window(w)]
    const sizes = window.map((a) => a.size)
    const kernelShape = [outputs, channels / groups, ...sizes]
    const kernel = this.chance(0.85) ? this.constant('f32', kernelShape) : this.fresh('f32', kernelShape)
    const nchw = { batch: 0, feature: 1, spatial: [2, 3] }
    const attrs = { lhs: nchw, rhs: { output: 0, input: 1, spatial: [2, 3] }, out: nchw, window, groups }
    const { bound, unit } = this.range(x)
    const y = this.note(b.convolution(x, kernel, attrs), {
      bound: (bound * 3 * elementCount(sizes) * channels) / groups,
      unit,
    })
    return this.chance(0.6) ? this.affine(y, 1) : y
  }

  private reduceWindow(v: Value): Value {
    const x = this.tame(v)
    const kind = this.kind(x)
    const window = x.type.shape.map((d, i) =>
      d > 0 && (x.type.shape.length < 4 || i > 1) ? this.window(d) : trivialWindow,
    )
    return this.combined(b.reduceWindow(kind, x, window), x, kind, elementCount(window.map((w) => w.size)), true)
  }

  private cumulate(v: Value): Value {
    const x = this.tame(v)
    const kind = this.kind(x)
    const axis = this.random.int(x.type.shape.length)
    const exclusive = this.chance(0.3)
    const y = b.cumulate(x, { kind, axis, exclusive, reverse: this.chance(0.5) })
    return this.combined(y, x, kind, x.type.shape[axis]!, exclusive)
  }

  private broadcast(x: Value): Value {
    const target = x.type.shape.map((d) => (d === 1 ? 1 + this.random.int(4) : d))
    return b.broadcast(x, this.chance(0.5) ? [1 + this.random.int(3), ...target] : target)
  }

  /** A loop over two carried values like `v`, which captures another and walks a third. */
  private loop(v: Value): Value[] {
    const { dtype, shape } = v.type
    const bounded = (x: Value): Value => (isFloat(dtype) ? this.clamp(x) : x)
    const trips = this.random.int(5)
    const axis = this.random.int(shape.length + 1)
    if (elementCount(shape) * trips > 400) return []
    const [p, q, slice] = [0, 1, 2].map(() => regionArgument(dtype, shape)) as [Value, Value, Value]
    const captured = b.broadcast(bounded(this.partner(v)), shape)
    const walked = b.broadcastInDim(
      bounded(v),
      shape.toSpliced(axis, 0, trips),
      shape.map((_, i) => (i < axis ? i : i + 1)),
    )
    const inner = [p, q, slice, captured]
    const ops = dtype === 'bool' ? (['and', 'or', 'xor'] as const) : (['add', 'sub', 'mul', 'max', 'min'] as const)
    for (let i = 0; i < 3; i++) {
      inner.push(bounded(b.binary(this.random.pick(ops), this.random.pick(inner), this.random.pick(inner))))
    }
    const scan = (): { axis: number; reverse: boolean } => ({ axis, reverse: this.chance(0.5) })
    const { carried, stacked, count } = b.while({
      trips,
      iteration: regionArgument('i32', []),
      carried: [p, q].map((at) => ({ initial: bounded(v), argument: at, next: this.random.pick(inner) })),
      scanInputs: [{ value: walked, argument: slice, ...scan() }],
      scanOutputs: [{ slice: this.random.pick(inner), ...scan() }],
    })
    return [...[...carried, ...stacked].map((x) => this.note(x, { bound: 4, unit: 1 })), count]
  }

  private branch(x: Value): Value[] {
    const [y, z] = [this.partner(x), this.partner(x)]
    const same = (v: Value): Value => this.tame(b.broadcast(v, x.type.shape), 4)
    const outside = new Set([...this.pool, x, y, z])
    const [then, otherwise] = [
      [this.binary(same(y)), x],
      [this.binary(same(z)), same(y)],
    ] as [Value[], Value[]]
    const pairs = then.map((v, i) => [v, otherwise[i]!] as const).filter(([v, w]) => sameType(v.type, w.type))
    const results = b.if(
      this.fresh('bool', []),
      pairs.map(([v]) => v),
      pairs.map(([, w]) => w),
      (v) => outside.has(v),
    )
    return results.map((r, i) => {
      const [s, t] = pairs[i]!.map((v) => this.range(v)) as [
        ReturnType<typeof this.range>,
        ReturnType<typeof this.range>,
      ]
      return this.note(r, { bound: Math.max(s.bound, t.bound), unit: Math.min(s.unit, t.unit) })
    })
  }

  /** Values of one operation on `x`; moves keep the range of what they move. */
  private step(x: Value): Value[] {
    const ranked = x.type.shape.length > 0
    const moved = (v: Value): Value[] => [this.ranges.has(v) ? v : this.note(v, this.range(x))]
    switch (this.random.int(24)) {
      case 0:
        return [this.unary(x)]
      case 1:
      case 2:
      case 3:
        return [this.binary(x)]
      case 4:
        return [this.select(x)]
      case 5:
        return [this.convert(x)]
      case 6:
        return [this.reduce(x)]
      case 7:
        return moved(this.reshape(x))
      case 8:
      case 9:
        return moved(this.transpose(x))
      case 10:
        return moved(this.slice(x))
      case 11:
        return moved(this.pad(x))
      case 12:
        return ranked ? moved(this.concatenate(x)) : []
      case 13:
        return ranked && !x.type.shape.includes(0) ? moved(this.take(x)) : []
      case 14:
        return ranked && x.type.dtype !== 'bool' ? [this.dot(x)] : []
      case 15:
      case 16:
        return [this.convolution()]
      case 17:
        return [this.reduceWindow(x)]
      case 18:
        return ranked && ['f32', 'i64', 'u8'].includes(x.type.dtype) ? this.sort(x) : []
      case 19:
        return ranked && !x.type.shape.includes(0) && x.type.dtype !== 'bool' ? [this.argreduce(x)] : []
      case 20:
        return ranked && x.type.dtype !== 'bool' ? [this.cumulate(x)] : []
      case 21:
        return this.loop(x)
      case 22:
        return this.branch(x)
      default:
        return moved(this.broadcast(x))
    }
  }

  private sort(x: Value): Value[] {
    const [values, indices] = b.sort(x, this.random.int(x.type.shape.length), this.chance(0.5))
    return [this.note(values, this.range(x)), indices]
  }

  private argreduce(x: Value): Value {
    return b.argreduce(x, {
      kind: this.random.pick(['max', 'min'] as const),
      axis: this.random.int(x.type.shape.length),
      last: this.chance(0.5),
    })
  }

  graph(): Graph {
    const steps = 2 + this.random.int(14)
    const dtypes: readonly DType[] = ['f32', 'f32', 'f32', 'i32', 'bool', 'i64', 'u8']
    for (let i = 0; i < 1 + this.random.int(3); i++)
      this.keep(this.input(this.random.pick(dtypes), this.shape(this.random.int(5))))
    for (let i = 0; i < steps; i++) {
      const x = this.some()!
      if (x.type.shape.length <= 5) this.step(x).forEach((v) => this.keep(v))
    }
    const leaves = this.pool.filter((v) => !this.used.has(v) || this.chance(0.1))
    const outputs = leaves.length > 0 ? leaves : [this.pool[this.pool.length - 1]!]
    return {
      inputs: this.inputs.map((value, i) => ({ name: `x${i}`, value })),
      outputs: outputs.map((value, i) => ({ name: `y${i}`, value })),
    }
  }
}

/**
 * A random graph whose float values are exact in f32 whatever the order of sums, so that results can be compared exactly
 * when its inputs come from `smallTensor`.
 */
export const randomGraph = (random: Random): Graph => new Generator(random).graph()
