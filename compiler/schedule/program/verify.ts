import { bufferBytes, type MemoryPlan } from '../memory/plan.ts'
import {
  buffersOf,
  inArena,
  memoryOf,
  readsOf,
  writesOf,
  type Access,
  type Buffer,
  type Counter,
  type Kernel,
  type NestKernel,
  type Program,
  type TemplateKernel,
} from './program.ts'
import { templates } from '../templates.generated.ts'

/*
 * What holds for every program, whichever rewrite it comes from:
 *
 *  1. A template is given what its signature names, each argument of the kind that its role takes; the template that
 *     runs in its place has the same ones. So every address that a call knows is in its reads or writes.
 *  2. Accesses stay inside their buffers, in every iteration of the loops around them. Indices that are loaded are clamped.
 *  3. Regions nest: what moves with a loop stands within that loop. The nests of a `rows` kernel begin with the same loops.
 *  4. Constants are never written, prepared buffers only at the start; inputs, outputs and states are whole buffers, states pinned ones.
 *
 * And of its memory plan:
 *
 *  5. Every buffer has an address, aligned, inside the module's memory and its home's part of it.
 *  6. Pinned and prepared memory is nobody else's.
 *  7. What a kernel reads still holds what was last written there for it: nothing alive overlaps.
 */

class Violation extends Error {}

function violated(what: string): never {
  throw new Violation(`program: ${what}`)
}

/** Iterations of the loops around a kernel. */
type Loops = ReadonlyMap<Counter, number>

/** Elements `low` to `high` of `buffer` must be its own, wherever its windows move. */
function within(buffer: Buffer, low: number, high: number, loops: Loops, what: string): void {
  const { window } = buffer
  if (window) {
    const trips = loops.get(window.counter)
    if (trips === undefined) violated(`${what} moves with the loop ${window.counter.name}, which is not around it`)
    const last = window.step * (trips - 1)
    const [from, to] = [low + window.first + Math.min(0, last), high + window.first + Math.max(0, last)]
    return within(window.of, from, to, loops, what)
  }
  if (low < 0 || high >= buffer.length) {
    violated(`${what} reaches elements ${low} to ${high} of ${buffer.name}, which has ${buffer.length}`)
  }
}

function verifyAccess(access: Access, extents: readonly number[], loops: Loops, what: string): void {
  let [low, high] = [access.offset, access.offset]
  const extend = (by: number): void => {
    low += Math.min(0, by)
    high += Math.max(0, by)
  }
  extents.forEach((extent, i) => extend((access.strides[i] ?? 0) * (extent - 1)))
  for (const { index, scale, limit } of access.indirect ?? []) {
    extend(scale * limit)
    verifyAccess(index, extents, loops, `the index of ${what}`)
  }
  within(access.buffer, low, high, loops, what)
}

function verifyNest(nest: NestKernel, loops: Loops, what: string): void {
  const { extents, reads, post, write } = nest
  if (extents.slice(0, extents.length - nest.reduced).includes(0)) return
  const output = extents.slice(0, extents.length - nest.reduced)
  if (!extents.includes(0)) reads.forEach((a, i) => verifyAccess(a, extents, loops, `read ${i} of ${what}`))
  post.reads.forEach((a, i) => verifyAccess(a, output, loops, `read ${i} behind ${what}`))
  verifyAccess(write, output, loops, `the result of ${what}`)
}

function verifyTemplate(kernel: TemplateKernel, loops: Loops): void {
  const { template, dot, fused, args, rows } = kernel
  const roles: Readonly<Record<string, string>> = templates[template].params
  const missing = Object.keys(roles).find((name) => !(name in args))
  if (missing) violated(`${template} is called without ${missing}`)
  for (const other of [dot, fused]) {
    if (other && JSON.stringify(templates[other].params) !== JSON.stringify(roles))
      violated(`${other} stands in for ${template}, whose arguments are others`)
  }
  for (const [name, a] of Object.entries(args)) {
    const role = roles[name] ?? violated(`${template} has no argument ${name}`)
    const given = typeof a === 'number' ? 'number' : 'flip' in a ? 'flip' : 'address'
    const fits =
      role === 'flip'
        ? given === 'flip'
        : role === 'aux'
          ? a === 0 || given === 'address'
          : ['in', 'out', 'inout', 'scratch'].includes(role)
            ? given === 'address'
            : given === 'number'
    if (!fits) violated(`${template} is given a ${given} for ${name}, which is ${role}`)
    // The first tap of a window may lie before the elements that are read.
    if (typeof a === 'object' && 'buffer' in a && bufferBytes(a.buffer) > 0) {
      within(a.buffer, Math.max(0, a.offset), Math.max(0, a.offset), loops, `${name} of ${template}`)
    }
  }
  for (const { argument, strides, length } of rows?.walks ?? []) {
    const a = args[argument]
    if (typeof a !== 'object' || !('buffer' in a)) violated(`${template} walks ${argument}, which is no address`)
    const extents = [...rows!.loops.map((l) => l.extent), length]
    verifyAccess({ ...a, strides: [...strides, 1] }, extents, loops, `${argument} of ${template}`)
  }
}

