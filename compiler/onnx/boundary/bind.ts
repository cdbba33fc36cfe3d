import type { Bound, StringsSpec } from '../../core/artefact/artefact.ts'
import { Builder } from '../../core/builder.ts'
import { CompileError, type Diagnostic } from '../../core/diagnostics/diagnostic.ts'
import { createNode, type Port, type Value } from '../../core/graph.ts'
import { elementCount, sameShape, type Shape } from '../../core/shape.ts'
import { formatType, type Tensor } from '../../core/tensor.ts'
import { maxElements } from '../../core/verify.ts'
import type { GraphProto, ValueInfo } from '../decode.ts'
import { encodedPictures, pixelsOf } from './encoded-pictures.ts'
import { featureWidth } from './feature-width.ts'
import type { Item } from '../item.ts'
import { keysOf } from './maps.ts'
import { assemble, openInputs, type Opened } from './structures.ts'
import { vocabularyOf } from '../strings.ts'

export interface Bindings {
  /** Shapes of inputs by name, for inputs with symbolic dimensions. */
  readonly shapes?: Readonly<Record<string, Shape>> | undefined
  /** Symbolic dimensions by name. */
  readonly dims?: Readonly<Record<string, number>> | undefined
  /** Of integers that lengths depend on, inputs or results of nodes: the least and the greatest, one pair for all elements or one for each. */
  readonly bounds?: Readonly<Record<string, readonly Bound[]>> | undefined
  /** Inputs that become constants. */
  readonly bind?: Readonly<Record<string, Tensor>> | undefined
}

const format = (info: ValueInfo): string =>
  `"${info.name}" ${info.typeName}[${info.shape?.map((d) => d ?? '?').join(',') ?? '…'}]`

/** Old exporters write 0 for a dimension that they don't know (sklearn-onnx: FloatTensorType([0, 4])). */
const withoutZeros = (info: ValueInfo): ValueInfo =>
  info.shape ? { ...info, shape: info.shape.map((d) => (d === 0 ? undefined : d)) } : info

/** What to do about types that attar does not have. */
const hints: Readonly<Record<string, string>> = {
  sequence: 'its elements must be tensors: make them inputs of their own',
  optional: 'its value must be a tensor or a sequence of tensors',
}

/**
 * The values of the model's inputs: an `input` node each (of strings: their places in the list of those that the model names; of a map: its values by the keys that the model names), or a constant where `bind` gives its value. Shapes and values
 * that are given also settle the symbolic dimensions they show. A105 lists all dimensions that remain unknown, A106 all
 * bindings that name or fit nothing.
 */
