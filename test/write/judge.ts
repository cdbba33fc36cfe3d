import { expect } from 'vitest'
import { evaluate } from '../../compiler/core/evaluate.ts'
import type { Graph } from '../../compiler/core/graph.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import type { Tensor } from '../../compiler/core/tensor.ts'
import { decodeModel } from '../../compiler/onnx/decode.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { writeModel, type WriteOptions } from '../../compiler/onnx/write/index.ts'
import { openReference } from '../../compiler/verify/onnxruntime.ts'
import type { Random } from '../support/random.ts'
import { expectClose, randomTensor } from '../support/run-graph.ts'

export const noFiles = (): never => {
  throw new Error('the model has no files')
}

/** What onnxruntime-web makes of a model. */
export async function runByOnnxruntime(
  model: Uint8Array,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>> {
  const session = await openReference(model, noFiles)
  try {
    return await session.run(inputs)
  } finally {
    await session.close()
  }
}

export const randomInputs = (graph: Graph, random: Random): Record<string, Tensor> =>
  Object.fromEntries(
    graph.inputs.map(({ name, value }) => [name, randomTensor(random, value.type.dtype, value.type.shape)]),
  )

/** Writes the graph, and expects of onnxruntime-web and of the model read again what the evaluator makes of it. */
export async function expectWritten(
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
  { tolerance = 0, ...options }: WriteOptions & { tolerance?: number; expected?: Record<string, Tensor> } = {},
): Promise<Uint8Array> {
  const model = writeModel(graph, options)
  expectLegalWindows(model)
  const expected = options.expected ?? evaluate(graph, inputs)
  const again = evaluate(importModel(model, { shapes: shapesOf(inputs) }).graph, inputs)
  for (const [name, value] of Object.entries(expected)) expectClose(again[name]!, value, tolerance)
  const judged = await runByOnnxruntime(model, inputs)
  for (const [name, value] of Object.entries(expected)) expectClose(judged[name]!, value, tolerance)
  return model
}

/** Runtimes may take windows that ONNX does not. */
function expectLegalWindows(model: Uint8Array): void {
  for (const { operator, attributes } of decodeModel(model).graph.nodes) {
    const list = (name: string): number[] => {
      const found = attributes.get(name)
      return found?.kind === 'ints' ? [...found.value.numbers()] : []
    }
    expect(list('pads').every((n) => n >= 0)).toBe(true)
    if (operator !== 'ConvTranspose') continue
    const strides = list('strides')
    expect(list('output_padding').every((n, i) => n >= 0 && n < strides[i]!)).toBe(true)
  }
}

/** A dimension of 0 would stand for one that is not known. */
const shapesOf = (inputs: Readonly<Record<string, Tensor>>): Record<string, readonly number[]> =>
  Object.fromEntries(
    Object.entries(inputs).flatMap(([name, { shape }]) => (elementCount(shape) === 0 ? [[name, shape] as const] : [])),
  )
