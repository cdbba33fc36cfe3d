import { Builder } from '../core/builder.ts'
import type { Value } from '../core/graph.ts'
import type { GraphProto, LazyTensor } from './decode.ts'
import type { Item } from './item.ts'
import { constantStrings } from './strings.ts'

/** The value of an initializer. */
type ReadInitializer = (name: string, tensor: LazyTensor) => Value

/** What names mean: in a graph, then in the graphs around it. undefined marks the result of a node that failed. */
export class Scope {
  private readonly parent: Scope | undefined
  private readonly values: Map<string, Item | undefined>
  private readonly initializers: ReadonlyMap<string, LazyTensor>
  private readonly read: ReadInitializer

  constructor(
    parent: Scope | undefined,
    values: Map<string, Item | undefined>,
    initializers: ReadonlyMap<string, LazyTensor>,
    read: ReadInitializer,
  ) {
    this.parent = parent
    this.values = values
    this.initializers = initializers
    this.read = read
  }

  has(name: string): boolean {
    return this.values.has(name) || this.initializers.has(name) || (this.parent?.has(name) ?? false)
  }

  get(name: string): Item | undefined {
    const stored = this.values.has(name) ? undefined : this.initializers.get(name)
    if (stored) this.values.set(name, this.read(name, stored))
    return this.values.has(name) ? this.values.get(name) : this.parent?.get(name)
  }

  set(name: string, value: Item | undefined): void {
    this.values.set(name, value)
  }
}

export function scopeOf(
  parent: Scope | undefined,
  given: ReadonlyMap<string, Item | undefined>,
  graph: GraphProto,
  read: ReadInitializer,
): Scope {
  const b = new Builder(undefined)
  const strings = [...graph.strings].map(([name, value]) => [name, constantStrings(b, value)] as const)
  return new Scope(parent, new Map([...strings, ...given]), graph.initializers, read)
}
