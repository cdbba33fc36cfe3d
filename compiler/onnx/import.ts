import type { PortNames } from '../core/artefact/artefact.ts'
import { Budget, currentBudget, within } from '../core/diagnostics/budget.ts'
import { Builder } from '../core/builder.ts'
import {
  CompileError,
  fail,
  locate,
  OperandError,
  SizeError,
  type Diagnostic,
  type Origin,
} from '../core/diagnostics/diagnostic.ts'
import { allNodesOf, type Graph, type Value } from '../core/graph.ts'
import { elementCount, sameShape } from '../core/shape.ts'
import { formatType, type Tensor, type TensorType } from '../core/tensor.ts'
import { maxElements } from '../core/verify.ts'
import { bindInputs, type Bindings } from './boundary/bind.ts'
import { Bounds } from './bounds.ts'
import type { Operator } from './context.ts'
import {
  decodeModel,
  type Attribute,
  type FunctionProto,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type Opsets,
} from './decode.ts'
import { encodedPictures } from './boundary/encoded-pictures.ts'
import { namesOf } from './boundary/names.ts'
import { StringProgram } from './boundary/string-program.ts'
import { isBounded, isFree, isSequence, isTensor, kindOf, type Item, type Strings } from './item.ts'
import { NodeContext, type Host } from './node-context.ts'
import { reasonOf } from './ops/absent.ts'
import { fixedInputs } from './ops/fixed-inputs.ts'
import { operators } from './ops/index.ts'
import { keepsShape } from './ops/result-shapes.ts'
import { freeNames, namesRead, neededNodes } from './order.ts'
import { openOutputs, outputPorts } from './boundary/output-ports.ts'
import { Scope, scopeOf } from './scope.ts'
import type { ReadExternal } from './stored-tensor.ts'
import { vocabularyOf, withCommonList } from './strings.ts'
import { Stored, type FixedReason, type Training } from './training.ts'
import { warningsOf } from './warnings.ts'

export interface ImportOptions extends Bindings {
  /** Reads a file that the model names as its external data; `name` is relative, inside the model's folder. */
  readonly readExternal?: ReadExternal | undefined
}

/** Nodes lowered, those of inlined functions and subgraphs counted each time. */
const maxNodes = 200_000
/** What a subgraph or function counts for, each time, besides the nodes that are needed: loops of an empty body end too. */
const entryCost = 10
/** And for each of its nodes, which are looked at whether they are needed or not. */
const listedCost = 1 / 8
/** Functions and subgraphs within one another. */
const maxDepth = 64

/**
 * The core graph of an ONNX model, with every dimension a number, the model's metadata, what outputs stand for, what is odd about the
 * model, and what training would change. Throws one CompileError with everything found wrong: A1xx for the file, A2xx for its
 * operators, A301 for a model beyond all bounds.
 */
export function importModel(
  bytes: Uint8Array,
  options: ImportOptions = {},
): {
  graph: Graph
  metadata: Record<string, string>
  names: PortNames
  /** What the model calls the constants that it stores. */
  tensorNames: ReadonlyMap<Tensor, string>
  warnings: readonly Diagnostic[]
  training: Training
} {
  const budget = new Budget(bytes.length)
  const readExternal = options.readExternal && counted(options.readExternal, budget)
  return within(budget, () => importDecoded(decodeModel(bytes, readExternal), options))
}

/** `read`, whose files make the model larger. */
const counted =
  (read: ReadExternal, budget: Budget): ReadExternal =>
  (name) => {
    const file = read(name)
    budget.grow(file.length)
    return file
  }

