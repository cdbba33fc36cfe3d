import { evaluate, importModel, type CompileOptions, type Tensor } from '../index.ts'

/** Runs a model whose inputs and outputs go by name. */
export interface Runner {
  /** What runs it: a module's target, or `reference`. */
  readonly variant: string
  readonly run: (inputs: Readonly<Record<string, Tensor>>) => Promise<Readonly<Record<string, Tensor>>>
}

/** Brings ONNX models to run. */
export interface Engine {
  /** One runner for each variant of the compiled model. Throws the CompileError of what the model cannot be. */
  prepare(model: Uint8Array, options: CompileOptions): Promise<readonly Runner[]>
}

/** The front end alone: the imported graph under the reference evaluator, without passes and code generation. */
export const referenceEngine: Engine = {
  prepare: async (model, options) => {
    const { graph } = importModel(model, options)
    return [{ variant: 'reference', run: async (inputs) => evaluate(graph, inputs) }]
  },
}
