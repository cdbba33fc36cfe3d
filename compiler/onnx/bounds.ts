import type { Bound } from '../core/artefact/artefact.ts'
import { Builder } from '../core/builder.ts'
import { CompileError, fail, type Diagnostic } from '../core/diagnostics/diagnostic.ts'
import { isInteger } from '../core/scalar/dtype.ts'
import { topological, type Limit, type Port, type Value } from '../core/graph.ts'
import { elementCount } from '../core/shape.ts'
import { Dims, mostLength, rangeOfDim, type Dim } from './dims.ts'
import { isBounded, isTensor, kindOf, type Item } from './item.ts'

/** Elements that have a bound each. */
const mostBounds = 1024

const format = ([least, most]: Bound): string => (least === 0 ? `${most}` : `${least}..${most}`)

const intervalsOf = (bounds: readonly Bound[]) => bounds.map(([low, high]) => ({ low, high, finite: true }))

/** The bounds that the user gave, and what every run must check because of them. */
export class Bounds {
  readonly dims = new Dims()
  private readonly given: Readonly<Record<string, readonly Bound[]>>
  private readonly met = new Set<string>()
  private readonly limits: (readonly [Value, Limit])[] = []

  constructor(given: Readonly<Record<string, readonly Bound[]>>) {
    this.given = given
    for (const [name, bounds] of Object.entries(given)) {
      const isBound = ([least, most]: Bound): boolean =>
        [least, most].every((n) => Number.isInteger(n) && Math.abs(n) <= mostLength) && least <= most
      if (bounds.length === 0 || bounds.length > mostBounds || !bounds.every(isBound))
        fail('A106', `"${name}" cannot be bounded by ${bounds.slice(0, 8).map(format).join(',')}`)
    }
  }

  /** Has every run check that `value`, an i32[], is within. */
  limit(value: Value, limit: Limit): void {
    this.limits.push([value, limit])
  }

  /** A function that forgets the limits that come after this call. */
  mark(): () => void {
    const { length } = this.limits
    return () => void (this.limits.length = length)
  }

  /** Notes the bounds of the model's inputs, which the runtime checks before it runs. */
  ofInputs(ports: readonly Port[]): void {
    for (const { name, value } of ports) {
      const bounds = this.take(name)
      if (!bounds) continue
      this.checkFit(name, value, bounds)
      this.dims.bound(value, intervalsOf(bounds))
    }
  }

  /** The result `name` of a node, of which is known that it is within its bounds. */
  of(name: string, item: Item): Item {
    const bounds = this.take(name)
    if (!bounds) return item
    if (isBounded(item)) return this.shortened(name, item, bounds)
    if (!isTensor(item)) return fail('A106', `"${name}" is ${kindOf(item)}, which has no bound`)
    this.checkFit(name, item, bounds)
    const b = new Builder(item.node.origin)
    const size = elementCount(item.type.shape)
    const parts =
      bounds.length === 1 && size > 1
        ? (['min', 'max'] as const).map((kind) => b.reduce(kind, item, [...item.type.shape.keys()]))
        : Array.from({ length: size }, (_, i) => b.reshape(b.slice(b.reshape(item, [size]), [i], [1]), []))
    parts.forEach((part, i) => this.check(b, name, this.dims.element(part, 0), bounds[i] ?? bounds[0]!))
    this.dims.bound(item, intervalsOf(bounds))
    return item
  }

  /** What is checked after each run. Throws a CompileError A106 for names that are nothing, A207 for what is computed again and again. */
  finish(ports: readonly Port[]): ReadonlyMap<Value, Limit> {
    const missing = Object.keys(this.given).filter((name) => !this.met.has(name))
    if (missing.length > 0) {
      const message = (name: string): string =>
        `"${name}" has no bound: it is neither an input of the model nor a result of its nodes that is needed`
      throw new CompileError(missing.map((name): Diagnostic => ({ code: 'A106', message: message(name) })))
    }
    const inputs = new Set(ports.map(({ value }) => value.node))
    const limits = new Map<Value, Limit>()
    for (const [value, limit] of this.limits) {
      if (topological([value]).some((node) => node.op === 'input' && !inputs.has(node)))
        fail('A207', `${limit.of} is another in each iteration of a loop`)
      const { least = limit.least, most = limit.most } = limits.get(value) ?? {}
      limits.set(value, { ...limit, least: Math.max(least, limit.least), most: Math.min(most, limit.most) })
    }
    return limits
  }

  /** A tensor whose lengths depend on data, no longer than the bounds are. */
  private shortened(
    name: string,
    { padded, lengths }: Extract<Item, { padded: Value }>,
    bounds: readonly Bound[],
  ): Item {
    if (bounds.length !== 1 && bounds.length !== lengths.length)
      fail('A106', `"${name}" has ${lengths.length} lengths that depend on data, not ${bounds.length}`)
    const b = new Builder(padded.node.origin)
    let result = padded
    lengths.forEach(({ axis, count }, i) => {
      const bound = bounds[i] ?? bounds[0]!
      const size = padded.type.shape[axis]!
      this.check(b, name, this.dims.count(count, size), bound)
      this.dims.bound(count, intervalsOf([bound]))
      this.dims.element(count, 0)
      if (bound[1] < size) result = b.sliceAxis(result, axis, 0, bound[1])
    })
    return { padded: result, lengths }
  }

  private check(b: Builder, name: string, dim: Dim, [least, most]: Bound): void {
    const { low, high } = rangeOfDim(dim)
    if (low < least || high > most) this.limit(this.dims.value(b, dim), { of: name, least, most })
  }

  private take(name: string): readonly Bound[] | undefined {
    if (!Object.hasOwn(this.given, name)) return undefined
    this.met.add(name)
    return this.given[name]
  }

  private checkFit(name: string, { type: { dtype, shape } }: Value, bounds: readonly Bound[]): void {
    if (!isInteger(dtype)) fail('A106', `"${name}" is ${dtype}; bounds are of integers`)
    const size = elementCount(shape)
    if (bounds.length !== 1 && bounds.length !== size)
      fail('A106', `"${name}" has ${size} elements, and ${bounds.length} bounds`)
  }
}
