import type { StringsSpec, StringStep } from '../../core/artefact/artefact.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import type { DType } from '../../core/scalar/dtype.ts'
import { constantOf } from '../../core/evaluate.ts'
import { createNode, type Port, type Value } from '../../core/graph.ts'
import type { Shape } from '../../core/shape.ts'
import { toNumbers } from '../../core/tensor.ts'
import { isFree, isStrings, isTensor, kindOf, type FreeStrings, type Item, type Strings } from '../item.ts'

/** A step as an operator asks for it. */
type Step = Omit<StringStep, 'args' | 'to'>

/** What the script computes with strings, and by which ports the module takes part. */
export class StringProgram {
  private readonly inputs: StringsSpec['inputs']
  /** What strings are compared with in the module. */
  private readonly vocabulary: readonly string[]
  private steps: StringStep[] = []
  private entered: { value: string; port: Port; item: Value | Strings }[] = []
  private left: { value: string; port: Port; labels?: readonly string[] }[] = []

  constructor(inputs: StringsSpec['inputs'], vocabulary: readonly string[]) {
    this.inputs = inputs
    this.vocabulary = vocabulary
  }

  /** What undoes all that comes after. */
  mark(): () => void {
    const [steps, entered, left] = [this.steps.length, this.entered.length, this.left.length]
    return () => {
      this.steps.length = steps
      this.entered.length = entered
      this.left.length = left
    }
  }

  /** The result of a step on `args`, of which `dims` may not be known. */
  step(args: readonly FreeStrings[], dims: FreeStrings['dims'], step: Step): FreeStrings {
    const to = `strings.${this.steps.length}`
    this.steps.push({ ...step, args: args.map(({ value }) => value), to })
    return { value: to, dims, late: args.some(({ late }) => late) }
  }

  /** `item` as strings that the script has; undefined for what is no strings. */
  free(item: Item): FreeStrings | undefined {
    if (isFree(item)) return item
    if (!isStrings(item)) return undefined
    if (item.free) return item.free
    if (item.open)
      return fail(
        'A203',
        `${kindOf(item)} of an input that operators in the module rearranged, which cannot be computed with`,
      )
    const { places, list } = item
    const known = constantOf(places)
    const { shape } = places.type
    if (known) return this.step([], shape, { op: 'constant', shape, strings: toNumbers(known).map((i) => list[i]!) })
    return this.leave(places, list)
  }

  /** What the module computes, where the script computes on: numbers, or places in `labels`. */
  leave(value: Value, labels?: readonly string[]): FreeStrings {
    const known = this.left.find(({ port }) => port.value === value)
    const name = `strings.output.${this.left.length}`
    const found = known ?? { value: name, port: { name, value }, ...(labels && { labels }) }
    if (!known) this.left.push(found)
    const { shape } = value.type
    return { ...this.step([], shape, { op: 'output', how: found.port.name, shape }), late: true }
  }

  /** Numbers that a step computes, as a value of the module. */
  enter(free: FreeStrings, dtype: DType): Value {
    return this.input(free, dtype) as Value
  }

  /** Strings as places in the module's list. */
  places(free: FreeStrings): Strings {
    return this.input(free, undefined) as Strings
  }

  private input(free: FreeStrings, dtype: DType | undefined): Value | Strings {
    const { value, dims, late } = free
    const before = this.entered.find((each) => each.value === value && isTensor(each.item) === (dtype !== undefined))
    if (before) return before.item
    if (late) fail('A203', 'strings that depend on what the module computes go into it again: that would take two runs')
    if (!dims.every((d) => d !== undefined))
      fail('A203', 'how many strings there are depends on them, and what takes them needs a length that is known')
    const list = this.vocabulary
    if (!dtype && list.length === 0)
      fail('A203', 'strings can be looked up, split, joined and compared, not computed with otherwise')
    const name = `strings.input.${this.entered.length}`
    const type = { dtype: dtype ?? 'i32', shape: dims as Shape }
    const port = { name, value: createNode('input', [], { name, type }, undefined).results[0]! }
    const item = dtype ? port.value : ({ places: port.value, list, open: true } as const)
    this.entered.push({ value, port, item })
    return item
  }

  /** The ports by which the module takes part, with the lists of those that are labels. */
  ports(): { inputs: Port[]; outputs: Port[]; labels: ReadonlyMap<string, readonly string[]> } {
    const named = [
      ...this.entered.flatMap(({ port, item }) => (isStrings(item) ? [[port.name, item.list] as const] : [])),
      ...this.left.flatMap(({ port, labels }) => (labels ? [[port.name, labels] as const] : [])),
    ]
    return {
      inputs: this.entered.map(({ port }) => port),
      outputs: this.left.map(({ port }) => port),
      labels: new Map(named),
    }
  }

  /** Only where the script has anything to do, or the model has outputs that are strings of inputs. */
  spec(outputs: StringsSpec['outputs']): StringsSpec | undefined {
    if (this.steps.length === 0 && outputs.length === 0) return undefined
    return {
      inputs: this.inputs,
      steps: this.steps,
      given: this.entered.map(({ value, port }) => ({ input: port.name, value })),
      taken: this.left.map(({ port }) => port.name),
      outputs,
    }
  }
}
