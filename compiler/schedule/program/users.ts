import type { Buffer, Kernel } from './program.ts'
import { buffersOf, innerKernels, memoryOf } from './program.ts'

/** Memory that a kernel reads or writes; of a loop or branch, what it does itself. */
function ownMemory(kernel: Kernel): Set<Buffer> {
  if (kernel.kind === 'branch') return new Set([memoryOf(kernel.condition.buffer)])
  if (kernel.kind === 'loop') {
    const { condition, index, count } = kernel
    return new Set([condition, index, count].filter((b) => b !== undefined).map(memoryOf))
  }
  return new Set(buffersOf(kernel).map(memoryOf))
}

/** How many kernels know each piece of memory, those within loops and branches included. */
export function countUsers(kernels: readonly Kernel[]): Map<Buffer, number> {
  const users = new Map<Buffer, number>()
  const visit = (kernel: Kernel): void => {
    for (const memory of ownMemory(kernel)) users.set(memory, (users.get(memory) ?? 0) + 1)
    innerKernels(kernel).forEach(visit)
  }
  kernels.forEach(visit)
  return users
}
