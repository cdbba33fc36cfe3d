import { afterAll, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { convolutionOf, weightShape, type Form } from '../support/convolution.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { graphOf, inputOf, runModule, runRelaxed } from '../support/run-graph.ts'

const engines = await relaxedEngines(false)
afterAll(() => engines.forEach((engine) => engine.close()))

const b = new Builder(undefined)
const filled = (shape: readonly number[], of: (i: number) => number): Tensor =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: elementCount(shape) }, (_, i) => of(i)),
  )

// Max of a sum and zero is one instruction, which would keep -0.
const cases = [1, 8].flatMap((groups) => ['constant', 'given'].map((bias) => [groups, bias] as const))
it.each(cases)('Relu of sums that are zero gives +0, and keeps NaN: %i groups, a %s bias', async (groups, kind) => {
  const form: Form = { x: [1, 5, 5, 8], kernel: [3, 3], outputs: 8, groups, pad: 1 }
  const x = inputOf('x', 'f32', form.x)
  const weights = b.constant(filled(weightShape(form), () => -1))
  const biases = filled([8], (c) => (c % 2 === 0 ? -0 : 1))
  const given = inputOf('bias', 'f32', [8])
  const bias = b.broadcastInDim(kind === 'given' ? given : b.constant(biases), [1, 5, 5, 8], [3])
  const y = b.map([convolutionOf(x, form, 0, weights), bias], (sum, more) => f.max(f.add(sum, more), 0))
  const compiled = await compileGraph(graphOf(kind === 'given' ? [x, given] : [x], [y]))
  const name = compiled.spec.outputs[0]!.name
  const run = async (values: Tensor): Promise<number[][]> => {
    const inputs = { x: values, ...(kind === 'given' && { bias: biases }) }
    const all = [runModule(compiled.modules.simd!, compiled.spec, inputs)]
    for (const engine of engines) all.push(...(await runRelaxed(engine, compiled, inputs)))
    return all.map((outputs) => [...(outputs[name]!.data as Float32Array)])
  }
  for (const value of [0, -0]) {
    const outputs = await run(filled(form.x, () => value))
    for (const output of outputs) expect(output).toEqual(Array.from({ length: 200 }, (_, i) => i % 2))
  }
  for (const output of await run(filled(form.x, () => NaN))) expect(output.every(Number.isNaN)).toBe(true)
})
