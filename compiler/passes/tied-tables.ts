/**
 * Stores a table that is looked up in and multiplied by as the product packs it: blocks of eight of its output channels, or for a row or
 * two words of four digits, if it is of integers (`schedule/kernels/pack.ts`). The module holds equal constants once.
 * Before: tied weights are one constant (`tied-weights`). After: no table of f32, i8 or i4 whose rows are looked up is multiplied by as
 * well, unless its rows are the terms of sums and digits or have 4 bits.
 */
import { Builder } from '../core/builder.ts'
import { hash } from '../core/bytes/hash.ts'
import { channelScales, dequantizer } from '../core/analysis/dequantized.ts'
import { constant, convert } from '../core/scalar/expr.ts'
import type { DType } from '../core/scalar/dtype.ts'
import * as f from '../core/scalar/formula.ts'
import { applyPatch, nodesOf, type Graph, type Node, type NodeOf, type Value } from '../core/graph.ts'
import { takesRows } from '../core/ops/data-movement/gather.ts'
import { elementCount } from '../core/shape.ts'
import { bytesOf, tensor, type Tensor } from '../core/tensor.ts'

/** Output channels of a block. */
const width = 8

/** Rows that a product of integers as weights does by digits; −128 has none (`lower/products/quantized-weights.ts`). */
const mostRowsByDigits = 2

const integers = ['i8', 'i4'] as const

interface Form {
  /** Which axis has the output channels of the product that the table is in. */
  readonly channels: 0 | 1
  readonly digits: boolean
}

type Tables = ReadonlyMap<Value, Form>

const isTable = ({ node, type }: Value, ...dtypes: readonly DType[]): boolean =>
  node.op === 'constant' && dtypes.includes(type.dtype) && type.shape.length === 2

function tablesOf(nodes: readonly Node[]): Tables {
  const dequantizedOf = dequantizer()
  const tables = new Map<Value, Form>()
  for (const node of nodes) {
    if (node.op !== 'dot_general' || node.attrs.rhsBatch.length > 0 || node.attrs.rhsContract.length !== 1) continue
    const [lhs, rhs] = node.operands
    const channels = node.attrs.rhsContract[0] === 0 ? 1 : 0
    const { shape } = rhs!.type
    const stored = isTable(rhs!, 'f32') ? undefined : dequantizedOf(rhs!)
    if (
      stored &&
      (stored.zero !== 0 || !isTable(stored.q, ...integers) || !channelScales(stored, channels, shape[channels]!))
    )
      continue
    const table = stored?.q ?? rhs!
    if (tables.has(table) || !(stored || isTable(table, 'f32'))) continue
    const few = elementCount(lhs!.type.shape) <= mostRowsByDigits * shape[1 - channels]!
    const data = table.node.op === 'constant' ? table.node.attrs.value.data : []
    tables.set(table, { channels, digits: stored !== undefined && few && !(data as Int8Array).includes(-128) })
  }
  return tables
}

/** [blocks, terms, width] of a table whose output channels are axis `channels`, padded with zeros. */
function packed({ dtype, shape, data }: Tensor, channels: 0 | 1): Tensor {
  const [rows = 0, columns = 0] = shape
  const [count, terms] = channels === 0 ? [rows, columns] : [columns, rows]
  const [channelStep, termStep] = channels === 0 ? [columns, 1] : [1, columns]
  const blocks = Math.ceil(count / width)
  const length = blocks * terms * width
  const result = dtype === 'i8' ? new Int8Array(length) : new Float32Array(length)
  for (let channel = 0; channel < count; channel++) {
    const at = Math.floor(channel / width) * terms * width + (channel % width)
    for (let term = 0; term < terms; term++)
      result[at + term * width] = data[channel * channelStep + term * termStep] as number
  }
  return tensor(dtype, [blocks, terms, width], result)
}

/**
 * [blocks, terms rounded up to pairs, 2] of an i8 table whose output channels are rows: each i32 is four digits of base 256, those of
 * channels 0, 2, 4 and 6 of a block, or of the others, with their signs.
 */