function importDecoded(model: ModelProto, options: ImportOptions): ReturnType<typeof importModel> {
  const { values, ports, opened, texts } = bindInputs(model.graph, options)
  const script = new StringProgram(texts, vocabularyOf(model.graph))
  const importer = new Importer(model, script, options.bounds)
  const scope = scopeOf(undefined, values, model.graph, importer.stored.within(''))
  importer.bounds.ofInputs(ports)
  const declared = [...new Set(model.graph.outputs.map(({ name }) => name))]
  const optional = model.graph.outputs.filter(({ typeName }) => typeName === 'optional')
  const results = importer.lowerNodes(model.graph.nodes, declared, { scope, opsets: model.opsets, path: '', depth: 0 })
  importer.finish()
  const made = openOutputs(declared, results as readonly Item[], new Set(optional.map(({ name }) => name)))
  const limits = importer.bounds.finish(ports)
  const own = script.ports()
  const graph = {
    inputs: [...ports, ...own.inputs],
    outputs: [...outputPorts(made.names, made.items, limits), ...own.outputs],
  }
  for (const node of allNodesOf(graph)) node.results.forEach((r) => checkSize(r.type, node.origin))
  const names = namesOf(graph, values, options.bounds, opened, made, script, encodedPictures(model.graph))
  requireElements(graph, options.dims ?? {})
  const facts = { metadata: { ...model.metadata }, names, warnings: warningsOf(model) }
  const { stored } = importer
  return { graph, ...facts, tensorNames: stored.tensorNames(), training: stored.of(graph) }
}

/** A106 where a dimension of 0 leaves no output with an element. */
function requireElements({ outputs }: Graph, dims: Readonly<Record<string, number>>): void {
  const empty = Object.keys(dims).filter((name) => dims[name] === 0)
  if (empty.length === 0 || outputs.some(({ value }) => elementCount(value.type.shape) > 0)) return
  const which = empty.map((name) => `"${name}"`).join(', ')
  fail('A106', `with dimension ${which} of size 0 no output has an element`, {
    hint: `the smallest size is 1: ${empty.map((name) => `--dim ${name}=1`).join(' ')}`,
  })
}

function checkSize(type: TensorType, origin: Origin | undefined): void {
  const details = origin ? { origin } : {}
  if (!type.shape.every((d) => Number.isInteger(d) && d >= 0)) fail('A204', `a result is ${formatType(type)}`, details)
  if (elementCount(type.shape) > maxElements) {
    fail('A301', `a result is ${formatType(type)}; the limit is 2^31 elements`, details)
  }
}

function checkSizes(item: Item, origin: Origin): void {
  if (isTensor(item)) checkSize(item.type, origin)
  else if (isBounded(item)) checkSize(item.padded.type, origin)
  else if (isSequence(item)) {
    // Each node that changes a sequence makes another list.
    currentBudget()?.spend('tables', 8 * item.elements.length)
    item.elements.forEach((element) => checkSizes(element, origin))
  }
}

/** A204 where the first result is not of the first operand's shape. */
function checkShape(x: Value | undefined, item: Item | undefined): void {
  const y = item && (isBounded(item) ? item.padded : item)
  if (!x || !y || !isTensor(y) || sameShape(x.type.shape, y.type.shape)) return
  fail('A204', `operands make ${formatType(y.type)} of ${formatType(x.type)}; the result has the shape of input 0`)
}

/** A result of places in `list` as strings. */
function asStrings(item: Item, list: Pick<Strings, 'list' | 'open'>): Item {
  if (isBounded(item)) fail('A203', 'the result is strings, and how many depends on data')
  return isTensor(item) ? { places: item, ...list } : item
}

/** Where a list of nodes is lowered. */
interface Place {
  readonly scope: Scope
  readonly opsets: Opsets
  /** Prefix of node names: the nodes around. */
  readonly path: string
  readonly depth: number
}

/** A node cannot be lowered because of one that is already reported. */
class Reported extends Error {}

class Importer {
  readonly stored = new Stored()
  readonly bounds: Bounds
  private readonly script: StringProgram
  private readonly found: Diagnostic[] = []
  private readonly unrounded: Host['unrounded'] = new Map()
  private readonly unsupported = new Map<string, { origin: Origin; names: string[] }>()
  private readonly functions: ReadonlyMap<string, FunctionProto>
  private count = 0

  constructor(model: ModelProto, script: StringProgram, bounds: ImportOptions['bounds'] = {}) {
    this.script = script
    this.bounds = new Bounds(bounds)
    this.functions = new Map(model.functions.map((f) => [`${f.domain}:${f.name}`, f]))
  }

  /** Throws what was found wrong. */
  finish(): void {
    const missing = [...this.unsupported].map(([operator, { origin, names }]): Diagnostic => {
      const others =
        names.length > 1
          ? ` (${names.length} nodes: ${names.slice(0, 10).join(', ')}${names.length > 10 ? ', …' : ''})`
          : ''
      const why = reasonOf(origin.operator)
      const message = `attar does not have the operator ${operator}${others}`
      return { code: 'A201', message, origin, ...(why !== undefined && { hint: why }) }
    })
    if (missing.length + this.found.length > 0) throw new CompileError([...missing, ...this.found])
  }

