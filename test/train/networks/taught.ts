/** Small networks, and what one learns of another. */
import { type Graph } from '../../../compiler/core/graph.ts'
import {
  losses,
  scoresOf,
  teacherFor,
  trainableNetwork,
  trainedGraph,
  type Distillation,
  type LossName,
  type TrainableModel,
} from '../../../compiler/train/index.ts'
import { sequential, type Layer } from '../../../compiler/train/network/index.ts'
import { Random } from '../../support/random.ts'

export const draws = (count: number, seed: number): number[] => {
  const random = new Random(seed)
  return Array.from({ length: count }, () => 4 * random.float() - 2)
}

export const network = (
  layers: readonly Layer[],
  shape: readonly number[],
  seed = 3,
  loss: LossName = 'cross-entropy',
) => trainableNetwork(sequential(layers), { input: { dtype: 'f32', shape }, activation: losses[loss].activation, seed })

/** A model as it is now, as a teacher. */
export const taughtBy = (student: TrainableModel, teacher: TrainableModel, loss: LossName): Graph => {
  const outputs = [{ name: 'scores', value: scoresOf(teacher, loss) }]
  const values = Object.fromEntries(teacher.parameters.map(({ name, start }) => [name, start.data]))
  return teacherFor(student, loss, trainedGraph({ ...teacher, graph: { ...teacher.graph, outputs } }, values).graph)
    .graph
}

export const distillation = (
  student: TrainableModel,
  teacher: TrainableModel,
  { loss = 'cross-entropy' as LossName, ...more }: Partial<Distillation> & { loss?: LossName } = {},
): Distillation => ({
  teacher: { graph: taughtBy(student, teacher, loss) },
  temperature: 2,
  alpha: 0.5,
  labels: true,
  ...more,
})
