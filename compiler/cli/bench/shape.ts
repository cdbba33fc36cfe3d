import type { BenchModel } from '../../bench/index.ts'
import type { Report } from '../../index.ts'
import type { ShapeOptions } from '../options.ts'
import type { Terminal } from '../terminal.ts'

/**
 * A compiled model as it is measured: of several shapes at the one that `shape` names, or the one with the largest inputs, which is told. A501 where
 * the model was not compiled for such a shape.
 */
export async function atShape(
  model: BenchModel,
  { shape = {} }: Pick<ShapeOptions, 'shape'>,
  terminal: Terminal,
): Promise<BenchModel> {
  const { elementCount, fail, formatType, sameShape, signaturesOf } = await import('../../index.ts')
  const { spec, work } = model
  const all = signaturesOf(spec)
  const described = (at: number): string =>
    all[at]!.inputs.map((port) => `"${port.name}" ${formatType(port)}`).join(', ')
  const fitting = [...all.keys()].filter((at) =>
    Object.entries(shape).every(([name, dims]) =>
      all[at]!.inputs.some((port) => port.name === name && sameShape(port.shape, dims)),
    ),
  )
  const elements = (at: number): number => all[at]!.inputs.reduce((sum, port) => sum + elementCount(port.shape), 0)
  const [first, ...others] = fitting
  if (first === undefined)
    return fail(
      'A501',
      `--shape: the module takes no such inputs; it takes ${all.map((_, i) => described(i)).join(' or ')}`,
    )
  if (!spec.signatures) return model
  const at = others.reduce((largest, each) => (elements(each) > elements(largest) ? each : largest), first)
  if (others.length > 0)
    terminal.err(`the module has ${all.length} shapes; measured is ${described(at)}: --shape takes another`)
  const { signatures } = (work ?? {}) as Partial<Pick<Report, 'signatures'>>
  return { ...model, spec: { ...spec, ...all[at]! }, work: signatures?.[at] ?? (at === 0 ? work : null) }
}
