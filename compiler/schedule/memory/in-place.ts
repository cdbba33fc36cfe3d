import { isElementwise } from './carry.ts'
import type { Buffer, Kernel, LeafKernel, Program, TemplateKernel } from '../program/program.ts'
import { buffersOf, inArena, innerKernels, memoryOf, readsOf, writesOf } from '../program/program.ts'
import { renameBuffers } from '../program/rename.ts'
import { countUsers } from '../program/users.ts'

/** Whether the kernel's result may stand in the memory of its operand `buffer`. */
function mayReplace(kernel: LeafKernel, buffer: Buffer): boolean {
  if (kernel.kind === 'nest') return isElementwise(kernel, buffer)
  if (kernel.kind !== 'template' || kernel.replaces !== buffer) return false
  return readsOf(kernel).filter((b) => b === buffer).length === 1
}

const isFill = (kernel: Kernel): kernel is TemplateKernel =>
  kernel.kind === 'template' && kernel.template.endsWith('fill_border')

/** Whether two fills do the same to the borders of their buffers. */
const sameFill = (a: TemplateKernel, b: TemplateKernel): boolean =>
  JSON.stringify(renameBuffers(a, () => writesOf(b)[0]!)) === JSON.stringify(b)

/** Memory that is more than one buffer to the kernels: places in it move with loops. */
function windowedMemory(kernels: readonly Kernel[]): Set<Buffer> {
  const windows = kernels.flatMap(buffersOf).filter((b) => b.window)
  return new Set([...windows, ...windows.map(memoryOf)])
}

/** Positions in a list of kernels of the first and the last that know a piece of memory. */
interface Span {
  readonly first: number
  last: number
}

export function spansOf(kernels: readonly Kernel[]): Map<Buffer, Span> {
  const spans = new Map<Buffer, Span>()
  kernels.forEach((kernel, at) => {
    for (const memory of buffersOf(kernel).map(memoryOf)) {
      const span = spans.get(memory)
      if (span) span.last = at
      else spans.set(memory, { first: at, last: at })
    }
  })
  return spans
}

/** A result, the operand whose memory it takes, and the fills of the result's border, which the operand's has seen. */
interface Match {
  readonly result: Buffer
  readonly operand: Buffer
  readonly fills: readonly TemplateKernel[]
}

/** Which buffer each one became. A buffer of the program's boundary stays itself, and an input never becomes an output. */
export class Places {
  private readonly names = new Map<Buffer, Buffer>()
  private readonly inputs: ReadonlySet<Buffer>
  private readonly outputs: ReadonlySet<Buffer>

  constructor(program: Program) {
    this.inputs = new Set(program.inputs.map((port) => port.buffer))
    this.outputs = new Set(program.outputs.map((port) => port.buffer))
  }

  nameOf(buffer: Buffer): Buffer {
    const name = this.names.get(buffer)
    return name ? this.nameOf(name) : buffer
  }

  /** Whether the buffer is written before every run: each iteration of a loop reads the same. */
  isInput(buffer: Buffer): boolean {
    return this.inputs.has(buffer)
  }

  mayReplace(result: Buffer, operand: Buffer): boolean {
    const place = this.nameOf(operand)
    if (this.inputs.has(result) || this.outputs.has(place)) return false
    return !(this.inputs.has(place) && this.outputs.has(this.nameOf(result)))
  }

  replace(result: Buffer, operand: Buffer): void {
    const place = this.nameOf(operand)
    if (this.outputs.has(result)) this.names.set(place, result)
    else this.names.set(result, place)
  }
}

/**
 * Results take the place of an operand of the same size that nothing reads any more, where each element of it is read
 * before the one at its place is written: both become one buffer.
 */
class Replacement {
  private readonly places: Places
  private readonly dropped = new Set<Kernel>()
  private readonly windowed: ReadonlySet<Buffer>
  private readonly users: ReadonlyMap<Buffer, number>

  constructor(program: Program) {
    this.places = new Places(program)
    this.windowed = windowedMemory(program.kernels)
    this.users = countUsers(program.kernels)
    this.visit(program.kernels)
  }

  /** The kernels with the buffers that are left. */
  applied(kernels: readonly Kernel[]): Kernel[] {
    return kernels
      .filter((k) => !this.dropped.has(k))
      .map((kernel) => {
        if (kernel.kind === 'loop') return { ...kernel, body: this.applied(kernel.body) }
        if (kernel.kind !== 'branch') return kernel
        return { ...kernel, then: this.applied(kernel.then), otherwise: this.applied(kernel.otherwise) }
      })
      .map((kernel) => renameBuffers(kernel, (b) => this.places.nameOf(b)))
  }

  private visit(kernels: readonly Kernel[], repeated = false): void {
    const [spans, within] = [spansOf(kernels), countUsers(kernels)]
    const isFree = (b: Buffer): boolean =>
      inArena(b) &&
      !(repeated && this.places.isInput(b)) &&
      !this.windowed.has(b) &&
      within.get(b) === this.users.get(b) &&
      spans.has(b)
    kernels.forEach((kernel, at) => {
      if (kernel.kind === 'branch') [kernel.then, kernel.otherwise].forEach((list) => this.visit(list, repeated))
      else if (kernel.kind === 'loop') this.visit(innerKernels(kernel), true)
      else {
        const match = this.match(kernels, at, spans, isFree)
        if (match) this.replace(match)
      }
    })
  }

  private match(
    kernels: readonly Kernel[],
    at: number,
    spans: ReadonlyMap<Buffer, Span>,
    isFree: (buffer: Buffer) => boolean,
  ): Match | undefined {
    const kernel = kernels[at] as LeafKernel
    const result = writesOf(kernel)[0]!
    if (!isFree(result)) return undefined
    /** What becomes of a buffer before this kernel, if that is its border alone. */
    const before = (buffer: Buffer): readonly Kernel[] =>
      kernels.slice(spans.get(buffer)!.first, at).filter((k) => buffersOf(k).includes(buffer))
    const fills =
      isFill(kernels[spans.get(result)!.first]!) || spans.get(result)!.first === at ? before(result) : undefined
    if (!fills?.every(isFill)) return undefined
    const operand = readsOf(kernel).find((buffer) => {
      if (buffer.dtype !== result.dtype || buffer.length !== result.length || !mayReplace(kernel, buffer)) return false
      if (spans.get(buffer)?.last !== at || !isFree(buffer) || !this.places.mayReplace(result, buffer)) return false
      const own = fills.length > 0 ? before(buffer).filter(isFill) : []
      return fills.every((fill) => own.some((o) => sameFill(o, fill)))
    })
    return operand && { result, operand, fills }
  }

  private replace({ result, operand, fills }: Match): void {
    this.places.replace(result, operand)
    fills.forEach((fill) => this.dropped.add(fill))
  }
}

export function computeInPlace(program: Program): Program {
  return { ...program, kernels: new Replacement(program).applied(program.kernels) }
}