function verifyKernel(kernel: Kernel, loops: Loops): void {
  for (const buffer of writesOf(kernel)) {
    if (memoryOf(buffer).home.kind === 'constant')
      violated(`a ${kernel.kind} kernel writes the constant ${buffer.name}`)
  }
  const what = `a ${kernel.kind} for ${kernel.nodes[0] ?? 'no node'}`
  switch (kernel.kind) {
    case 'nest':
      return verifyNest(kernel, loops, what)
    case 'scan':
      if (kernel.extents.includes(0)) return
      verifyAccess(kernel.read, kernel.extents, loops, `the operand of ${what}`)
      return verifyAccess(kernel.write, kernel.extents, loops, `the result of ${what}`)
    case 'rows': {
      const rows = kernel.nests.map((nest) => nest.extents.slice(0, kernel.depth).join())
      if (new Set(rows).size > 1) violated(`${what} has nests over rows of ${rows.join(' and ')}`)
      return kernel.nests.forEach((nest) => verifyNest(nest, loops, what))
    }
    case 'template':
      return verifyTemplate(kernel, loops)
    case 'loop': {
      if (loops.has(kernel.counter)) violated(`${what} counts what a loop around it counts`)
      if (kernel.trips === 0) return
      const inner = new Map([...loops, [kernel.counter, kernel.trips]])
      return kernel.body.forEach((k) => verifyKernel(k, inner))
    }
    case 'branch':
      return [...kernel.then, ...kernel.otherwise].forEach((k) => verifyKernel(k, loops))
  }
}

/** Throws an Error that names what does not hold; for tests, after every rewrite. */
export function verifyProgram({ prepared = [], kernels, inputs, outputs, states }: Program): void {
  for (const { name, buffer } of states) {
    if (buffer.home.kind !== 'pinned') violated(`the state ${name} is not pinned`)
  }
  for (const { name, buffer, dtype } of [...inputs, ...outputs, ...states]) {
    if (buffer.window || buffer.dtype !== dtype) violated(`the port ${name} is no whole buffer of ${dtype}`)
  }
  for (const buffer of prepared.flatMap(writesOf)) {
    if (buffer.home.kind !== 'prepared') violated(`${buffer.name} is filled at the start and is not prepared`)
  }
  for (const buffer of kernels.flatMap(writesOf)) {
    if (memoryOf(buffer).home.kind === 'prepared') violated(`a kernel writes ${buffer.name}, which is prepared`)
  }
  for (const kernel of [...prepared, ...kernels]) verifyKernel(kernel, new Map())
}

/** Bytes that belong to a buffer. */
interface Claim {
  readonly start: number
  readonly end: number
  readonly buffer: Buffer
}

/** Whose values memory holds: claims that do not overlap, by address. */
class Ownership {
  private readonly addresses: ReadonlyMap<Buffer, number>
  private claims: Claim[]

  constructor(addresses: ReadonlyMap<Buffer, number>, claims: readonly Claim[] = []) {
    this.addresses = addresses
    this.claims = [...claims]
  }

  copy(): Ownership {
    return new Ownership(this.addresses, this.claims)
  }

  /** What both hold. */
  meet(other: Ownership): void {
    this.claims = this.claims.filter(({ buffer }) => other.holds(buffer))
  }

