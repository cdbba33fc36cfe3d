import { currentBudget } from './diagnostics/budget.ts'
import type { Origin } from './diagnostics/diagnostic.ts'
import type { DType, Scalar } from './scalar/dtype.ts'
import * as expr from './scalar/expr.ts'
import type { BinaryOp, Expr, UnaryOp } from './scalar/expr.ts'
import { createNode, type Value } from './graph.ts'
import type { ArgreduceAttrs } from './ops/reductions/argreduce.ts'
import type { ConvolutionAttrs } from './ops/convolution.ts'
import type { CumulateAttrs } from './ops/reductions/cumulate.ts'
import type { DotGeneralAttrs } from './ops/dot-general.ts'
import type { GatherAttrs } from './ops/data-movement/gather.ts'
import type { AttrsOf, OpName } from './ops/index.ts'
import { mapShape } from './ops/map.ts'
import type { ReduceKind } from './ops/reductions/reduce.ts'
import type { ScatterAttrs } from './ops/data-movement/scatter.ts'
import type { WindowAxis } from './ops/window.ts'
import { closeLoop, closeRegion, type LoopParts } from './region.ts'
import { elementCount, sameShape, type Shape } from './shape.ts'
import { conversion, type Narrowing } from './scalar/small-float.ts'
import { scalarTensor, tensorOf, type Tensor } from './tensor.ts'

/**
 * Makes nodes of one origin. Methods that would change nothing return their operand. All throw a TypeError where an op
 * does not take its operands.
 */
export class Builder {
  readonly origin: Origin | undefined

  constructor(origin: Origin | undefined) {
    this.origin = origin
  }

  private one<O extends OpName>(op: O, operands: readonly Value[], attrs: AttrsOf<O>): Value {
    return createNode(op, operands, attrs, this.origin).results[0]!
  }

  constant(value: Tensor): Value {
    currentBudget()?.spend('tables', value.data.byteLength)
    return this.one('constant', [], { value } as AttrsOf<'constant'>)
  }

  scalar(value: Scalar, dtype: DType): Value {
    return this.constant(scalarTensor(dtype, value))
  }

  /** A vector constant, e.g. of i64 shape values. */
  vector(values: readonly Scalar[], dtype: DType): Value {
    return this.constant(tensorOf(dtype, [values.length], values))
  }

  /**
   * A map whose body `body` builds from one `arg` for each operand. All operands have a say in the result's shape; those that
   * the body does not use are no operands of the node, and where they alone make it larger it is broadcast.
   */
  map(operands: readonly Value[], body: (...args: Expr[]) => Expr): Value {
    const built = expr.shareParts(body(...operands.map((o, i) => expr.arg(i, o.type.dtype))))
    const used = new Set(expr.parts(built).flatMap((e) => (e.kind === 'arg' ? [e.index] : [])))
    if (used.size === operands.length) return this.mapAll(operands, built)
    const kept = [...used].sort((a, b) => a - b)
    const renumbered = expr.substitute(built, (i, dtype) => expr.arg(kept.indexOf(i), dtype))
    const result = this.mapAll(
      kept.map((i) => operands[i]!),
      renumbered,
    )
    return this.broadcast(result, mapShape(operands.map((o) => o.type)))
  }

  private mapAll(operands: readonly Value[], body: Expr): Value {
    if (body.kind === 'arg' && operands.length === 1) return operands[0]!
    return this.one('map', operands, { expr: body })
  }

  unary(op: UnaryOp, x: Value): Value {
    return this.map([x], (a) => expr.unary(op, a!))
  }

  /** Operands broadcast. */
  binary(op: BinaryOp, a: Value, b: Value): Value {
    return this.map([a, b], (x, y) => expr.binary(op, x!, y!))
  }

  select(cond: Value, a: Value, b: Value): Value {
    return this.map([cond, a, b], (c, x, y) => expr.select(c!, x!, y!))
  }

  /** By way of f32 where either is a float of 8 bits or fewer. */
  convert(x: Value, dtype: DType, narrowing?: Narrowing): Value {
    return this.map([x], (a) => conversion(a!, dtype, narrowing))
  }

  reduce(kind: ReduceKind, x: Value, axes: readonly number[], keepDims = false): Value {
    if (axes.length === 0) return x
    const result = this.one('reduce', [x], { kind, axes })
    return keepDims
      ? this.reshape(
          result,
          x.type.shape.map((d, i) => (axes.includes(i) ? 1 : d)),
        )
      : result
  }

  argreduce(x: Value, attrs: ArgreduceAttrs): Value {
    return this.one('argreduce', [x], attrs)
  }

  cumulate(x: Value, attrs: CumulateAttrs): Value {
    return this.one('cumulate', [x], attrs)
  }

  reduceWindow(kind: ReduceKind, x: Value, window: readonly WindowAxis[]): Value {
    return this.one('reduce_window', [x], { kind, window })
  }

  reshape(x: Value, shape: Shape): Value {
    return sameShape(x.type.shape, shape) ? x : this.one('reshape', [x], { shape })
  }

  transpose(x: Value, perm: readonly number[]): Value {
    return perm.every((p, i) => p === i) && perm.length === x.type.shape.length
      ? x
      : this.one('transpose', [x], { perm })
  }

  broadcastInDim(x: Value, shape: Shape, dims: readonly number[]): Value {
    return sameShape(x.type.shape, shape) ? x : this.one('broadcast_in_dim', [x], { shape, dims })
  }

  /** Broadcasts by NumPy's rule: axes are aligned at the end. */
  broadcast(x: Value, shape: Shape): Value {
    const lead = shape.length - x.type.shape.length
    return this.broadcastInDim(
      x,
      shape,
      x.type.shape.map((_, i) => i + lead),
    )
  }

