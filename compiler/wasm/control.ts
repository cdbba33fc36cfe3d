import { byteSize } from '../core/scalar/dtype.ts'
import type {
  BranchKernel,
  Buffer,
  Counter,
  Kernel,
  LeafKernel,
  LoopKernel,
  TemplateArgument,
  TemplateFlip,
} from '../schedule/program/program.ts'
import type { Code, FunctionBuilder } from './machine.ts'

/** Where kernels are called from. */
export interface Site {
  readonly f: FunctionBuilder
  readonly addresses: ReadonlyMap<Buffer, number>
  /** Locals that hold the iterations' numbers of the loops around. */
  readonly counters: ReadonlyMap<Counter, number>
  /** The call of a kernel; undefined where it has nothing to do. */
  readonly call: (kernel: LeafKernel, site: Site) => Code | undefined
}

/** The global that holds what `i8_dot_probe` found; the baseline module has none, and nothing there that minds. */
export const dotGlobal = 'dot'

function flipCode(f: FunctionBuilder, { flip }: TemplateFlip): Code {
  const { m } = f
  if (m.getGlobal(dotGlobal) === 0) return f.i32(0)
  const unsigned = m.global.get(dotGlobal, f.type('i32'))
  return flip === 'u8' ? unsigned : m.i32.xor(unsigned, f.i32(0x80808080 | 0))
}

/** A number, or the address of an element: a constant, and for windows the distance they have moved. */
export function addressCode({ f, addresses, counters }: Site, a: TemplateArgument): Code {
  if (typeof a === 'number') return f.i32(a)
  if ('flip' in a) return flipCode(f, a)
  let start = a.offset * byteSize(a.buffer.dtype)
  let { buffer } = a
  const moves: Code[] = []
  for (let { window } = buffer; window; { window } = buffer) {
    const bytes = byteSize(buffer.dtype)
    start += window.first * bytes
    const counter = f.get(counters.get(window.counter)!)
    if (window.step !== 0) moves.push(f.m.i32.mul(counter, f.i32(window.step * bytes)))
    buffer = window.of
  }
  return moves.reduce((sum, move) => f.m.i32.add(sum, move), f.i32(addresses.get(buffer)! + start))
}

/** The code that runs a kernel of any kind. */
export function emitKernel(site: Site, kernel: Kernel): Code[] {
  if (kernel.kind === 'loop') return emitLoop(site, kernel)
  if (kernel.kind === 'branch') return emitBranch(site, kernel)
  const call = site.call(kernel, site)
  return call === undefined ? [] : [call]
}

const pointerTo = (site: Site, buffer: Buffer): Code => addressCode(site, { buffer, offset: 0 })

function emitLoop(outer: Site, kernel: LoopKernel): Code[] {
  const { f } = outer
  const { m } = f
  const { condition, index, count, trips } = kernel
  const counter = f.newLocal('i32')
  const site = { ...outer, counters: new Map([...outer.counters, [kernel.counter, counter]]) }
  const holds = (): Code => f.loadScalar('bool', pointerTo(site, condition!))
  const next = m.local.tee(counter, m.i32.add(f.get(counter), f.i32(1)), f.type('i32'))
  const more = m.i32.lt_u(next, f.i32(trips))
  const label = `loop${counter}`
  const loop = m.loop(
    label,
    m.block(null, [
      ...(index ? [f.storeScalar('i32', pointerTo(site, index), f.get(counter))] : []),
      ...kernel.body.flatMap((inner) => emitKernel(site, inner)),
      m.br(label, condition ? m.i32.and(more, holds()) : more),
    ]),
  )
  return [
    f.set(counter, f.i32(0)),
    ...(trips === 0 ? [] : condition ? [m.if(holds(), loop)] : [loop]),
    ...(count ? [f.storeScalar('i32', pointerTo(site, count), f.get(counter))] : []),
  ]
}

function emitBranch(site: Site, { condition, then, otherwise }: BranchKernel): Code[] {
  const { f } = site
  const side = (kernels: readonly Kernel[]): Code =>
    f.m.block(
      null,
      kernels.flatMap((k) => emitKernel(site, k)),
    )
  return [f.m.if(f.loadScalar('bool', addressCode(site, condition)), side(then), side(otherwise))]
}
