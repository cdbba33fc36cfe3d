import type { Settings } from '../../../config/schema.ts'
import { isWithin } from '../candidate.ts'
import { formFor, formText, quantizedAs } from '../forms.ts'
import type { Search, Stage } from '../stage.ts'
import { trained } from '../trained.ts'

/** Rounds in which channels go, and the share of a training's epochs that is between two. */
const [rounds, between] = [3, 1 / 5]

const betweenEpochs = (epochs: number): number => Math.max(1, Math.round(epochs * between))

/** How much less than what follows from the whole model's time is aimed for: narrow layers are slower for what they do. */
const aim = 0.85

/** How `attar train` is told to bring the model within the budget, by the integers that it will be stored in. */
export function pruneSettings(search: Search, epochs: number): NonNullable<Settings['prune']> {
  const { budget } = search
  const { form, ms } = formFor(search)
  const share = budget.latency === undefined ? 0 : 1 - (aim * budget.latency) / ms
  return {
    ...(budget.size !== undefined && { size: budget.size, quantize: form }),
    ...(share > 0 && { macs: share }),
    ...{ steps: rounds, epochs: betweenEpochs(epochs) },
  }
}

/** Where integers alone are small and fast enough, fewer channels do not help. */
export function isLargeEnough(search: Search): string | undefined {
  const { over } = formFor(search)
  if (over.size !== undefined || over.latency !== undefined) return undefined
  return 'integers alone are within the limits of size and time'
}

const how = 'channels removed in three rounds, trained with the whole model as teacher'

/** Fewer channels, and what is left learns from the whole model beside the labels. */
export const pruned: Stage = {
  name: 'channels',
  what: 'fewer channels, trained to answer as the whole model; then integers',
  epochs: (epochs) => epochs + (rounds - 1) * betweenEpochs(epochs),
  pointless: isLargeEnough,
  async run(search) {
    const { subject, consider } = search
    const { form } = formFor(search)
    const settings = {
      ...subject.settings,
      train: { ...subject.settings.train, epochs: search.epochs },
      prune: pruneSettings(search, search.epochs),
    }
    const { model, path, training } = await trained(settings, 'channels', search)
    const made = { float: path, trainings: [training] }
    const float = await consider({
      ...made,
      ...{ name: 'fewer channels', how },
      source: model,
    })
    if (isWithin(float)) return
    await consider({
      ...{ ...made, form: form! },
      ...{ name: `fewer channels, ${formText(form!)}`, how: `${how}, then integers without training` },
      source: await quantizedAs(form!, model, search),
    })
  },
}
