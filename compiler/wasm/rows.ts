import { byteSize } from '../core/scalar/dtype.ts'
import { accessesOf } from '../schedule/program/normalize-nest.ts'
import type { Access, RowsKernel } from '../schedule/program/program.ts'
import { oneRow } from '../schedule/rows/split.ts'
import type { Code, FunctionBuilder } from './machine.ts'
import type { FunctionRequest, Straight } from './nest.ts'
import { requestNest } from './request-nest.ts'

/** Where accesses start in the first row, and how many bytes they move from one row to the next, by loop over rows. */
interface Base {
  readonly access: Access
  readonly moves: readonly number[]
}

/**
 * The function that calls nests row by row. Its parameters are the addresses where their accesses start, equal ones once;
 * `define` gives the names of the nests' functions.
 */
export function requestRows(
  { nests, depth }: RowsKernel,
  straight: Straight,
  define: (request: FunctionRequest) => string,
): FunctionRequest {
  const rows = nests[0]!.extents.slice(0, depth)
  const bases: Base[] = []
  const baseOf = (access: Access): number => {
    const moves = rows.map((_, i) => access.strides[i]! * byteSize(access.buffer.dtype))
    const same = (b: Base): boolean =>
      b.access.buffer === access.buffer &&
      b.access.offset === access.offset &&
      b.moves.every((bytes, i) => bytes === moves[i])
    const known = bases.findIndex(same)
    return known < 0 ? bases.push({ access, moves }) - 1 : known
  }
  const calls = nests.flatMap((nest) => {
    const request = requestNest(oneRow(nest, depth), straight)
    return request ? [{ name: define(request), starts: accessesOf(nest).map(baseOf) }] : []
  })
  return {
    key: JSON.stringify(['rows', rows, bases.map((b) => b.moves), calls]),
    params: bases.map(() => 'i32'),
    args: bases.map(({ access }) => ({ buffer: access.buffer, offset: access.offset })),
    build: (f) => {
      const body = calls.map(({ name, starts }) => {
        return f.m.call(
          name,
          starts.map((base) => f.get(base)),
          f.binaryen.none,
        )
      })
      return f.block(rowLoops(f, rows, bases, body, 0))
    },
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
