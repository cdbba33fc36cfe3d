import { isWithin } from '../candidate.ts'
import { forms, formText, quantizedAs } from '../forms.ts'
import type { Stage } from '../stage.ts'

/** Integers without training. */
export const quantized: Stage = {
  name: 'integers',
  what: 'integers of 8 and 4 bits, without training',
  epochs: () => 0,
  pointless: () => undefined,
  async run(search) {
    const { subject, consider, budget } = search
    for (const form of forms) {
      if (search.signal.aborted) return
      const made = { float: subject.path, trainings: [], form }
      const found = await consider({
        ...made,
        ...{ name: formText(form), how: `weights${form.mode === 'int8' ? ' and activations' : ''} in integers` },
        source: await quantizedAs(form, subject.model, search),
      })
      // Room that is left is given to the layers that integers hurt.
      if (isWithin(found) || found.over.size !== undefined || found.over.latency !== undefined) continue
      await consider({
        ...made,
        ...{ name: `${formText(form)}, mixed`, how: 'integers, but for layers that they hurt' },
        source: await quantizedAs(form, subject.model, search, budget.drop),
      })
    }
  },
}