function words({ shape, data }: Tensor): Tensor {
  const [rows = 0, terms = 0] = shape
  const [blocks, steps] = [Math.ceil(rows / width), 2 * Math.ceil(terms / 2)]
  const result = new Int32Array(blocks * steps * 2)
  for (let row = 0; row < rows; row++) {
    const [block, parity, digit] = [Math.floor(row / width), row % 2, Math.floor((row % width) / 2)]
    for (let term = 0; term < terms; term++)
      result[(block * steps + term) * 2 + parity]! += Number(data[row * terms + term]) * (1 << (8 * digit))
  }
  return tensor('i32', [blocks, steps, 2], result)
}

/** What all four bytes of a word are, or its upper one. */
const [highBits, upperByte] = [0x80808080 | 0, 0xff000000 | 0]

/** Rows of `words`, whose places are `row`, i32: [row's shape…, terms] in i8. */
function rowsOfWords(b: Builder, table: Tensor, row: Value): Value {
  const stored = words(table)
  const { shape } = row.type
  const rank = shape.length
  const column = b.reshape(row, [...shape, 1])
  const places = b.map([column, b.vector([0, 1], 'i32')], (i, part) =>
    f.select(f.eq(part!, 0), f.div(i!, width), f.and(i!, 1)),
  )
  const found = b.gather(b.constant(stored), places, {
    ...{ offsetDims: [rank], collapsedSliceDims: [0, 2], startIndexMap: [0, 2], indexVectorDim: rank },
    ...{ operandBatchingDims: [], startIndicesBatchingDims: [], sliceSizes: [1, stored.shape[1]!, 1] },
  })
  const terms = b.sliceAxis(found, rank, 0, table.shape[1]!)
  // Shifts have no vector code. What makes bytes of digits adds to each what those below borrowed of it; then a product brings one up.
  const digit = b.map([column], (i) => f.and(f.div(i!, 2), 3))
  const up = b.map([digit], (d) =>
    f.select(f.eq(d!, 0), 2 ** 24, f.select(f.eq(d!, 1), 2 ** 16, f.select(f.eq(d!, 2), 2 ** 8, constant(1, 'i32')))),
  )
  return b.map([terms, up], (word, factor) => {
    const bytes = f.xor(f.add(word!, highBits), highBits)
    return convert(f.mul(convert(f.and(f.mul(bytes, factor!), upperByte), 'f32'), 2 ** -24), 'i8')
  })
}

/**
 * [blocks, steps, pairs, parts, channels] of an i4 table whose output channels are rows: bytes of two terms, both plus 8. A step has two
 * terms of the eight channels of a block; for words of digits it has four, of which the third stands above the first, and channels of even places
 * come before the others.
 */
function bytesOfTwo({ shape, data }: Tensor, digits: boolean): Tensor {
  const [rows = 0, terms = 0] = shape
  const parts = digits ? 2 : 1
  const depth = 2 * parts
  const [blocks, steps, channels] = [Math.ceil(rows / width), Math.ceil(terms / depth), width / parts]
  const result = new Uint8Array(blocks * steps * parts * width).fill(0x88)
  for (let row = 0; row < rows; row++) {
    const [block, part, channel] = [Math.floor(row / width), row % parts, Math.floor((row % width) / parts)]
    for (let term = 0; term < terms; term++) {
      const [step, pair] = [Math.floor(term / depth), term % parts]
      const isUpper = term % depth >= parts
      const at = (((block * steps + step) * parts + pair) * parts + part) * channels + channel
      result[at]! += Number(data[row * terms + term]) * (isUpper ? 16 : 1)
    }
  }
  return tensor('u8', [blocks, steps, parts, parts, channels], result)
}

/** Rows of `bytesOfTwo`, whose places are `row`, i32: [row's shape…, terms] in i4. */
function rowsOfTwo(b: Builder, table: Tensor, row: Value, digits: boolean): Value {
  const stored = bytesOfTwo(table, digits)
  const [, steps = 0, parts = 0] = stored.shape
  const { shape } = row.type
  const rank = shape.length
  const places = b.map([b.reshape(row, [...shape, 1]), b.vector([0, 1, 2], 'i32')], (i, part) => {
    const within = f.and(i!, width - 1)
    const inner = f.select(f.eq(part!, 1), f.and(i!, parts - 1), f.div(within, parts))
    return f.select(f.eq(part!, 0), f.div(i!, width), inner)
  })
  const bytes = b.gather(b.constant(stored), places, {
    ...{ offsetDims: [rank, rank + 1], collapsedSliceDims: [0, 3, 4], startIndexMap: [0, 3, 4], indexVectorDim: rank },
    ...{ operandBatchingDims: [], startIndicesBatchingDims: [], sliceSizes: [1, steps, parts, 1, 1] },
  })
  // Shifts have no vector code, multiplication by a power of two in floats has.
  const lower = b.map([bytes], (e) => convert(f.sub(convert(f.and(e!, 15), 'f32'), 8), 'i4'))
  const upper = b.map([bytes], (e) => convert(f.sub(f.mul(convert(f.and(e!, 240), 'f32'), 1 / 16), 8), 'i4'))
  const terms = b.reshape(b.concatenate([lower, upper], rank + 1), [...shape, steps * parts * 2])
  return b.sliceAxis(terms, rank, 0, table.shape[1]!)
}

