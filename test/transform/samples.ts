import { expect } from 'vitest'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Graph } from '../../compiler/core/graph.ts'
import { bytesOf, formatType, zeros, type Tensor, type TensorType } from '../../compiler/core/tensor.ts'
import { verify } from '../../compiler/core/verify.ts'
import { batch } from '../../compiler/transform/batch.ts'

export type Tensors = Readonly<Record<string, Tensor>>

/** Tensors of one type behind one another, along a new first axis. */
export function stack(parts: readonly Tensor[]): Tensor {
  const { dtype, shape } = parts[0]!
  const result = zeros(dtype, [parts.length, ...shape])
  const bytes = bytesOf(result)
  parts.forEach((part, i) => bytes.set(bytesOf(part), i * bytesOf(part).length))
  return result
}

/** Inputs of each sample, of which those that are not `batched` are one and the same. */
export function drawSamples(
  graph: Graph,
  size: number,
  batched: ReadonlySet<string>,
  draw: (type: TensorType, name: string) => Tensor,
): Tensors[] {
  const samples = Array.from({ length: size }, (): Record<string, Tensor> => ({}))
  for (const { name, value } of graph.inputs) {
    const shared = draw(value.type, name)
    for (const sample of samples) sample[name] = batched.has(name) ? draw(value.type, name) : shared
  }
  return samples
}

/** The samples as inputs of the batched graph. */
export const stacked = (samples: readonly Tensors[], batched: ReadonlySet<string>): Tensors =>
  Object.fromEntries(
    Object.entries(samples[0]!).map(([name, first]) => [
      name,
      batched.has(name) ? stack(samples.map((sample) => sample[name]!)) : first,
    ]),
  )

const bits = (t: Tensor): unknown => [formatType(t), ...bytesOf(t)]

/** Expects of the batched graph what each sample gives by itself, to the bit. */
export function expectEachSample(graph: Graph, samples: readonly Tensors[], batched: ReadonlySet<string>): void {
  const made = batch(graph, samples.length, batched)
  verify(made.graph)
  const actual = evaluate(made.graph, stacked(samples, batched))
  const expected = samples.map((sample) => evaluate(graph, sample))
  for (const { name, value } of graph.outputs) {
    const each = expected.map((outputs) => outputs[name]!)
    const whole = made.value(value).batched ? stack(each) : each[0]!
    expect(bits(actual[name]!), name).toEqual(bits(whole))
  }
}
