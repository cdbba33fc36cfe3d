import { OperandError } from '../../../core/diagnostics/diagnostic.ts'
import * as f from '../../../core/scalar/formula.ts'
import type { OpContext, Operator } from '../../context.ts'
import { add, known, numberOf, sameDim } from '../../dims.ts'
import { normalizeAxis, range } from '../../shared/axes.ts'

export const concat: Operator = {
  floats: 'moved',
  sized: true,
  strings: true,
  lower: (c: OpContext) => {
    const { b } = c
    const operands = range(0, c.inputs.length).map((i) => c.input(i))
    const axis = normalizeAxis(c, c.opset >= 4 ? c.int('axis') : c.int('axis', 1), c.input(0).type.shape.length)
    const all = operands.map((_, i) => c.dims(i))
    const others = all[0]!.map((dim, i) => (i === axis ? known(0) : dim))
    if (!all.every((dims) => others.every((dim, i) => i === axis || (dims[i] && sameDim(dim, dims[i])))))
      throw new OperandError('the shapes differ beside the axis')
    const whole = b.concatenate(operands, axis)
    const sizes = all.map((dims) => dims[axis]!)
    const dims = others.with(axis, sizes.reduce(add))
    // Padding at the end is where it may be.
    if (sizes.slice(0, -1).every((dim) => numberOf(dim) !== undefined)) return [c.sizedTo(whole, dims)]
    const length = whole.type.shape[axis]!
    let [start, padded] = [known(0), 0]
    const places = sizes.reduce(
      (at, size, k) => {
        const [first, base] = [c.sized.value(b, start), padded]
        start = add(start, size)
        padded += operands[k]!.type.shape[axis]!
        return b.map([at, b.iota('i32', [length], 0), first], (before, i, s) =>
          f.select(f.ge(i!, s!), f.add(f.sub(i!, s!), base), before!),
        )
      },
      b.full(0, 'i32', [length]),
    )
    return [c.sizedTo(b.take(whole, places, axis), dims)]
  },
}
