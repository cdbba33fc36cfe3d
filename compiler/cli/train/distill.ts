import { classNames } from '../processing/class-names.ts'
import type { Settings } from '../../config/schema.ts'
import type { Distillation, LossName, TrainableModel } from '../../train/index.ts'
import { importOptions, type ShapeOptions } from '../options.ts'
import type { Splits } from './data.ts'
import type { Prepared } from './prepare.ts'

/** What a model learns of its teacher, and what the teacher says of itself. */
export interface Distilling {
  readonly distillation: Distillation
  readonly metadata: Readonly<Record<string, string>>
  /** The names of its classes, where it has them. */
  readonly classes: readonly string[] | undefined
  readonly notes: readonly string[]
}

/** The teacher that settings name: without one it is the model as it is before. A702 where it does not go with `student`. */
export async function distillingOf(
  { distill, model, prune, student: changed }: Settings,
  options: ShapeOptions,
  student: TrainableModel,
  loss: LossName,
): Promise<Distilling | undefined> {
  if (!distill) return undefined
  const { fail } = await import('../../index.ts')
  const { readFile } = await import('../../data/index.ts')
  const { importedTeacher, losses } = await import('../../train/index.ts')
  const path = distill.teacher ?? model
  if (path === undefined)
    return fail('A702', 'distill: a network needs a teacher', { hint: "distill: { teacher: 'teacher.onnx' }" })
  if (distill.labels === false && path === model && !changed && prune?.importance === 'taylor')
    fail('A702', "prune: importance 'taylor' goes by gradients, and a model that says what its teacher says has none", {
      hint: "importance: 'l2' goes by weights",
    })
  // What the command line says of shapes is of the model; the teacher takes those of its student.
  const imported = await importOptions(path, path === model ? options : {})
  const { teacher, metadata, notes } = await ofTeacher(() => importedTeacher(readFile(path), student, loss, imported))
  const temperature = distill.temperature ?? (losses[loss].activation === undefined ? 1 : 2)
  const { labels = true, alpha = labels ? 0.5 : 1 } = distill
  return { distillation: { teacher, temperature, alpha, labels }, metadata, classes: await classNames(metadata), notes }
}

/** What `body` finds wrong is said to be of the teacher: there is another model besides. */
async function ofTeacher<T>(body: () => T): Promise<T> {
  const { CompileError } = await import('../../index.ts')
  try {
    return body()
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    const named = ({ message }: { message: string }): string =>
      message.startsWith('the teacher') ? message : `the teacher: ${message}`
    throw new CompileError(error.diagnostics.map((d) => ({ ...d, message: named(d) })))
  }
}

/** A702 where the teacher was made for other data than what is read: other classes, or other preprocessing. */
export async function checkTeacherData(
  { distilling }: Pick<Prepared, 'distilling'>,
  { classes, preprocess }: Splits,
): Promise<void> {
  if (!distilling) return
  const { fail, preprocessKey } = await import('../../index.ts')
  const { parsePreprocess } = await import('../../data/index.ts')
  const { classes: own, metadata } = distilling
  if (own && classes && own.join('\n') !== classes.join('\n'))
    fail('A702', `the teacher has the classes ${own.join(', ')}, the data ${classes.join(', ')}`, {
      hint: 'both need the same ones in the same order',
    })
  const stored = metadata[preprocessKey]
  if (stored === undefined || !preprocess) return
  const used: Readonly<Record<string, unknown>> = { ...preprocess }
  const differing = Object.entries(parsePreprocess(stored, 'the teacher’s metadata'))
    .filter(([field, value]) => !sameSetting(value, used[field]))
    .map(([field, value]) => `${field} ${JSON.stringify(value)}, not ${JSON.stringify(used[field])}`)
  if (differing.length > 0)
    fail('A702', `the teacher was made for data prepared in another way: ${differing.join('; ')}`, {
      hint: 'preprocess in the configuration says how: both are given the same inputs',
    })
}

/** Whether both mean the same: one number stands for as many as there are channels. */
function sameSetting(expected: unknown, used: unknown): boolean {
  const [wanted, found] = [[expected].flat(), [used].flat()]
  return found.every((value, i) => value === (wanted.length === 1 ? wanted[0] : wanted[i]))
}
