import type { Access, Buffer, Kernel, NestKernel, TemplateAddress } from './program.ts'

/** `kernel` with every buffer replaced by what `to` gives for it. */
export function renameBuffers(kernel: Kernel, to: (buffer: Buffer) => Buffer): Kernel {
  const access = (a: Access): Access => ({
    ...a,
    buffer: to(a.buffer),
    ...(a.indirect && { indirect: a.indirect.map((i) => ({ ...i, index: access(i.index) })) }),
  })
  const address = (a: TemplateAddress): TemplateAddress => ({ ...a, buffer: to(a.buffer) })
  const all = (kernels: readonly Kernel[]): Kernel[] => kernels.map((k) => renameBuffers(k, to))
  switch (kernel.kind) {
    case 'nest':
      return {
        ...kernel,
        reads: kernel.reads.map(access),
        post: { ...kernel.post, reads: kernel.post.reads.map(access) },
        write: access(kernel.write),
      }
    case 'rows':
      return { ...kernel, nests: all(kernel.nests) as NestKernel[] }
    case 'scan':
      return { ...kernel, read: access(kernel.read), write: access(kernel.write) }
    case 'template':
      return {
        ...kernel,
        args: Object.fromEntries(
          Object.entries(kernel.args).map(([name, a]) => [
            name,
            typeof a === 'object' && 'buffer' in a ? address(a) : a,
          ]),
        ),
        ...(kernel.replaces && { replaces: to(kernel.replaces) }),
      }
    case 'loop': {
      const { condition, index, count, body } = kernel
      return {
        ...kernel,
        ...(condition && { condition: to(condition) }),
        ...(index && { index: to(index) }),
        ...(count && { count: to(count) }),
        body: all(body),
      }
    }
    case 'branch':
      return {
        ...kernel,
        condition: address(kernel.condition),
        then: all(kernel.then),
        otherwise: all(kernel.otherwise),
      }
  }
}

/** `to` for windows too, which move within what their buffers become. */
export function throughWindows(to: (buffer: Buffer) => Buffer): (buffer: Buffer) => Buffer {
  const made = new Map<Buffer, Buffer>()
  const through = (buffer: Buffer): Buffer => {
    const { window } = buffer
    if (!window) return to(buffer)
    const of = through(window.of)
    if (of === window.of) return buffer
    const moved = made.get(buffer) ?? { ...buffer, window: { ...window, of } }
    made.set(buffer, moved)
    return moved
  }
  return through
}
