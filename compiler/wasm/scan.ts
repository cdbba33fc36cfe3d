import { byteSize, isFloat, type DType } from '../core/scalar/dtype.ts'
import { identityOf } from '../core/ops/reductions/reduce.ts'
import type { Access, ScanKernel } from '../schedule/program/program.ts'
import { wasmTypeOf, type Code, type FunctionBuilder } from './machine.ts'
import type { FunctionRequest } from './nest.ts'
import { binaryCode, constantCode } from './scalar.ts'

const describe = (a: Access): unknown => [a.buffer.dtype, a.strides]

/** The function of a scan, or undefined where it has nothing to do. */
export function requestScan(kernel: ScanKernel): FunctionRequest | undefined {
  if (kernel.extents.includes(0)) return undefined
  return {
    key: JSON.stringify(['scan', kernel.mode, kernel.extents, describe(kernel.read), describe(kernel.write)]),
    params: ['i32', 'i32'],
    args: [kernel.read, kernel.write].map(({ buffer, offset }) => ({ buffer, offset })),
    build: (f) => f.block(scanLoops(f, kernel, 0)),
  }
}

const readPointer = 0
const writePointer = 1

const strideBytes = (a: Access, loop: number): number => (a.strides[loop] ?? 0) * byteSize(a.buffer.dtype)

/** Pointers come out of loop `level` where they went in. */
function scanLoops(f: FunctionBuilder, kernel: ScanKernel, level: number): Code[] {
  const last = kernel.extents.length - 1
  if (level === last) return kernel.mode.kind === 'cumulate' ? cumulate(f, kernel) : argreduce(f, kernel)
  return loop(f, kernel, level, kernel.extents[level]!, scanLoops(f, kernel, level + 1), true)
}

function loop(
  f: FunctionBuilder,
  kernel: ScanKernel,
  level: number,
  count: number,
  body: readonly Code[],
  writes: boolean,
): Code[] {
  const read = strideBytes(kernel.read, level)
  const write = writes ? strideBytes(kernel.write, level) : 0
  const counter = f.newLocal('i32')
  const label = `l${counter}`
  const next = f.m.local.tee(counter, f.m.i32.sub(f.get(counter), f.i32(1)), f.type('i32'))
  const code = [...body, ...f.advance(readPointer, read), ...f.advance(writePointer, write), f.m.br(label, next)]
  return [
    f.set(counter, f.i32(count)),
    f.m.loop(label, f.m.block(null, code)),
    ...f.advance(readPointer, -read * count),
    ...f.advance(writePointer, -write * count),
  ]
}

function cumulate(f: FunctionBuilder, kernel: ScanKernel): Code[] {
  if (kernel.mode.kind !== 'cumulate') return []
  const { combine, exclusive } = kernel.mode
  const { dtype } = kernel.read.buffer
  const acc = f.newLocal(wasmTypeOf(dtype))
  const store = f.storeScalar(dtype, f.get(writePointer), f.get(acc))
  const add = f.set(acc, binaryCode(f, combine, dtype, f.get(acc), f.loadScalar(dtype, f.get(readPointer))))
  const level = kernel.extents.length - 1
  return [
    f.set(acc, constantCode(f, identityOf(combine, dtype), dtype)),
    ...loop(f, kernel, level, kernel.extents[level]!, exclusive ? [store, add] : [add, store], true),
  ]
}

function argreduce(f: FunctionBuilder, kernel: ScanKernel): Code[] {
  if (kernel.mode.kind !== 'argreduce') return []
  const { best, last } = kernel.mode
  const { m } = f
  const { dtype } = kernel.read.buffer
  const level = kernel.extents.length - 1
  const type = wasmTypeOf(dtype)
  const value = f.newLocal(type)
  const winner = f.newLocal(type)
  const index = f.newLocal('i32')
  const at = f.newLocal('i32')
  const body = [
    f.set(value, f.loadScalar(dtype, f.get(readPointer))),
    m.if(
      beats(
        f,
        dtype,
        best,
        last,
        () => f.get(value),
        () => f.get(winner),
      ),
      m.block(null, [f.set(winner, f.get(value)), f.set(at, f.get(index))]),
    ),
    ...f.advance(index, 1),
  ]
  return [
    f.set(winner, f.loadScalar(dtype, f.get(readPointer))),
    f.set(at, f.i32(0)),
    f.set(index, f.i32(0)),
    ...loop(f, kernel, level, kernel.extents[level]!, body, false),
    f.storeScalar('i32', f.get(writePointer), f.get(at)),
  ]
}

/** Whether `a` takes the lead from `b`; NaN leads all numbers. */
function beats(
  f: FunctionBuilder,
  dtype: DType,
  best: 'max' | 'min',
  last: boolean,
  a: () => Code,
  b: () => Code,
): Code {
  const { m } = f
  const better = binaryCode(f, best === 'max' ? (last ? 'ge' : 'gt') : last ? 'le' : 'lt', dtype, a(), b())
  if (!isFloat(dtype)) return better
  const isNaN = (x: () => Code): Code => binaryCode(f, 'ne', dtype, x(), x())
  return m.i32.or(better, m.i32.and(isNaN(a), m.i32.eqz(isNaN(b))))
}
