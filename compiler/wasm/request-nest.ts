import { formatExpr } from '../core/scalar/expr.ts'
import { planVector } from '../schedule/kernels/vector-plan.ts'
import { accessesOf, normalizeNest } from '../schedule/program/normalize-nest.ts'
import type { Access, NestKernel } from '../schedule/program/program.ts'
import { NestEmitter, type FunctionRequest, type Straight } from './nest.ts'
import { requestTranspose } from './transpose.ts'

const describeAccess = (a: Access): unknown => [
  a.buffer.dtype,
  a.strides,
  (a.indirect ?? []).map((i) => [describeAccess(i.index), i.dtype, i.scale, i.limit]),
]

/** The function of a nest, or undefined where it has nothing to do. Streams' base addresses are its parameters. */
export function requestNest(original: NestKernel, straight: Straight): FunctionRequest | undefined {
  const outputs = original.extents.length - original.reduced
  if (original.extents.slice(0, outputs).includes(0)) return undefined
  const normal = normalizeNest(original)
  const transpose = requestTranspose(normal)
  if (transpose) return transpose
  const plan = planVector(normal)
  const { kernel } = plan
  const accesses = [...kernel.reads, ...kernel.post.reads, kernel.write]
  const flat = accessesOf(kernel)
  const key = JSON.stringify([
    'nest',
    plan.axis,
    kernel.extents,
    kernel.reduced,
    kernel.combine,
    kernel.accumulate,
    kernel.sequential,
    formatExpr(kernel.body),
    formatExpr(kernel.post.expr),
    kernel.reads.length,
    accesses.map(describeAccess),
  ])
  return {
    key,
    params: flat.map(() => 'i32'),
    args: flat.map((a) => ({ buffer: a.buffer, offset: a.offset })),
    build: (f) => new NestEmitter(f, plan, straight).emit(),
  }
}
