/**
 * Replaces what maps make of a byte by a table of all 256 results, evaluated here, and a gather from it.
 * Before: maps are fused. After: a map whose result depends on one byte, be it an operand or a part of the expression, and
 * takes more work from there on than a lookup does, is that lookup; what leads to the byte is a map of its own.
 */
import { Builder } from '../../core/builder.ts'
import { constantOf } from '../../core/evaluate.ts'
import { arg, bitcast, constant, mathOps, parts, replaceParts, substitute, type Expr } from '../../core/scalar/expr.ts'
import { applyPatch, nodesOf, type Graph, type NodeOf, type Value } from '../../core/graph.ts'
import { elementCount, sameShape } from '../../core/shape.ts'
import { tensorOf } from '../../core/tensor.ts'

const isByte = (e: Expr): boolean => e.dtype === 'i8' || e.dtype === 'u8'
const depends = (e: Expr): boolean => parts(e).some((part) => part.kind === 'arg')

/**
 * The least work of formulas that tables pay for, measured: a lookup takes a quarter of a nanosecond for each element, where a
 * formula that ends in bytes takes half of one, and one more for each mathematical function. In the epilogue of a product
 * only what stands between dequantization and quantization is saved, and a pass over memory is added.
 */
const leastWork = 4
const leastWorkInEpilogue = 5
const mathWork = 20

/** Conversions and clamps, of which there are some around every formula. */
const isFree = (e: Expr): boolean =>
  e.kind === 'arg' ||
  e.kind === 'const' ||
  e.kind === 'convert' ||
  (e.kind === 'unary' && e.op === 'round') ||
  (e.kind === 'binary' && (e.op === 'max' || e.op === 'min'))

const isMath = (e: Expr): boolean =>
  (e.kind === 'unary' && (mathOps as readonly string[]).includes(e.op)) || (e.kind === 'binary' && e.op === 'pow')

const workOf = (e: Expr): number =>
  parts(e).reduce((sum, part) => sum + (isFree(part) ? 0 : isMath(part) ? mathWork : 1), 0)

/** The first part of `expr` that is a byte and all that `expr` depends on. */
function onlyByte(expr: Expr): Expr | undefined {
  return parts(expr).find((part) => {
    if (part === expr || !isByte(part) || (part.kind !== 'arg' && part.kind !== 'convert') || !depends(part))
      return false
    const without = replaceParts(expr, (e) => (e === part ? constant(0, part.dtype) : undefined))
    return !depends(without)
  })
}

function lookup(node: NodeOf<'map'>): Value | undefined {
  const { expr } = node.attrs
  const { dtype, shape } = node.results[0]!.type
  if (!['i8', 'u8', 'f32'].includes(dtype)) return undefined
  const byte = onlyByte(expr)
  if (!byte) return undefined
  const formula = replaceParts(expr, (e) => (e === byte ? arg(0, byte.dtype) : undefined))
  const entries = 256
  const size = dtype === 'f32' ? 4 : 1
  const least = byte.kind === 'arg' ? leastWork : leastWorkInEpilogue
  // A table takes the module's bytes: it is not for a few elements.
  if (workOf(formula) < least || elementCount(shape) < entries * size) return undefined
  const b = new Builder(node.origin)
  const x = byte.kind === 'arg' ? node.operands[byte.index]! : b.map(node.operands, () => byte)
  if (!sameShape(x.type.shape, shape)) return undefined
  const bits = b.constant(
    tensorOf(
      'u8',
      [entries],
      Array.from({ length: entries }, (_, i) => i),
    ),
  )
  const results = b.map([bits], (i) => substitute(formula, () => bitcast(i!, byte.dtype)))
  const place = b.map([x], (e) => bitcast(e!, 'u8'))
  const table = constantOf(results)
  return table && b.take(b.constant(table), place, 0)
}

export function tabulate(graph: Graph): Graph {
  const patch = new Map<Value, Value>()
  for (const node of nodesOf(graph)) {
    if (node.op !== 'map') continue
    const [result] = node.results
    const replacement = lookup(node)
    if (replacement) patch.set(result!, replacement)
  }
  return applyPatch(graph, patch)
}
