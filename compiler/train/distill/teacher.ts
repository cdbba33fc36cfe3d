import { Builder } from '../../core/builder.ts'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import { allNodesOf, applyPatch, createNode, nodesOf, type Graph, type Port, type Value } from '../../core/graph.ts'
import { hash } from '../../core/bytes/hash.ts'
import { printGraph } from '../../core/print.ts'
import { formatType, sameType } from '../../core/tensor.ts'
import { decodeModel } from '../../onnx/decode.ts'
import { importModel, type ImportOptions } from '../../onnx/import.ts'
import { batch } from '../../transform/batch.ts'
import { batchOfOne } from '../model/from-onnx.ts'
import { losses, type LossName } from '../losses/index.ts'
import type { TrainableModel } from '../model/model.ts'
import { predictionOf } from '../model/predictor.ts'
import { flattened, scoreShape, scoresOf } from '../model/scores.ts'

/** A model that another one learns from; its numbers are constants. */
export interface Teacher {
  /** For one sample. Inputs are the data of the model that learns, in its order and by its names; the output is the scores. */
  readonly graph: Graph
}

/** What a student learns of a teacher. */
export interface Distillation {
  readonly teacher: Teacher
  /** Both models' scores are divided by it before they are compared. */
  readonly temperature: number
  /** The share of the loss that compares with the teacher; what is left compares with labels. */
  readonly alpha: number
  /** Without labels, what is right is what the teacher says. */
  readonly labels: boolean
}

/**
 * The teacher in an ONNX model for `student`: inputs are matched by their names, or by their order. Sizes of the teacher's that have only
 * a name become those of the student.
 * @throws CompileError A702 where the two do not go together.
 */
export function importedTeacher(
  bytes: Uint8Array,
  student: TrainableModel,
  loss: LossName,
  options: ImportOptions,
): {
  readonly teacher: Teacher
  readonly metadata: Readonly<Record<string, string>>
  readonly notes: readonly string[]
} {
  const decoded = decodeModel(bytes, options.readExternal)
  const own = dataOf(student)
  const free = decoded.graph.inputs.flatMap(({ name, shape }, i) => {
    const like = (own.find((port) => port.name === name) ?? own[i])?.value.type.shape
    if (shape?.length !== like?.length || !shape?.some((d) => typeof d !== 'number')) return []
    return [[name, shape.map((d, axis) => (typeof d === 'number' ? d : like![axis]!))] as const]
  })
  const { graph, metadata } = importModel(bytes, {
    ...options,
    dims: { ...batchOfOne(decoded), ...options.dims },
    shapes: { ...Object.fromEntries(free), ...options.shapes },
  })
  const { output, scores, activation } = predictionOf(graph)
  const wanted = losses[loss].activation
  if (wanted !== undefined && activation !== undefined && activation !== wanted)
    fail('A702', `the teacher ends in a ${activation}, and the loss ${loss} is for a ${wanted}`)
  const value = wanted === undefined ? output.value : scores
  const teacher = teacherFor(student, loss, { inputs: graph.inputs, outputs: [{ name: 'scores', value }] })
  // What samples cannot share is found now, not in the step.
  batch(teacher.graph, 2)
  const notes =
    loss === 'cross-entropy' && activation === undefined
      ? ['the teacher does not end in a softmax: its output is taken for scores, as they are before one']
      : []
  return { teacher, metadata, notes }
}

/** A graph of one sample as the teacher of `student`; its output is its scores. A702 where the two do not go together. */
export function teacherFor(student: TrainableModel, loss: LossName, graph: Graph): Teacher {
  const data = dataOf(student)
  const { inputs, outputs } = graph
  const listed = (ports: readonly Port[]): string =>
    ports.map(({ name, value }) => `"${name}" ${formatType(value.type)}`).join(', ')
  const byName = data.map(({ name }) => inputs.find((port) => port.name === name))
  const matched = byName.every((port) => port !== undefined) ? byName : inputs
  const fits =
    inputs.length === data.length && matched.every(({ value }, i) => sameType(value.type, data[i]!.value.type))
  if (!fits)
    fail('A702', `the teacher takes ${listed(inputs)}, the model that learns from it ${listed(data)}`, {
      hint: 'both are given the same data: inputs of the same types, with the same names or in the same order',
    })
  const [scores] = outputs as readonly [Port]
  const [own, others] = [scoresOf(student, loss), scores.value].map(({ type }) => scoreShape(type.shape).join(' × '))
  if (own !== others)
    fail('A702', `the teacher gives ${others} scores, the model that learns from it ${own}`, {
      hint: losses[loss].classes ? 'both tell the same classes apart' : 'both give as many values',
    })
  const reached = new Set(nodesOf({ inputs: [], outputs }))
  if (!inputs.some(({ value }) => reached.has(value.node))) fail('A702', 'the teacher says the same of every sample')
  const ports = data.map(({ name, value: { type } }): Port => {
    return { name, value: createNode('input', [], { name, type }, undefined).results[0]! }
  })
  const patch = new Map(matched.map(({ value }, i) => [value, ports[i]!.value]))
  return { graph: { inputs: ports, outputs: applyPatch(graph, patch).outputs } }
}

const dataOf = ({ graph, data }: TrainableModel): Port[] =>
  data.map((name) => graph.inputs.find((port) => port.name === name)!)

/** Scores [N, …] of the samples in `data`, inputs [N, …] in the order of the teacher's. */
export function teacherScores(b: Builder, { graph }: Teacher, data: readonly Value[], size: number): Value {
  const batched = batch(graph, size).graph
  const patch = new Map(batched.inputs.map(({ value }, i) => [value, data[i]!]))
  return flattened(b, applyPatch(batched, patch).outputs[0]!.value)
}

/** A hash of all that the teacher is. */
export function teacherHash({ graph }: Teacher): string {
  const constants = allNodesOf(graph).flatMap((node) => (node.op === 'constant' ? [node.attrs.value.data] : []))
  const bytes = constants.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength))
  return hash([new TextEncoder().encode(printGraph(graph)), ...bytes])
}
