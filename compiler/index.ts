/**
 * attar as a library: what the command line, the bundler plugin and the benchmarks call, and nothing below it. Importing it
 * is cheap; the code generator is loaded by the first `compile`.
 */
import type { Compiled } from './core/artefact.ts'
import type { CompileOptions } from './pipeline.ts'

export {
  abiVersion,
  targets,
  type Compiled,
  type KernelReport,
  type ModuleSpec,
  type PortSpec,
  type Report,
  type Target,
} from './core/artefact.ts'
export {
  codes,
  CompileError,
  fail,
  formatDiagnostic,
  type Code,
  type Diagnostic,
  type Origin,
} from './core/diagnostic.ts'
export { byteSize, isBigInt, isFloat, type DType, type Scalar } from './core/dtype.ts'
export { evaluate, workOf } from './core/evaluate.ts'
export { allNodesOf, nodesOf, type Graph, type Node } from './core/graph.ts'
export { printGraph } from './core/print.ts'
export { elementCount, sameShape, type Shape } from './core/shape.ts'
export {
  bytesOf,
  formatType,
  reader,
  sameType,
  tensorOf,
  toNumbers,
  type Tensor,
  type TensorType,
} from './core/tensor.ts'
export { inspectModule, type Inspection, type Section } from './inspect/index.ts'
export {
  decodeModel,
  decodeStrings,
  decodeTensor,
  type LazyTensor,
  type ModelProto,
  type NodeProto,
  type ValueInfo,
} from './onnx/decode.ts'
export { importModel, type ImportOptions } from './onnx/import.ts'
export { vocabularyOf } from './onnx/strings.ts'
export { artefacts, moduleFile } from './package/index.ts'
export type { CompileOptions } from './pipeline.ts'
export { instantiate, target, type Model, type Output, type View } from '../runtime/index.ts'

/**
 * The WebAssembly modules of an ONNX model, with what stands in them. Throws a CompileError with all diagnostics of the
 * phase that found any.
 */
export async function compile(model: Uint8Array, options: CompileOptions = {}): Promise<Compiled> {
  const pipeline = await import('./pipeline.ts')
  return pipeline.compile(model, options)
}
