import { binary, convert } from '../../../core/scalar/expr.ts'
import type { NodeOf } from '../../../core/graph.ts'
import { freeAxes } from '../../../core/ops/dot-general.ts'
import { elementCount } from '../../../core/shape.ts'
import { reshapeStrides } from '../../program/access.ts'
import { noAxes, pack, packedGroup, type Axes, type PackSource } from '../../kernels/pack.ts'
import { sparseBlock } from '../../kernels/sparse.ts'
import { lazyAccess, lazyPending, type Pending } from '../lazy.ts'
import type { Access } from '../../program/program.ts'
import { originOf, type Scheduler } from '../scheduler.ts'
import { gemvCall, igemmCall } from './float-product.ts'
import { forEachImage } from './images.ts'
import { columnProduct, type ColumnProduct } from './weight-gradient.ts'
import { integerGemm, type IntegerGemm } from './integer-gemm.ts'
import { factor, pendingProductSum } from '../reduce.ts'
import { sparseWeights, spmmCall, spmvCall } from './sparse.ts'
import { prefersGemv, packQuantized, quantizedWeights, type QuantizedWeights } from './quantized-weights.ts'
import {
  address,
  bandOf,
  floatBandOf,
  largestWeights,
  pendingTemplate,
  placed,
  replacing,
  start,
  wideBandBytes,
  type Placement,
} from './template.ts'

type Dot = NodeOf<'dot_general'>

/** One operand as batches of matrices: strides in elements, one for each of its batch, free and contracted axes. */
interface Side {
  readonly access: Access
  readonly batch: readonly number[]
  readonly free: readonly number[]
  readonly contract: readonly number[]
}

/** A product of matrices as templates compute it: axes merged to one each. */
interface Gemm {
  readonly batches: number
  readonly M: number
  readonly N: number
  readonly K: number
  readonly lhs: { readonly access: Access; readonly batch: number; readonly row: number }
  readonly rhs: { readonly access: Access; readonly batch: Axes; readonly rows: Axes; readonly column: number }
}

/** Integer products of fewer multiplications take a small loop: a template for a last layer alone is more code than it saves time. */
const leastTemplateWork = 1 << 11

export function dotGeneral(s: Scheduler, node: Dot): void {
  const [l, r] = node.operands
  const [result] = node.results
  const a = node.attrs
  const lFree = freeAxes(l!.type.shape.length, a.lhsBatch, a.lhsContract)
  const rFree = freeAxes(r!.type.shape.length, a.rhsBatch, a.rhsContract)
  const sideOf = (
    access: Access,
    batch: readonly number[],
    free: readonly number[],
    contract: readonly number[],
  ): Side => ({
    access,
    batch: batch.map((i) => access.strides[i]!),
    free: free.map((i) => access.strides[i]!),
    contract: contract.map((i) => access.strides[i]!),
  })
  const lhs = sideOf(s.force(l!), a.lhsBatch, lFree, a.lhsContract)
  const { dtype } = result!.type
  const stored =
    dtype === 'f32' && rFree.length === 1 && a.rhsBatch.length === 0 ? quantizedWeights(s, r!, rFree[0]!) : undefined
  const right = (access: Access): Side => sideOf(access, a.rhsBatch, rFree, a.rhsContract)
  const extents = {
    batch: a.lhsBatch.map((i) => l!.type.shape[i]!),
    lFree: lFree.map((i) => l!.type.shape[i]!),
    rFree: rFree.map((i) => r!.type.shape[i]!),
    contract: a.lhsContract.map((i) => l!.type.shape[i]!),
  }
  const constantBytes = r!.type.dtype === 'i8' && r!.node.op === 'constant' && ['i8', 'u8'].includes(l!.type.dtype)
  const templated = dtype === 'f32' || (dtype === 'i32' && constantBytes && extents.batch.length === 0)
  if (dtype === 'f32' && !stored) {
    const product = transposedProduct(lhs, right(s.force(r!)), extents)
    if (product) return s.define(result!, lazyAccess(columnProduct(s, product, originOf(node)), result!.type))
  }
  const form = templated ? asGemm(s, node, lhs, right(stored?.access ?? s.force(r!)), extents) : undefined
  const gemm = form && dtype === 'i32' && form.M * form.N * form.K < leastTemplateWork ? undefined : form
  const pending = !gemm
    ? productNest(s, node, lhs, right(s.force(r!)), extents)
    : dtype === 'f32'
      ? gemmTemplate(s, node, gemm, stored)
      : integerTemplate(s, node, gemm)
  s.define(result!, lazyPending(pending, originOf(node)))
}

interface Extents {
  readonly batch: readonly number[]
  readonly lFree: readonly number[]
  readonly rFree: readonly number[]
  readonly contract: readonly number[]
}

