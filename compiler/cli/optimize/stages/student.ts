import type { Settings } from '../../../config/schema.ts'
import { isWithin } from '../candidate.ts'
import { formFor, formText, quantizedAs } from '../forms.ts'
import type { Search, Stage } from '../stage.ts'
import { trained } from '../trained.ts'
import { bytesOf } from '../../train/module-bytes.ts'
import { isLargeEnough, pruned, pruneSettings } from './pruned.ts'

/** How a student can be made of the model: the first that there is. */
async function studentFor({ subject }: Search) {
  const { CompileError } = await import('../../../index.ts')
  const { studentOf } = await import('../../../compress/student/index.ts')
  for (const student of [{ blocks: 'half' }, { depthwise: true }] as const satisfies NonNullable<Settings['student']>[])
    try {
      return { student, ...studentOf(subject.prepared.model, student) }
    } catch (error) {
      if (!(error instanceof CompileError)) throw error
    }
  return undefined
}

/** Fewer blocks, or cheaper convolutions, and channels as far as that is not enough. */
export const student: Stage = {
  name: 'student',
  what: 'every second block, or depthwise convolutions, trained to answer as the whole model; then integers',
  epochs: pruned.epochs,
  async pointless(search) {
    const enough = isLargeEnough(search)
    if (enough !== undefined) return enough
    return (await studentFor(search))
      ? undefined
      : 'the model has no equal blocks, and no convolutions that can be split'
  },
  async run(search) {
    const { subject, budget, consider } = search
    const { form } = formFor(search)
    const made = (await studentFor(search))!
    const small = await bytesOf(made.model, subject.prepared, subject.data, { quantize: form })
    const isSmall = budget.latency === undefined && small <= (budget.size ?? Infinity)
    const { student } = made
    const settings = {
      ...{ ...subject.settings, student },
      train: { ...subject.settings.train, epochs: search.epochs },
      ...(!isSmall && { prune: pruneSettings(search, search.epochs) }),
    }
    const { model, path, training } = await trained(settings, 'student', search)
    const what = 'blocks' in student ? 'half the blocks' : 'depthwise convolutions'
    const how = `${what}${isSmall ? '' : ' and fewer channels'}, trained with the whole model as teacher`
    const common = { float: path, trainings: [training] }
    const float = await consider({ ...common, name: what, how, source: model })
    if (isWithin(float)) return
    await consider({
      ...{ ...common, form: form!, name: `${what}, ${formText(form!)}`, how: `${how}, then integers` },
      source: await quantizedAs(form!, model, search),
    })
  },
}
