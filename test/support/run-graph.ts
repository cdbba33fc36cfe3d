import { expect } from 'vitest'
import type { Compiled, ModuleSpec, PortSpec } from '../../compiler/core/artefact/artefact.ts'
import { fromBytes, isBigInt, isFloat, type DType } from '../../compiler/core/scalar/dtype.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { createNode, type Graph, type Value } from '../../compiler/core/graph.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { bytesOf, reader, writer, zeros, type Tensor } from '../../compiler/core/tensor.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { jobOf } from './engines/jobs.ts'
import type { Random } from './random.ts'
import type { RelaxedEngine } from './engines/relaxed-engines.ts'

export function inputOf(name: string, dtype: DType, shape: readonly number[]): Value {
  return createNode('input', [], { name, type: { dtype, shape } }, undefined).results[0]!
}

export function graphOf(inputs: readonly Value[], outputs: readonly Value[]): Graph {
  return {
    inputs: inputs.map((value) => ({ name: value.node.op === 'input' ? value.node.attrs.name : '', value })),
    outputs: outputs.map((value, i) => ({ name: `y${i}`, value })),
  }
}

/** Runs a module on tensors, in memory that is not zeroed any more: what counts is the run after another. */
export function runModule(
  wasm: Uint8Array,
  spec: ModuleSpec,
  inputs: Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  const instance = new WebAssembly.Instance(new WebAssembly.Module(wasm as BufferSource), {})
  const { memory, run } = instance.exports as { memory: WebAssembly.Memory; run: () => void }
  const all = new Uint8Array(memory.buffer)
  for (let i = 0; i < 2; i++) {
    for (const port of spec.inputs) all.set(bytesOf(inputs[port.name]!), port.address)
    run()
  }
  return Object.fromEntries(
    spec.outputs.map(({ name, dtype, shape, address }) => [
      name,
      { dtype, shape, data: fromBytes(dtype, all.subarray(address), elementCount(shape)) },
    ]),
  )
}

/** Small values: floats of both signs, integers from 0 to 8, far from overflow. */
export function randomTensor(random: Random, dtype: DType, shape: readonly number[]): Tensor {
  const result = zeros(dtype, shape)
  const write = writer(result)
  for (let i = 0; i < result.data.length; i++) {
    if (dtype === 'bool') write(i, random.int(2))
    else if (isFloat(dtype)) write(i, Math.fround((random.float() - 0.5) * 4))
    else write(i, isBigInt(dtype) ? BigInt(random.int(9)) : random.int(9))
  }
  return result
}

/** Expects equal types and elements within absolute + relative tolerance; integers and booleans exactly. */
export function expectClose(actual: Tensor, expected: Tensor, tolerance = 1e-4): void {
  expect([actual.dtype, ...actual.shape]).toEqual([expected.dtype, ...expected.shape])
  const a = reader(actual)
  const b = reader(expected)
  for (let i = 0; i < expected.data.length; i++) {
    const x = a(i)
    const y = b(i)
    if (Object.is(x, y) || x === y) continue
    const close = isFloat(expected.dtype) && Math.abs(Number(x) - Number(y)) <= tolerance * (1 + Math.abs(Number(y)))
    if (!close) expect.fail(`element ${i} is ${x}, not ${y}`)
  }
}

/** What the engine gives for the module with relaxed SIMD, whatever its memory held. */
export async function runRelaxed(
  engine: RelaxedEngine,
  compiled: Compiled,
  inputs: Readonly<Record<string, Tensor>>,
): Promise<Record<string, Tensor>[]> {
  const runs = await engine.run(jobOf(compiled, 'relaxed-simd', inputs))
  const tensorOf = ({ dtype, shape }: PortSpec, bytes: Uint8Array): Tensor => ({
    ...{ dtype, shape },
    data: fromBytes(dtype, bytes, elementCount(shape)),
  })
  return runs.map((outputs) =>
    Object.fromEntries(compiled.spec.outputs.map((port, i) => [port.name, tensorOf(port, outputs[i]!)])),
  )
}

/** Compiles the graph and expects of its baseline module, and of the relaxed one on each of `engines`, what the evaluator gives. */
export async function expectModulesEqualEvaluated(
  graph: Graph,
  inputs: Readonly<Record<string, Tensor>>,
  engines: readonly RelaxedEngine[],
  tolerance?: number,
): Promise<void> {
  const expected = Object.entries(evaluate(graph, inputs))
  const compiled = await compileGraph(graph, engines.length > 0 ? {} : { targets: ['simd'] })
  const actual = [runModule(compiled.modules.simd!, compiled.spec, inputs)]
  for (const engine of engines) actual.push(...(await runRelaxed(engine, compiled, inputs)))
  for (const outputs of actual) for (const [name, value] of expected) expectClose(outputs[name]!, value, tolerance)
}

/** The same on random inputs; without `engines` of the baseline module alone. */
export async function expectCompiledEqualsEvaluated(
  graph: Graph,
  random: Random,
  tolerance?: number,
  engines: readonly RelaxedEngine[] = [],
): Promise<void> {
  const inputs = Object.fromEntries(
    graph.inputs.map(({ name, value }) => [name, randomTensor(random, value.type.dtype, value.type.shape)]),
  )
  await expectModulesEqualEvaluated(graph, inputs, engines, tolerance)
}
