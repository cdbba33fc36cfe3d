import { isElementwise } from './carry.ts'
import type { Buffer, Kernel, NestKernel, Program } from './program.ts'
import { innerKernels, memoryOf, readsOf, writesOf } from './program.ts'
import { renameBuffers } from './rename.ts'
import { countUsers } from './users.ts'

const touchedBy = (kernel: Kernel): readonly Buffer[] => [...readsOf(kernel), ...writesOf(kernel)]

/** Positions in a list of kernels of the first and the last that know a piece of memory. */
interface Span {
  readonly first: number
  last: number
}

function spansOf(kernels: readonly Kernel[]): Map<Buffer, Span> {
  const spans = new Map<Buffer, Span>()
  kernels.forEach((kernel, at) => {
    for (const memory of touchedBy(kernel).map(memoryOf)) {
      const span = spans.get(memory)
      if (span) span.last = at
      else spans.set(memory, { first: at, last: at })
    }
  })
  return spans
}

/** Memory that is more than one buffer to the kernels: places in it move with loops. */
function windowedMemory(kernels: readonly Kernel[]): Set<Buffer> {
  const windowed = new Set<Buffer>()
  const visit = (kernel: Kernel): void => {
    for (const b of touchedBy(kernel)) if (b.window) windowed.add(memoryOf(b))
  }
  kernels.forEach(visit)
  return windowed
}

/**
 * Results of element-wise nests take the place of an operand of the same size that nothing reads any more: both become one
 * buffer. A buffer of the program's boundary stays itself, and an input never becomes an output.
 */
export function computeInPlace(program: Program): Program {
  const names = new Map<Buffer, Buffer>()
  const nameOf = (buffer: Buffer): Buffer => {
    const name = names.get(buffer)
    return name ? nameOf(name) : buffer
  }
  const inputs = new Set(program.inputs.map((port) => port.buffer))
  const outputs = new Set(program.outputs.map((port) => port.buffer))
  const windowed = windowedMemory(program.kernels)
  const users = countUsers(program.kernels)

  const visit = (kernels: readonly Kernel[]): void => {
    const [spans, within] = [spansOf(kernels), countUsers(kernels)]
    const isFree = (b: Buffer): boolean => !b.data && !windowed.has(memoryOf(b)) && within.get(b) === users.get(b)
    /** The operand whose place the result of the kernel at `at` takes. */
    const operandOf = (kernel: NestKernel, at: number): Buffer | undefined => {
      const result = kernel.write.buffer
      const target = nameOf(result)
      if (spans.get(result)?.first !== at || !isFree(result) || inputs.has(result)) return undefined
      return [...kernel.reads, ...kernel.post.reads]
        .map((a) => a.buffer)
        .find((buffer) => {
          const name = nameOf(buffer)
          const ends = spans.get(buffer)?.last === at && isFree(buffer) && !outputs.has(name)
          const alike = buffer.dtype === result.dtype && buffer.length === result.length
          return ends && alike && !(inputs.has(name) && outputs.has(target)) && isElementwise(kernel, buffer)
        })
    }
    kernels.forEach((kernel, at) => {
      if (kernel.kind === 'branch') [kernel.then, kernel.otherwise].forEach(visit)
      else visit(innerKernels(kernel))
      const operand = kernel.kind === 'nest' ? operandOf(kernel, at) : undefined
      if (!operand) return
      const [place, result] = [nameOf(operand), writesOf(kernel)[0]!]
      if (outputs.has(result)) names.set(place, result)
      else names.set(result, place)
    })
  }
  visit(program.kernels)
  return { ...program, kernels: program.kernels.map((k) => renameBuffers(k, nameOf)) }
}
