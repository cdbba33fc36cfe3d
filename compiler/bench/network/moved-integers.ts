/**
 * Operations that move integers of activations, or choose among them, done on what the integers stand for: a quantized model may have them
 * between quantization and dequantization, or behind both.
 */
import { dequantizer, quantizingOf } from '../../core/analysis/dequantized.ts'
import { Builder } from '../../core/builder.ts'
import { constantOf } from '../../core/evaluate.ts'
import { applyPatch, createNode, nodesOf, type Graph, type Node, type Value } from '../../core/graph.ts'
import type { OpName } from '../../core/ops/index.ts'
import { dequantized } from '../../core/scalar/quantization.ts'
import { toNumbers } from '../../core/tensor.ts'

/** Integers q that stand for (q - zero) · scale, and the f32 that they stand for. */
interface Meaning {
  readonly floats: Value
  readonly zero: number
  readonly scale: number
}

/** Operands whose elements the node moves or chooses from; undefined where it does something else. */
function movedOperands({ op, operands, attrs }: Node): readonly Value[] | undefined {
  switch (op) {
    case 'reshape':
    case 'transpose':
    case 'slice':
    case 'broadcast_in_dim':
    case 'gather':
    case 'pad':
      return operands.slice(0, 1)
    case 'concatenate':
      return operands
    case 'reduce':
    case 'reduce_window':
      return ['max', 'min'].includes((attrs as { readonly kind: string }).kind) ? operands : undefined
    default:
      return undefined
  }
}

function meaningOf(value: Value, known: ReadonlyMap<Value, Meaning>): Meaning | undefined {
  const { node } = value
  const b = new Builder(node.origin)
  const real = (q: Value, scale: number, zero: number): Value =>
    b.map([q, b.scalar(scale, 'f32'), b.scalar(zero, q.type.dtype)], (e, s, z) => dequantized(e!, s!, z!))
  const made = quantizingOf(value)
  if (made) return { floats: real(value, made.scale, made.zero), zero: made.zero, scale: made.scale }
  const moved = movedOperands(node)
  const [first, ...others] = moved?.map((operand) => known.get(operand)) ?? []
  if (!moved || !first || others.some((one) => one?.scale !== first.scale || one.zero !== first.zero)) return undefined
  const { scale, zero } = first
  const filler = node.op === 'pad' ? constantOf(node.operands[1]!) : undefined
  if (node.op === 'pad' && !filler) return undefined
  const operands = node.operands.map((operand) => {
    if (moved.includes(operand)) return known.get(operand)!.floats
    return filler ? b.scalar((toNumbers(filler)[0]! - zero) * scale, 'f32') : operand
  })
  return { floats: createNode<OpName>(node.op, operands, node.attrs, node.origin).results[0]!, zero, scale }
}

export function movedInFloats(graph: Graph): Graph {
  const known = new Map<Value, Meaning>()
  const dequantizedOf = dequantizer()
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    const [value] = node.results
    const meaning = value && meaningOf(value, known)
    if (meaning) known.set(value, meaning)
    const stored = node.op === 'map' ? dequantizedOf(value!) : undefined
    const moved = stored && !quantizingOf(stored.q) ? known.get(stored.q) : undefined
    if (!moved || moved.zero !== stored!.zero) continue
    const scales = constantOf(stored!.scale)
    if (scales && toNumbers(scales).every((scale) => scale === moved.scale)) patch.set(value!, moved.floats)
  }
  return applyPatch(graph, patch)
}