  /** The values of `outputs`; undefined where a node on the way there failed. */
  lowerNodes(nodes: readonly NodeProto[], outputs: readonly string[], place: Place): (Item | undefined)[] {
    if (place.depth > maxDepth) fail('A301', `functions and subgraphs are nested more than ${maxDepth} deep`)
    const needed = neededNodes(nodes, outputs, (name) => place.scope.has(name))
    const read = namesRead(needed, outputs)
    for (const node of needed) {
      this.spend()
      const results = this.lowerNode(node, place, read)
      const isOuter = place.path === ''
      node.outputs.forEach((name, i) => {
        const item = results?.[i]
        if (name !== '') place.scope.set(name, item && isOuter ? this.bounds.of(name, item) : item)
      })
    }
    return outputs.map((name) => place.scope.get(name))
  }

  private spend(units = 1): void {
    this.count += units
    if (this.count > maxNodes) {
      fail('A301', `the model has more than ${maxNodes} nodes, those of functions and loops counted each time`)
    }
  }

  private lowerNode(node: NodeProto, place: Place, read: ReadonlySet<string>): readonly Item[] | undefined {
    const key = node.domain === '' ? node.operator : `${node.domain}.${node.operator}`
    const opset = place.opsets.get(node.domain) ?? 1
    const origin = { node: place.path + node.name, operator: key, opset }
    const operator = Object.hasOwn(operators, key) ? operators[key] : undefined
    const own = this.functions.get(`${node.domain}:${node.operator}`)
    if (!own && (!operator || opset < (operator.since ?? 1))) {
      const entry = this.unsupported.get(`${key} (opset ${opset})`) ?? { origin, names: [] }
      entry.names.push(origin.node)
      this.unsupported.set(`${key} (opset ${opset})`, entry)
      return undefined
    }
    try {
      return locate(origin, () => {
        const inputs = node.inputs.map((name) => (name === '' ? undefined : this.resolve(place.scope, name)))
        if (!operator) return this.callFunction(own!, node, inputs, origin, place)
        return this.apply(operator, node, inputs, origin, place, read)
      })
    } catch (error) {
      if (error instanceof CompileError && currentBudget()?.exhausted)
        throw new CompileError([...error.diagnostics, ...this.found])
      if (error instanceof CompileError) this.found.push(...error.diagnostics)
      else if (!(error instanceof Reported)) throw error
      return undefined
    }
  }

  private resolve(scope: Scope, name: string): Item {
    const value = scope.get(name)
    if (!value) throw new Reported()
    return value
  }

  private apply(
    operator: Operator,
    node: NodeProto,
    inputs: (Item | undefined)[],
    origin: Origin,
    place: Place,
    read: ReadonlySet<string>,
  ): readonly Item[] {
    const host: Host = {
      inline: (graph, args) => this.inline(graph, args, origin, place),
      captured: (graph) => [...freeNames(graph)].map((name) => this.resolve(place.scope, name)),
      attempt: (body) => this.attempt(body),
      ...{ stored: this.stored, path: place.path, unrounded: this.unrounded, sized: this.bounds.dims },
      limit: (value, limit) => this.bounds.limit(value, limit),
      script: this.script,
    }
    try {
      // Only some operators leave strings to the script.
      if (!operator.freeStrings) inputs = inputs.map((item) => (item && isFree(item) ? this.script.places(item) : item))
      const texts = operator.strings && withCommonList(new Builder(origin), inputs)
      const context = new NodeContext(node, origin, texts?.items ?? inputs, operator, host, read)
      const lowered = context.limit(context.store(operator.lower(context), operator), operator)
      const results = texts ? lowered.map((item) => asStrings(item, texts.list)) : lowered
      node.outputs.forEach((name, i) => {
        if (read.has(name) && !results[i]) fail('A203', `output ${i} "${name}" is not supported`)
      })
      results.forEach((item) => checkSizes(item, origin))
      this.noteFixed(origin.operator, inputs)
      if (keepsShape.has(origin.operator)) checkShape(context.inputs[0], lowered[0])
      return results
    } catch (error) {
      // The types of core ops are checked by TypeErrors; RangeErrors come from arithmetic on absurd attributes.
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error
      const known = error instanceof OperandError || error instanceof SizeError
      const what = known ? error.message : 'the operands and attributes make no sense together'
      const types = inputs.map((v) => (!v ? 'omitted' : isTensor(v) ? formatType(v.type) : kindOf(v))).join(', ')
      fail('A204', `${what}; inputs: ${types}`)
    }
  }

