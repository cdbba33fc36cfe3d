import { Builder } from '../../../core/builder.ts'
import type { NodeOf } from '../../../core/graph.ts'
import { sliceAccess } from '../../program/access.ts'
import { convolutionBorders } from '../../memory/border.ts'
import { lazyPending, pendingOf, type Pending } from '../lazy.ts'
import type { Phase } from '../../kernels/phases.ts'
import { originOf, type Scheduler } from '../scheduler.ts'
import { slice } from '../views.ts'

type Convolution = NodeOf<'convolution'>

/**
 * A transposed convolution without the zeros between its elements: each phase is a convolution with some of the taps,
 * and its results go in between those of the others.
 */
export function transposedConvolution(
  s: Scheduler,
  node: Convolution,
  combinations: readonly Phase[][],
  lowerConvolution: (s: Scheduler, node: Convolution) => void,
): void {
  const [result] = node.results
  const { rhs, out } = node.attrs
  const [x, w] = node.operands
  const b = new Builder(node.origin)
  // One copy of the input, if it takes one, has the borders that all phases want.
  s.forceBordered(x!, convolutionBorders(node.attrs, combinations))
  if (!s.dequantizedOf(w!)) s.force(w!)
  const pendings = combinations.map((phases): { pending: Pending; phases: readonly Phase[] } => {
    const start = w!.type.shape.map((_, axis) => phases[rhs.spatial.indexOf(axis)]?.tap ?? 0)
    const steps = w!.type.shape.map((_, axis) => phases[rhs.spatial.indexOf(axis)]?.every ?? 1)
    const shape = w!.type.shape.map((d, axis) => phases[rhs.spatial.indexOf(axis)]?.window.size ?? d)
    const taps = b.slice(w!, start, shape, steps)
    if (taps !== w) slice(s, taps.node as NodeOf<'slice'>)
    const attrs = { ...node.attrs, window: phases.map((phase) => phase.window) }
    const part = b.convolution(x!, taps, attrs)
    lowerConvolution(s, part.node as Convolution)
    return { pending: pendingOf(s.lazy(part))!, phases }
  })
  const { shape } = result!.type
  const pending: Pending = {
    type: result!.type,
    emit: (post, write, nodes) => {
      for (const { pending, phases } of pendings) {
        const start = shape.map((_, axis) => phases[out.spatial.indexOf(axis)]?.first ?? 0)
        const steps = shape.map((_, axis) => phases[out.spatial.indexOf(axis)]?.every ?? 1)
        const part = (access: typeof write): typeof write => sliceAccess(access, start, steps)
        pending.emit({ expr: post.expr, reads: post.reads.map(part) }, part(write), nodes)
      }
    },
  }
  s.define(result!, lazyPending(pending, originOf(node)))
}
