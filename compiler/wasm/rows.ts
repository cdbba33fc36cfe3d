import { byteSize } from '../core/dtype.ts'
import { accessesOf, normalizeNest } from '../schedule/normalize-nest.ts'
import type { Access, RowsKernel } from '../schedule/program.ts'
import { oneRow } from '../schedule/split-rows.ts'
import { planVector } from '../schedule/vector-plan.ts'
import { HoistedConstants } from './hoisted.ts'
import type { Code, FunctionBuilder } from './machine.ts'
import { describeNest, NestEmitter, type FunctionRequest, type Straight } from './nest.ts'

/** Where accesses start in the first row, and how many bytes they move from one row to the next, by loop over rows. */
interface Base {
  readonly access: Access
  readonly moves: readonly number[]
}

/** The function of nests that run row by row. Parameters are the addresses where their accesses start, equal ones once. */
export function requestRows({ nests, depth }: RowsKernel, straight: Straight): FunctionRequest {
  const rows = nests[0]!.extents.slice(0, depth)
  const bases: Base[] = []
  const baseOf = (access: Access): number => {
    const moves = rows.map((_, i) => (access.strides[i] ?? 0) * byteSize(access.buffer.dtype))
    const same = (b: Base): boolean =>
      b.access.buffer === access.buffer &&
      b.access.offset === access.offset &&
      b.moves.every((bytes, i) => bytes === moves[i])
    const known = bases.findIndex(same)
    return known < 0 ? bases.push({ access, moves }) - 1 : known
  }
  const steps = nests.map((nest) => ({
    starts: accessesOf(nest).map(baseOf),
    plan: planVector(normalizeNest(oneRow(nest, depth))),
    elements: nest.extents.reduce((a, b) => a * b, 1),
  }))
  const build = (f: FunctionBuilder): Code => {
    const constants = new HoistedConstants(f)
    const most = Math.max(...steps.map(({ starts }) => starts.length))
    const pointers = Array.from({ length: most }, () => f.newLocal('i32'))
    const body = steps.flatMap(({ starts, plan, elements }) => [
      ...starts.map((base, i) => f.set(pointers[i]!, f.get(base))),
      ...new NestEmitter(f, plan, straight, constants, { pointers, elements }).loops(),
    ])
    const loops = rowLoops(f, rows, bases, body, 0)
    return f.m.block(null, [...constants.prologue, ...loops])
  }
  return {
    key: JSON.stringify([
      'rows',
      rows,
      bases.map((b) => b.moves),
      steps.map(({ starts, plan, elements }) => [starts, describeNest(plan), elements]),
    ]),
    params: bases.map(() => 'i32'),
    args: bases.map(({ access }) => ({ buffer: access.buffer, offset: access.offset })),
    build,
  }
}

function rowLoops(
  f: FunctionBuilder,
  rows: readonly number[],
  bases: readonly Base[],
  body: readonly Code[],
  level: number,
): Code[] {
  if (level === rows.length) return [...body]
  const inner = rowLoops(f, rows, bases, body, level + 1)
  const moved = (b: Base): number => (rows[level + 1] ?? 0) * (b.moves[level + 1] ?? 0)
  const advance = bases.flatMap((b, i) => f.advance(i, b.moves[level]! - moved(b)))
  const counter = f.newLocal('i32')
  const label = `rows${counter}`
  const next = f.m.local.tee(counter, f.m.i32.sub(f.get(counter), f.i32(1)), f.type('i32'))
  return [
    f.set(counter, f.i32(rows[level]!)),
    f.m.loop(label, f.m.block(null, [...inner, ...advance, f.m.br(label, next)])),
  ]
}
