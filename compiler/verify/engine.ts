import { evaluate, fail, importModel, type CompileOptions, type Tensor } from '../index.ts'

import type { Texts } from './instance.ts'

/** Lists of strings by output. */
export type Labels = ReadonlyMap<string, readonly string[]>

export const labelsOf = (outputs: readonly { name: string; labels?: readonly string[] }[]): Labels =>
  new Map(outputs.flatMap(({ name, labels }) => (labels ? [[name, labels] as const] : [])))

/** Runs a model whose inputs and outputs go by name. */
export interface Runner {
  /** What runs it: a module's target, or `reference`. */
  readonly variant: string
  /** Of outputs that are strings: the list that their elements, i32, are places in. */
  readonly labels?: Labels
  /**
   * Of a module with states: makes them what `values` has for them, all others what they start as, and gives all of them by the
   * inputs' names. Runs that follow are steps of one sequence, as long as no other module takes the place.
   */
  readonly begin?: (values?: Readonly<Record<string, Tensor>>) => Promise<Readonly<Record<string, Tensor>>>
  /** Gives also what states became, by the names of the outputs that they are next. */
  readonly run: (inputs: Readonly<Record<string, Tensor>>, strings?: Texts) => Promise<Readonly<Record<string, Tensor>>>
  /** Outputs of the last run that are any strings. */
  readonly texts?: () => Texts
}

/** Brings ONNX models to run. */
export interface Engine {
  /** One runner for each variant of the compiled model. Throws the CompileError of what the model cannot be. */
  prepare(model: Uint8Array, options: CompileOptions): Promise<readonly Runner[]>
}

/** The front end alone: the imported graph under the reference evaluator, without passes and code generation. */
export const referenceEngine: Engine = {
  prepare: async (model, options) => {
    const { graph, names } = importModel(model, options)
    if (names.strings) fail('A203', 'scripts compute with strings, the reference evaluator does not')
    const labels = labelsOf(graph.outputs.map(({ name }) => ({ name, ...names.outputs[name] })))
    return [{ variant: 'reference', labels, run: async (inputs) => evaluate(graph, inputs) }]
  },
}