  /** Remembers which of a node's inputs are no weights. */
  private noteFixed(operator: string, inputs: readonly (Item | undefined)[]): void {
    if (!Object.hasOwn(fixedInputs, operator)) return
    const entries = Object.entries(fixedInputs[operator]!) as [FixedReason, readonly number[]][]
    for (const [reason, positions] of entries) {
      for (const i of positions) {
        const item = inputs[i]
        if (item && isTensor(item)) this.stored.fix(item, reason)
      }
    }
  }

  private attempt<T>(body: () => T): T | undefined {
    const found = this.found.length
    const limits = this.bounds.mark()
    const steps = this.script.mark()
    const unsupported = [...this.unsupported].map(([key, e]) => ({ key, origin: e.origin, names: [...e.names] }))
    try {
      return body()
    } catch (error) {
      const isFailure = [Reported, CompileError, TypeError, RangeError].some((kind) => error instanceof kind)
      if (!isFailure || currentBudget()?.exhausted) throw error
      this.found.length = found
      limits()
      steps()
      this.unsupported.clear()
      unsupported.forEach(({ key, ...entry }) => this.unsupported.set(key, entry))
      return undefined
    }
  }

  private inline(graph: GraphProto, args: readonly Item[], origin: Origin, place: Place): Item[] {
    this.spend(entryCost + listedCost * graph.nodes.length)
    if (args.length !== graph.inputs.length)
      fail('A102', `the subgraph has ${graph.inputs.length} inputs, not ${args.length}`)
    const values = new Map(graph.inputs.map(({ name }, i) => [name, args[i]]))
    const path = `${origin.node}/`
    const scope = scopeOf(place.scope, values, graph, this.stored.within(path))
    const inner = { ...place, scope, path, depth: place.depth + 1 }
    const outputs = graph.outputs.map(({ name }) => name)
    return this.lowerNodes(graph.nodes, outputs, inner).map((value) => {
      if (!value) throw new Reported()
      return value
    })
  }

  private callFunction(
    f: FunctionProto,
    node: NodeProto,
    inputs: (Item | undefined)[],
    origin: Origin,
    place: Place,
  ): readonly Item[] {
    this.spend(listedCost * f.nodes.length)
    // An input the caller omits is omitted wherever the function passes it on.
    const given = new Map(f.inputs.map((name, i) => [name, inputs[i]] as const).filter(([, value]) => value))
    const omitted = new Set(f.inputs.filter((name) => !given.has(name)))
    const attributes = new Map([...f.defaults, ...node.attributes])
    const nodes = f.nodes.map((inner) => specialize(inner, attributes, omitted))
    const path = `${origin.node}/`
    const scope = new Scope(undefined, given, new Map(), this.stored.within(path))
    const inner = { scope, opsets: f.opsets, path, depth: place.depth + 1 }
    const wanted = f.outputs.slice(0, node.outputs.length)
    return this.lowerNodes(nodes, wanted, inner).map((value) => {
      if (!value) throw new Reported()
      return value
    })
  }
}

/** `node` of a function's body with the attributes of the calling node in place of references to them. */
function specialize(node: NodeProto, given: ReadonlyMap<string, Attribute>, omitted: ReadonlySet<string>): NodeProto {
  const attributes = new Map<string, Attribute>()
  for (const [name, attribute] of node.attributes) {
    const value = attribute.kind === 'reference' ? given.get(attribute.value) : attribute
    if (value?.kind === 'graph') {
      const nodes = value.value.nodes.map((inner) => specialize(inner, given, omitted))
      attributes.set(name, { kind: 'graph', value: { ...value.value, nodes } })
    } else if (value) attributes.set(name, value)
  }
  return { ...node, attributes, inputs: node.inputs.map((name) => (omitted.has(name) ? '' : name)) }
}