/** The same rows, of the packed table; undefined where something else than whole rows is taken. */
function lookup(node: NodeOf<'gather'>, tables: Tables): Value | undefined {
  const [table, indices] = node.operands
  const { attrs } = node
  const form = tables.get(table!)
  if (!form || table!.node.op !== 'constant') return undefined
  const { channels, digits } = form
  const [rows = 0, columns = 0] = table!.type.shape
  if (!takesRows(table!.type.shape, indices!.type.shape, attrs)) return undefined

  const b = new Builder(node.origin)
  const { shape } = indices!.type
  const result = node.results[0]!.type.shape
  const row = b.map([indices!], (i) => convert(f.clamp(i!, 0, rows - 1), 'i32'))
  const { value } = table!.node.attrs
  if (digits || value.dtype === 'i4') {
    if (channels !== 0 || attrs.offsetDims[0] !== result.length - 1) return undefined
    return value.dtype === 'i4' ? rowsOfTwo(b, value, row, digits) : rowsOfWords(b, value, row)
  }
  const blocks = b.constant(packed(value, channels))
  const across = { operandBatchingDims: [], startIndicesBatchingDims: [], indexVectorDim: shape.length }
  if (channels === 0) {
    const both = b.map([b.reshape(row, [...shape, 1]), b.vector([0, 1], 'i32')], (i, part) =>
      f.select(f.eq(part!, 0), f.div(i!, width), f.and(i!, width - 1)),
    )
    const attrsOfBoth = { collapsedSliceDims: [0, 2], startIndexMap: [0, 2], sliceSizes: [1, columns, 1] }
    return b.gather(blocks, both, { ...across, ...attrsOfBoth, offsetDims: attrs.offsetDims })
  }
  // Rows are parts of all blocks; the place of their axis in the result is the last in what ONNX's lookups are.
  if (attrs.offsetDims[0] !== result.length - 1) return undefined
  const count = blocks.type.shape[0]!
  const parts = b.gather(blocks, row, {
    ...across,
    ...{ offsetDims: [shape.length, shape.length + 1], collapsedSliceDims: [1], startIndexMap: [1] },
    sliceSizes: [count, 1, width],
  })
  return b.sliceAxis(b.reshape(parts, [...shape, count * width]), shape.length, 0, columns)
}

/** Of graphs that become one module: where one of them has many rows, the others read what it packs, too. */
export function tiedTablesEach(graphs: readonly Graph[]): Graph[] {
  const forms = graphs.map((graph) => tablesOf(nodesOf(graph)))
  const keyOf = ({ node }: Value): string => (node.op === 'constant' ? hash([bytesOf(node.attrs.value)]) : '')
  const withDigits = forms.some((tables) => [...tables.values()].some(({ digits }) => digits))
  const whole = new Set(
    graphs.length > 1 && withDigits
      ? forms.flatMap((tables) => [...tables].flatMap(([table, { digits }]) => (digits ? [] : [keyOf(table)])))
      : [],
  )
  return graphs.map((graph, i) => {
    const tables = new Map(
      [...forms[i]!].map(([table, form]) => {
        const digits = form.digits && !(whole.size > 0 && whole.has(keyOf(table)))
        return [table, { ...form, digits }] as const
      }),
    )
    const patch = new Map<Value, Value>()
    for (const node of nodesOf(graph)) {
      const replacement = node.op === 'gather' ? lookup(node, tables) : undefined
      if (replacement) patch.set(node.results[0]!, replacement)
    }
    return applyPatch(graph, patch)
  })
}

export const tiedTables = (graph: Graph): Graph => tiedTablesEach([graph])[0]!
