import type { NodeOf } from '../../core/graph.ts'
import type { WindowAxis } from '../../core/ops/window.ts'

/**
 * The positions along one axis that meet the same taps of a transposed convolution: every `every`th from `first` on. They
 * are a convolution of their own, whose kernel is every `every`th tap from `tap` on, over the input as it is.
 */
export interface Phase {
  readonly first: number
  readonly tap: number
  readonly every: number
  readonly count: number
  readonly window: WindowAxis
}

function axisPhases(window: WindowAxis, input: number, output: number): Phase[] | undefined {
  const { size, stride, dilation, low, baseDilation: every } = window
  if (every === 1) return [{ first: 0, tap: 0, every: 1, count: output, window }]
  if (stride !== 1 || dilation !== 1 || size < every || output < every) return undefined
  return Array.from({ length: every }, (_, first) => {
    // Position first + j · every meets tap k where first + k - low is a multiple of `every`.
    const tap = (((low - first) % every) + every) % every
    const taps = Math.ceil((size - tap) / every)
    const count = Math.ceil((output - first) / every)
    const before = (low - first - tap) / every
    const high = count - 1 + taps - input - before
    return { first, tap, every, count, window: { ...window, size: taps, low: before, high, baseDilation: 1 } }
  })
}

/**
 * A transposed convolution as convolutions: all combinations of phases, one phase for each spatial axis. Undefined where
 * there is nothing to take apart, or a phase would be empty.
 */
export function phasesOf(node: NodeOf<'convolution'>): Phase[][] | undefined {
  const { window, lhs, out } = node.attrs
  if (window.every((w) => w.baseDilation === 1)) return undefined
  const input = node.operands[0]!.type.shape
  const output = node.results[0]!.type.shape
  let combinations: Phase[][] = [[]]
  for (const [i, axis] of window.entries()) {
    const phases = axisPhases(axis, input[lhs.spatial[i]!]!, output[out.spatial[i]!]!)
    if (!phases) return undefined
    combinations = combinations.flatMap((head) => phases.map((phase) => [...head, phase]))
  }
  return combinations
}