export function bindInputs(
  graph: GraphProto,
  bindings: Bindings,
): { values: Map<string, Item>; ports: Port[]; opened: Opened; texts: StringsSpec['inputs'] } {
  const { dims = {}, bind = {} } = bindings
  const found: Diagnostic[] = []
  const report = (code: Diagnostic['code'], message: string, hint?: string): void =>
    void found.push({ code, message, ...(hint && { hint }) })
  // Before IR version 4 initializers had to be declared as inputs too.
  const isStored = (name: string): boolean => graph.initializers.has(name) || graph.strings.has(name)
  const declared = graph.inputs.filter(({ name }) => !isStored(name) || Object.hasOwn(bind, name))
  const opened = openInputs(declared, bindings, report)
  const encoded = encodedPictures(graph)
  const inputs = opened.tensors.map((info) => withoutZeros(encoded.has(info.name) ? pixelsOf(info) : info))
  const lengths = new Set(opened.sequences.map(({ name }) => name))
  const shapes = Object.fromEntries(Object.entries(bindings.shapes ?? {}).filter(([name]) => !lengths.has(name)))
  const repeated = inputs.find(({ name }, i) => inputs.findIndex((other) => other.name === name) < i)
  if (repeated) report('A102', `the model has two inputs "${repeated.name}"`)

  const known = new Map<string, number>()
  const settle = (dim: string, size: number, where: string): void => {
    const before = known.get(dim)
    if (before !== undefined && before !== size)
      report('A106', `${where} makes dimension "${dim}" ${size}, but it is ${before}`)
    else known.set(dim, size)
  }
  const symbols = new Set(inputs.flatMap(({ shape }) => shape ?? []).filter((d) => typeof d === 'string'))
  for (const [dim, size] of Object.entries(dims)) {
    if (!symbols.has(dim))
      report('A106', `no input has a dimension "${dim}"; there are ${[...symbols].join(', ') || 'none'}`)
    else if (!Number.isInteger(size) || size < 0) report('A106', `dimension "${dim}" cannot be ${size}`)
    else settle(dim, size, `the binding of "${dim}"`)
  }

  const given = new Map<string, Shape>()
  const names = inputs.map(({ name }) => name)
  for (const [name, shape] of [
    ...Object.entries(shapes),
    ...Object.entries(bind).map(([n, t]) => [n, t.shape] as const),
  ]) {
    const info = inputs.find((input) => input.name === name)
    if (!info) {
      report('A106', `the model has no input "${name}"; it has ${names.map((n) => `"${n}"`).join(', ') || 'none'}`)
      continue
    }
    const legal = shape.every((d) => Number.isInteger(d) && d >= 0)
    const fits =
      !info.shape ||
      (info.shape.length === shape.length && info.shape.every((d, i) => typeof d !== 'number' || d === shape[i]))
    if (!legal || !fits) report('A106', `shape [${shape.join(',')}] does not fit input ${format(info)}`)
    else info.shape?.forEach((d, i) => typeof d === 'string' && settle(d, shape[i]!, `the shape of "${name}"`))
    given.set(name, shape)
  }

  const values = new Map<string, Item>()
  const ports: Port[] = []
  const texts: { name: string; shape: Shape }[] = []
  const unbound: ValueInfo[] = []
  const b = new Builder(undefined)
  /** Keys of inputs that are maps: their values are a vector, in which 0 stands for a key that is not there. */
  const keys = new Map(inputs.flatMap((info) => (info.values ? [[info.name, keysOf(graph, info.name)] as const] : [])))
  const vocabulary = inputs.some(({ typeName }) => typeName === 'string') ? vocabularyOf(graph) : []
  for (const info of inputs) {
    const { name } = info
    // Where nothing compares them with anything, strings are of no use.
    const isFree = info.typeName === 'string'
    const isText = isFree && vocabulary.length > 0
    const own = keys.get(name)?.length ? keys.get(name) : undefined
    const dtype = isFree ? 'i32' : own ? info.values : info.dtype
    const item = (value: Value): Item =>
      isText
        ? { places: value, list: vocabulary, open: true, free: { value: name, dims: value.type.shape, late: false } }
        : own
          ? { scores: value, classes: own }
          : value
    const shape = own
      ? [own.length]
      : (given.get(name) ?? info.shape?.map((d) => (typeof d === 'string' ? known.get(d) : d)))
    if (own && given.has(name) && !sameShape(given.get(name)!, [own.length]))
      report('A106', `input "${name}" is a map of ${own.length} keys, not [${given.get(name)!.join(',')}]`)
    const value = Object.hasOwn(bind, name) ? bind[name] : undefined
    if (!dtype)
      report('A202', `input "${name}" is of type ${info.typeName}, which attar does not have`, hints[info.typeName])
    else if (!shape?.every((d) => d !== undefined)) unbound.push(info)
    else if (elementCount(shape) > maxElements)
      report('A301', `input ${formatType({ dtype, shape })} "${name}" has more than 2^31 elements`)
    else if (value) {
      if (value.dtype !== dtype) report('A106', `the value for input ${format(info)} is ${value.dtype}`)
      values.set(name, item(b.constant(value)))
    } else if (isFree && !isText) {
      texts.push({ name, shape })
      values.set(name, { value: name, dims: shape, late: false })
    } else {
      if (isText) texts.push({ name, shape })
      const type = { dtype, shape }
      const node = createNode('input', [], { name, type }, undefined)
      values.set(name, item(node.results[0]!))
      ports.push({ name, value: node.results[0]! })
    }
  }
  // What was given for another name may have been meant for these.
  if (unbound.length > 0 && found.every(({ code }) => code !== 'A106')) {
    const missing = new Set(
      unbound.flatMap(({ shape }) => shape ?? []).filter((d): d is string => typeof d === 'string' && !known.has(d)),
    )
    const whole = unbound.filter(({ shape }) => !shape || shape.includes(undefined))
    const widths = new Map(unbound.map(({ name }) => [name, featureWidth(graph, name)] as const))
    /** What to give the dimension: 1, or as many features as are read. */
    const sizeOf = ({ name, shape }: ValueInfo, i: number): number =>
      i > 0 && i === shape!.length - 1 ? (widths.get(name)?.width ?? 1) : 1
    const byName = (dim: string): number =>
      Math.max(
        1,
        ...unbound.flatMap((info) => info.shape?.flatMap((d, i) => (d === dim ? [sizeOf(info, i)] : [])) ?? []),
      )
    const example = (info: ValueInfo): string => {
      if (!info.shape) return widths.get(info.name) ? `1,${widths.get(info.name)!.width}` : '1,3,224,224'
      const given = (d: number | string | undefined): number | undefined => (typeof d === 'string' ? known.get(d) : d)
      return info.shape.map((d, i) => given(d) ?? sizeOf(info, i)).join(',')
    }
    const flags = [
      ...[...missing].map((dim) => `--dim ${dim}=${byName(dim)}`),
      ...whole.map((info) => `--shape ${info.name}=${example(info)}`),
    ]
    const reasons = [...new Set([...widths.values()].flatMap((w) => (w ? [w.reason] : [])))]
    const zeros = graph.inputs.some(
      ({ name, shape }) => shape?.includes(0) && unbound.some((info) => info.name === name),
    )
    const notes = [...(zeros ? ['0 in a model stands for a dimension that its exporter did not know'] : []), ...reasons]
    const why = notes.length > 0 ? ` (${notes.join('; ')})` : ''
    const message = `dimensions are not bound: ${unbound.map(format).join(', ')}`
    report('A105', message, `for example ${flags.join(' ')}${why}`)
  }
  if (found.length > 0) throw new CompileError(found)
  assemble(values, opened)
  return { values, ports, opened, texts }
}