  slice(x: Value, start: readonly number[], shape: Shape, strides: readonly number[] = start.map(() => 1)): Value {
    const whole = sameShape(x.type.shape, shape) && start.every((s) => s === 0) && strides.every((s) => s === 1)
    return whole ? x : this.one('slice', [x], { start, shape, strides })
  }

  /** Elements start, start + stride, … along one axis. */
  sliceAxis(x: Value, axis: number, start: number, length: number, stride = 1): Value {
    const at = (value: number, other: number): number[] => x.type.shape.map((_, i) => (i === axis ? value : other))
    return this.slice(
      x,
      at(start, 0),
      x.type.shape.map((d, i) => (i === axis ? length : d)),
      at(stride, 1),
    )
  }

  pad(x: Value, value: Value, low: readonly number[], high: readonly number[]): Value {
    return [...low, ...high].every((n) => n === 0) ? x : this.one('pad', [x, value], { low, high })
  }

  concatenate(operands: readonly Value[], axis: number): Value {
    return operands.length === 1 ? operands[0]! : this.one('concatenate', operands, { axis })
  }

  iota(dtype: DType, shape: Shape, axis: number): Value {
    return this.one('iota', [], { type: { dtype, shape }, axis })
  }

  gather(x: Value, indices: Value, attrs: GatherAttrs): Value {
    return this.one('gather', [x, indices], attrs)
  }

  /** Slices of `x` along `axis` at `indices`, whose axes take the place of `axis` (NumPy take). */
  take(x: Value, indices: Value, axis: number): Value {
    const rank = x.type.shape.length
    const indexRank = indices.type.shape.length
    const others = x.type.shape.map((_, i) => i).filter((i) => i !== axis)
    return this.gather(x, indices, {
      offsetDims: others.map((i) => (i < axis ? i : i - 1 + indexRank)),
      collapsedSliceDims: rank > 0 ? [axis] : [],
      operandBatchingDims: [],
      startIndicesBatchingDims: [],
      startIndexMap: [axis],
      indexVectorDim: indexRank,
      sliceSizes: x.type.shape.map((d, i) => (i === axis ? 1 : d)),
    })
  }

  scatter(x: Value, indices: Value, updates: Value, attrs: ScatterAttrs): Value {
    return this.one('scatter', [x, indices, updates], attrs)
  }

  dotGeneral(lhs: Value, rhs: Value, attrs: DotGeneralAttrs): Value {
    return this.one('dot_general', [lhs, rhs], attrs)
  }

  convolution(x: Value, w: Value, attrs: ConvolutionAttrs): Value {
    return this.one('convolution', [x, w], attrs)
  }

  /** Sorted values and the i32 indices they came from. */
  sort(x: Value, axis: number, descending: boolean): [Value, Value] {
    const { results } = createNode('sort', [x], { axis, descending }, this.origin)
    return [results[0]!, results[1]!]
  }

  /** Tables are as `decision_trees` in ops/ says. */
  decisionTrees(x: Value, tables: Record<'thresholds' | 'features' | 'next' | 'missing' | 'roots', Value>): Value {
    const { thresholds, features, next, missing, roots } = tables
    return this.one('decision_trees', [x, thresholds, features, next, missing, roots], {})
  }

  /** A loop: its carried values, scan outputs and the number of its iterations. What does not depend on an argument is computed before it. */
  while(loop: LoopParts): { carried: Value[]; stacked: Value[]; count: Value } {
    const { trips, iteration, condition, carried, scanInputs, scanOutputs } = loop
    const args = [iteration, ...carried.map((c) => c.argument), ...scanInputs.map((x) => x.argument)]
    const next = [...carried.map((c) => c.next), ...scanOutputs.map((y) => y.slice)]
    const { region: body, captured } = closeLoop(condition ? [condition.next, ...next] : next, args)
    const scan = ({ axis, reverse }: { axis: number; reverse: boolean }) => ({ axis, reverse })
    const attrs = {
      ...{ body, trips, conditional: condition !== undefined, carried: carried.length },
      ...{ scanInputs: scanInputs.map(scan), scanOutputs: scanOutputs.map(scan) },
    }
    const given = [...carried.map((c) => c.initial), ...scanInputs.map((x) => x.value), ...captured]
    const operands = condition ? [condition.initial, ...given] : given
    const { results } = createNode('while', operands, attrs, this.origin)
    return {
      carried: results.slice(0, carried.length),
      stacked: results.slice(carried.length, -1),
      count: results.at(-1)!,
    }
  }

  /** `then` where the bool[] `condition` holds, else `otherwise`; only the one that is wanted is computed, but for what is `outside`. */
  if(
    condition: Value,
    then: readonly Value[],
    otherwise: readonly Value[],
    outside: (value: Value) => boolean,
  ): readonly Value[] {
    // Both branches take all captured values: they are closed as one region and split.
    const { region, captured } = closeRegion([...then, ...otherwise], [], outside)
    const { inputs, outputs } = region
    const branches = {
      then: { inputs, outputs: outputs.slice(0, then.length) },
      otherwise: { inputs, outputs: outputs.slice(then.length) },
    }
    return createNode('if', [condition, ...captured], branches, this.origin).results
  }

  /** `x` filled with one value: a scalar broadcast to `shape`. */
  full(value: Scalar, dtype: DType, shape: Shape): Value {
    return this.broadcast(this.scalar(value, dtype), shape)
  }

  /** Mean over `axes`; floats only. */
  mean(x: Value, axes: readonly number[], keepDims: boolean): Value {
    const count = elementCount(axes.map((i) => x.type.shape[i]!))
    return this.binary('div', this.reduce('add', x, axes, keepDims), this.scalar(count, x.type.dtype))
  }
}
