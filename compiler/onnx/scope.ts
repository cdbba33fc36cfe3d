import { Builder } from '../core/builder.ts'
import type { Tensor } from '../core/tensor.ts'
import type { GraphProto, LazyTensor } from './decode.ts'
import type { Item } from './item.ts'
import { constantStrings } from './strings.ts'

/** What names mean: in a graph, then in the graphs around it. undefined marks the result of a node that failed. */
export class Scope {
  /** The names of what has been read of the initializers. */
  readonly tensorNames = new Map<Tensor, string>()
  private readonly parent: Scope | undefined
  private readonly values: Map<string, Item | undefined>
  private readonly initializers: ReadonlyMap<string, LazyTensor>

  constructor(
    parent: Scope | undefined,
    values: Map<string, Item | undefined>,
    initializers: ReadonlyMap<string, LazyTensor>,
  ) {
    this.parent = parent
    this.values = values
    this.initializers = initializers
  }

  has(name: string): boolean {
    return this.values.has(name) || this.initializers.has(name) || (this.parent?.has(name) ?? false)
  }

  get(name: string): Item | undefined {
    const stored = this.values.has(name) ? undefined : this.initializers.get(name)
    if (stored) {
      const tensor = stored()
      this.tensorNames.set(tensor, name)
      this.values.set(name, new Builder(undefined).constant(tensor))
    }
    return this.values.has(name) ? this.values.get(name) : this.parent?.get(name)
  }

  set(name: string, value: Item | undefined): void {
    this.values.set(name, value)
  }
}

/** The names of a graph within `parent`, of which some are given. */
export function scopeOf(
  parent: Scope | undefined,
  given: ReadonlyMap<string, Item | undefined>,
  graph: GraphProto,
): Scope {
  const b = new Builder(undefined)
  const strings = [...graph.strings].map(([name, value]) => [name, constantStrings(b, value)] as const)
  return new Scope(parent, new Map([...strings, ...given]), graph.initializers)
}