function productNest(s: Scheduler, node: Dot, lhs: Side, rhs: Side, e: Extents): Pending {
  const { type } = node.results[0]!
  const product = binary('mul', convert(factor(0, lhs.access), type.dtype), convert(factor(1, rhs.access), type.dtype))
  const a = { ...lhs.access, strides: [...lhs.batch, ...lhs.free, ...e.rFree.map(() => 0), ...lhs.contract] }
  const b = { ...rhs.access, strides: [...rhs.batch, ...e.lFree.map(() => 0), ...rhs.free, ...rhs.contract] }
  return pendingProductSum(s, type, e.contract, a, b, product)
}

/** One stride for axes that are walked as one; undefined where they are not evenly spaced. */
const mergeAxes = (strides: readonly number[], extents: readonly number[]): number | undefined =>
  strides.length === 0 ? 0 : reshapeStrides(strides, extents, [elementCount(extents)])?.[0]

/**
 * A product whose first operand has its rows side by side in memory, as the second has its columns: no copy makes it faster. Sums of a
 * few terms are left to kernels that have epilogues.
 */
function transposedProduct(lhs: Side, rhs: Side, e: Extents): ColumnProduct | undefined {
  const [M, N, K] = [elementCount(e.lFree), elementCount(e.rFree), elementCount(e.contract)]
  const batches = elementCount(e.batch)
  const row = mergeAxes(lhs.free, e.lFree)
  const column = mergeAxes(rhs.free, e.rFree)
  if (batches === 0 || M < 4 || N < 4 || K < 4 || row !== 1 || column !== 1) return undefined
  const [xStep, gStep] = [mergeAxes(lhs.contract, e.contract), mergeAxes(rhs.contract, e.contract)]
  const [xBatch, gBatch] = [mergeAxes(lhs.batch, e.batch), mergeAxes(rhs.batch, e.batch)]
  if (xStep === undefined || gStep === undefined || xBatch === undefined || gBatch === undefined) return undefined
  const x = { access: lhs.access, batch: xBatch, step: xStep }
  return {
    batches,
    M,
    N,
    K,
    x,
    g: { access: rhs.access, batch: gBatch, step: gStep },
    shape: [...e.batch, ...e.lFree, ...e.rFree],
  }
}

/** One axis where that is possible, else those that there are: packing walks over either. */
function axesOf(strides: readonly number[], extents: readonly number[]): Axes {
  const merged = mergeAxes(strides, extents)
  return merged === undefined ? { extents, strides } : { extents: [elementCount(extents)], strides: [merged] }
}

/** The product in gemm form where the axes merge, copying an operand into row-major order where that makes them. */
function asGemm(s: Scheduler, node: Dot, lhs: Side, rhs: Side, e: Extents): Gemm | undefined {
  const batches = elementCount(e.batch)
  const M = elementCount(e.lFree)
  const N = elementCount(e.rFree)
  const K = elementCount(e.contract)
  if (batches * M * N * K === 0 || N < 4) return undefined
  const l = {
    batch: mergeAxes(lhs.batch, e.batch),
    row: mergeAxes(lhs.free, e.lFree),
    column: mergeAxes(lhs.contract, e.contract),
  }
  const column = mergeAxes(rhs.free, e.rFree)
  if (column === undefined) return undefined
  const [batch, rows] = [axesOf(rhs.batch, e.batch), axesOf(rhs.contract, e.contract)]
  const right = { access: rhs.access, batch, rows, column }
  if (l.batch !== undefined && l.row !== undefined && (l.column === 1 || K === 1)) {
    return { batches, M, N, K, lhs: { access: lhs.access, batch: l.batch, row: l.row }, rhs: right }
  }
  const type = { dtype: lhs.access.buffer.dtype, shape: [...e.batch, ...e.lFree, ...e.contract] }
  const copy = s.allocate(type)
  s.materialize(
    {
      type,
      expr: factor(0, lhs.access),
      args: [{ ...lhs.access, strides: [...lhs.batch, ...lhs.free, ...lhs.contract] }],
      nodes: originOf(node),
    },
    copy,
  )
  return { batches, M, N, K, lhs: { access: copy, batch: M * K, row: K }, rhs: right }
}

/** The right matrices in blocks of eight columns. */
const matrixWeights = ({ N, rhs }: Gemm): PackSource => ({
  access: rhs.access,
  outer: rhs.batch,
  channels: { extent: N, stride: rhs.column, width: 8 },
  inner: noAxes,
  run: rhs.rows,
})

