import { quantizedAs } from '../forms.ts'
import type { Candidate } from '../candidate.ts'
import type { Stage } from '../stage.ts'
import { trained } from '../trained.ts'
import { pruned } from './pruned.ts'

/** The same widths as those of a pruned model, trained from nothing for as many epochs. */
export const controlOf = (of: Candidate): Stage => ({
  name: 'control',
  what: 'control: the same widths, trained from nothing for as many epochs',
  epochs: pruned.epochs,
  pointless: () => (of.trainings[0]?.pruning ? undefined : 'nothing was pruned'),
  async run(search) {
    const [{ settings }] = of.trainings as [Candidate['trainings'][number]]
    const { prune } = settings
    const own = { ...settings, prune: { ...prune!, from: 'scratch' as const } }
    const { model, path, training } = await trained(own, 'control', search)
    const { form } = of
    await search.consider({
      ...{ float: path, trainings: [training], isControl: true, ...(form && { form }) },
      ...{ name: `control of ${of.name}`, how: 'the same widths, trained from nothing for as many epochs' },
      source: form ? await quantizedAs(form, model, search) : model,
    })
  },
})
