import type { Candidate } from '../candidate.ts'
import { formText } from '../forms.ts'
import type { Search, Stage } from '../stage.ts'
import { trained } from '../trained.ts'

/** The share of a training's epochs that integers are trained for: they are nearly there. */
const share = 1 / 2

const epochsOf = (epochs: number): number => Math.max(1, Math.round(epochs * share))

/** Integers that are small and fast enough but not right often enough: those that lose least. */
function nearest({ tried }: Search): Candidate | undefined {
  const near = tried.filter(
    ({ form, over, isControl }) => form && !isControl && over.size === undefined && over.latency === undefined,
  )
  return near.length === 0 ? undefined : near.reduce((a, b) => (b.accuracy.drop < a.accuracy.drop ? b : a))
}

/** Training with the integers that the model is stored in. */
export const integers: Stage = {
  name: 'trained integers',
  what: 'the nearest of them, trained with the integers that it is stored in',
  epochs: epochsOf,
  pointless: (search) => (nearest(search) ? undefined : 'no model in integers is within the limits of size and time'),
  async run(search) {
    const { subject, consider } = search
    const { form, float, name, trainings } = nearest(search)!
    const settings = {
      ...subject.settings,
      model: float,
      distill: { ...subject.settings.distill, teacher: subject.path },
      quantize: { ...form, epochs: epochsOf(search.epochs) },
    }
    const { model, path, training } = await trained(settings, 'trained-integers', search)
    await consider({
      ...{ float: path, trainings: [...trainings, training] },
      ...{ name: `${name}, trained`, how: `trained with the integers (${formText(form!)}) that it is stored in` },
      source: model,
    })
  },
}