function gemmTemplate(s: Scheduler, node: Dot, g: Gemm, stored: QuantizedWeights | undefined): Pending {
  const { type } = node.results[0]!
  const source = matrixWeights(g)
  const isGemv = prefersGemv(s, stored, g.M, g.N, g.K)
  const quantized = stored && packQuantized(s, stored, source, isGemv)
  const kernel = isGemv ? 'gemv' : 'igemm'
  const sparse = stored ? undefined : sparseWeights(s, source, { M: g.M, N: g.N, K: g.K, kernel, flat: true })
  const weights = quantized?.weights ?? (sparse ? sparse.buffers.values : pack(s, source, originOf(node)))
  const batchWeights = packedGroup(source)
  const matrix = { dtype: type.dtype, shape: [g.batches, g.M, g.N] }
  const emit = (placement: Placement, nodes: readonly string[]): void => {
    const { write, aux, holes } = placement
    const [yBatch, yRow] = write.strides as [number, number]
    const [uBatch, uRow] = (aux?.strides ?? [0, 0]) as [number, number]
    const options = { holes, ...replacing(placement, matrix), nodes }
    if (sparse && !sparse.vectors) {
      const args = {
        ...placed(placement, g.lhs.access, start(weights)),
        OH: 1,
        OW: g.M,
        CO: g.N,
        KH: 1,
        KW: 1,
        run: g.K,
        sy: 0,
        step: g.lhs.row * 4,
        xrow: 0,
        xcol: 0,
        yrow: 0,
        ypix: yRow * 4,
        auxrow: 0,
        auxpix: uRow * 4,
      }
      s.emit(spmmCall(s, sparse, args, options))
      return
    }
    if (!isGemv && !sparse) {
      const args = {
        ...placed(placement, g.lhs.access, start(weights)),
        groups: g.batches,
        OH: 1,
        OW: g.M,
        band: quantized
          ? bandOf('f32_qcw_igemm_4x8', g.lhs.row * 4, wideBandBytes)
          : floatBandOf(g.lhs.row * 4, g.N * g.K),
        CO: g.N,
        KH: 1,
        KW: 1,
        run: g.K,
        xg: g.lhs.batch * 4,
        sy: 0,
        step: g.lhs.row * 4,
        xrow: 0,
        xcol: 0,
        wg: batchWeights * 4,
        bg: 0,
        yg: yBatch * 4,
        yrow: 0,
        ypix: yRow * 4,
        auxg: uBatch * 4,
        auxrow: 0,
        auxpix: uRow * 4,
      }
      const lengths = { x: g.K, w: batchWeights, b: g.N, y: g.N, aux: g.N }
      s.emit(igemmCall(s, args, quantized, { ...options, macs: g.batches * g.M * g.N * g.K }, lengths))
      return
    }
    const matrices = { buffer: weights, offset: 0, strides: [batchWeights] }
    forEachImage(s, g.batches, nodes, (at) => {
      const args = {
        ...placed(placement, { ...g.lhs.access, strides: [g.lhs.batch] }, address(at(matrices)), at),
        M: g.M,
        K: g.K,
        N: g.N,
        xrow: g.lhs.row * 4,
        yrow: yRow * 4,
        auxrow: uRow * 4,
      }
      if (sparse) return spmvCall(s, sparse, args, options)
      return gemvCall(args, quantized, { ...options, macs: g.M * g.N * g.K })
    })
  }
  const { rhsBatch, rhsContract } = node.attrs
  const [, right] = node.operands
  const free = freeAxes(right!.type.shape.length, rhsBatch, rhsContract)
  const axis = rhsBatch.length === 0 && free.length === 1 ? free[0] : undefined
  const sizes = { channels: g.N, block: sparse ? sparseBlock : 8, groups: 1 }
  const inner = pendingTemplate(s, { type: matrix, ...sizes, weights: largestWeights(right!, axis), emit })
  return mergedPending(s, node, inner, matrix.shape)
}

function integerTemplate(s: Scheduler, node: Dot, g: Gemm): Pending {
  const { type } = node.results[0]!
  const matrix = { dtype: type.dtype, shape: [g.batches, g.M, g.N] }
  const inner = integerGemm(s, {
    type: matrix,
    channels: g.N,
    x: g.lhs.access as IntegerGemm['x'],
    weights: matrixWeights(g),
    images: 1,
    height: 1,
    width: g.M,
    image: 0,
    nextRow: 0,
    nextPixel: g.lhs.row,
    tapDown: 0,
    tapAcross: 0,
    place: (access) => ({ image: access.strides[0]!, row: 0, pixel: access.strides[1]! }),
  })
  return mergedPending(s, node, inner, matrix.shape)
}

/** The gemm's result under the node's own axes; where an access does not merge to the gemm's, a copy stands between. */
function mergedPending(s: Scheduler, node: Dot, inner: Pending, shape: readonly number[]): Pending {
  const { type } = node.results[0]!
  const merge = (access: Access): Access | undefined => {
    const strides = access.indirect ? undefined : reshapeStrides(access.strides, type.shape, shape)
    return strides && { ...access, strides }
  }
  return {
    type,
    emit: (post, write, nodes) => {
      const reads = post.reads.map(merge)
      const target = merge(write)
      if (target && reads.every((r) => r !== undefined)) {
        inner.emit({ expr: post.expr, reads }, target, nodes)
        return
      }
      const temporary = s.allocate(type)
      inner.emit({ expr: factor(0, temporary), reads: [] }, merge(temporary)!, nodes)
      s.materialize(
        { type: { ...type, dtype: post.expr.dtype }, expr: post.expr, args: [temporary, ...post.reads], nodes },
        write,
      )
    },
  }
}