  /** The first claim that ends behind `address`. */
  private firstBehind(address: number): number {
    let [low, high] = [0, this.claims.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.claims[middle]!.end > address) high = middle
      else low = middle + 1
    }
    return low
  }

  holds(buffer: Buffer): boolean {
    return this.claims[this.firstBehind(this.addresses.get(buffer)!)]?.buffer === buffer
  }

  claim(buffer: Buffer): void {
    const start = this.addresses.get(buffer)!
    const end = start + bufferBytes(buffer)
    if (start === end || this.holds(buffer)) return
    const first = this.firstBehind(start)
    let last = first
    while (last < this.claims.length && this.claims[last]!.start < end) last++
    this.claims.splice(first, last - first, { start, end, buffer })
  }
}

const shared = (buffers: readonly Buffer[]): Buffer[] =>
  buffers.map(memoryOf).filter((b) => inArena(b) && bufferBytes(b) > 0)

/** Runs the kernels on claims instead of values. */
function follow(kernels: readonly Kernel[], memory: Ownership): void {
  const read = (buffers: readonly Buffer[], kernel: Kernel): void => {
    for (const buffer of shared(buffers)) {
      if (!memory.holds(buffer)) {
        violated(`a ${kernel.kind} for ${kernel.nodes[0] ?? 'no node'} reads ${buffer.name}, which holds other values`)
      }
    }
  }
  const write = (buffers: readonly Buffer[]): void => shared(buffers).forEach((b) => memory.claim(b))
  for (const kernel of kernels) {
    if (kernel.kind === 'loop') {
      const { condition, index, count, body } = kernel
      const conditions = condition ? [condition] : []
      read(conditions, kernel)
      for (let iteration = 0; iteration < Math.min(2, kernel.trips); iteration++) {
        if (index) write([index])
        follow(body, memory)
        read(conditions, kernel)
      }
      if (count) write([count])
    } else if (kernel.kind === 'branch') {
      read([kernel.condition.buffer], kernel)
      const otherwise = memory.copy()
      follow(kernel.then, memory)
      follow(kernel.otherwise, otherwise)
      memory.meet(otherwise)
    } else {
      for (const step of kernel.kind === 'rows' ? kernel.nests : [kernel]) {
        read(readsOf(step), step)
        write(writesOf(step))
      }
      // What one kernel reads and writes is alive together.
      read(buffersOf(kernel), kernel)
    }
  }
}

/** Throws an Error that names what does not hold of the memory that `program` is given. */
export function verifyPlan(program: Program, plan: MemoryPlan): void {
  const { addresses, constantBytes, pinnedBytes, preparedBytes, totalBytes } = plan
  const ports = [...program.inputs, ...program.outputs, ...program.states].map((port) => port.buffer)
  const kernels = [...(program.prepared ?? []), ...program.kernels]
  const used = new Set([...kernels.flatMap(buffersOf), ...ports].map(memoryOf))
  const pinnedEnd = constantBytes + pinnedBytes
  const preparedEnd = pinnedEnd + preparedBytes
  const parts = {
    constant: [0, constantBytes],
    pinned: [constantBytes, pinnedEnd],
    prepared: [pinnedEnd, preparedEnd],
    arena: [preparedEnd, totalBytes],
  }
  for (const buffer of used) {
    const address = addresses.get(buffer) ?? violated(`${buffer.name} has no address`)
    const [from, to] = parts[buffer.home.kind] as [number, number]
    if (address % 16 !== 0 || address < from || address + bufferBytes(buffer) > to) {
      violated(`${buffer.name} stands at ${address}, outside ${from} to ${to} or at no multiple of 16`)
    }
  }
  const own = [...used].filter(({ home }) => home.kind === 'pinned' || home.kind === 'prepared')
  const pinned = own.sort((a, b) => addresses.get(a)! - addresses.get(b)!)
  pinned.forEach((buffer, i) => {
    const next = pinned[i + 1]
    if (next && addresses.get(buffer)! + bufferBytes(buffer) > addresses.get(next)!) {
      violated(`${buffer.name} and ${next.name} are pinned and overlap`)
    }
  })
  const memory = new Ownership(addresses)
  shared(program.inputs.map((port) => port.buffer)).forEach((b) => memory.claim(b))
  for (const { name, buffer } of program.inputs) {
    if (inArena(buffer) && bufferBytes(buffer) > 0 && !memory.holds(buffer))
      violated(`the input ${name} overlaps another`)
  }
  follow(program.kernels, memory)
  for (const { name, buffer } of program.outputs) {
    if (inArena(buffer) && bufferBytes(buffer) > 0 && !memory.holds(buffer))
      violated(`the output ${name} is overwritten`)
  }
}
