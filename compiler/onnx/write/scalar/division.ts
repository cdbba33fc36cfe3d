/** Division of integers: truncating, 0 by 0, and wrapping for the lowest by -1, where ONNX and runtimes know no result. */
import { isSigned } from '../../../core/scalar/dtype.ts'
import { reader } from '../../../core/tensor.ts'
import type { Emitter } from '../emitter.ts'
import { storedIn, type Edge } from '../graph.ts'

/** Which divisors there can be that no runtime may divide by. */
function dangers(b: Edge): { zero: boolean; minus: boolean } {
  const tensor = storedIn(b)
  const among = (value: number): boolean => {
    if (!tensor) return true
    const read = reader(tensor)
    return Array.from({ length: tensor.data.length }, (_, i) => Number(read(i))).includes(value)
  }
  return { zero: among(0), minus: isSigned(b.type.dtype) && among(-1) }
}

/** The divisor with 1 where it is 0 or -1, and where that is. */
function safe(e: Emitter, b: Edge) {
  const { dtype } = b.type
  const at = (value: number): Edge => e.elementwise('Equal', [b, e.scalar(value, dtype)], 'bool')
  const found = dangers(b)
  const zero = found.zero ? at(0) : undefined
  const minus = found.minus ? at(-1) : undefined
  const wrong = zero && minus ? e.elementwise('Or', [zero, minus]) : (zero ?? minus)
  return { zero, minus, divisor: wrong ? e.where(wrong, e.scalar(1, dtype), b) : b }
}

export function quotient(e: Emitter, a: Edge, b: Edge): Edge {
  const { dtype } = b.type
  const { zero, minus, divisor } = safe(e, b)
  const divided = e.elementwise('Div', [a, divisor])
  const signed = minus ? e.where(minus, e.elementwise('Neg', [a]), divided) : divided
  return zero ? e.where(zero, e.scalar(0, dtype), signed) : signed
}

/** With the sign of the dividend. Mod would go by way of floats. */
export function remainder(e: Emitter, a: Edge, b: Edge): Edge {
  const { divisor } = safe(e, b)
  const whole = e.elementwise('Mul', [e.elementwise('Div', [a, divisor]), divisor])
  return e.elementwise('Sub', [a, whole])
}
