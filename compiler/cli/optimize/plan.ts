import { formatCount, formatTable } from '../format.ts'
import { bytesOf } from '../train/module-bytes.ts'
import { forms, formText } from './forms.ts'
import { secondsText } from './clock.ts'
import type { Search } from './stage.ts'
import { stages } from './stages/index.ts'

/** What a search would do. */
export interface Plan {
  readonly samples: { readonly train: number; readonly validation: number; readonly test?: number }
  /** Bytes of modules of the model as it is, which are known before anything is done. */
  readonly bytes: readonly { readonly what: string; readonly bytes: number }[]
  readonly stages: readonly {
    readonly stage: string
    readonly what: string
    readonly epochs: number
    /** At most: smaller models take less. */
    readonly seconds: number
  }[]
}

export const isPlan = (value: object): value is Plan => 'stages' in value

/** What the search would do, by the time that a step of training takes here. */
export async function planOf({ subject, epochs, clock, terminal }: Search): Promise<Plan> {
  const { prepared, data } = subject
  const size = async (what: string, quantize?: (typeof forms)[number]) => {
    terminal.status(`compiling, ${what}`)
    return { what, bytes: await bytesOf(prepared.model, prepared, data, { quantize }) }
  }
  const bytes = [await size('as it is')]
  for (const form of forms) bytes.push(await size(formText(form), form))
  return {
    samples: {
      ...{ train: data.train.count, validation: data.validation.count },
      ...(data.test && { test: data.test.count }),
    },
    bytes,
    stages: stages.map((stage) => ({
      ...{ stage: stage.name, what: stage.what, epochs: stage.epochs(epochs) },
      seconds: clock.secondsOf(stage.epochs(epochs)),
    })),
  }
}

const time = (seconds: number): string => (seconds === 0 ? 'seconds' : secondsText(seconds))

export function planLines({ bytes, stages, samples }: Plan): string[] {
  const total = stages.reduce((sum, { seconds }) => sum + seconds, 0)
  return [
    `${formatCount(samples.train)} samples to train on, ${formatCount(samples.validation)} to choose by${samples.test === undefined ? '' : `, ${formatCount(samples.test)} to score at the end`}`,
    '',
    ...formatTable([['module', 'bytes'], ...bytes.map(({ what, bytes }) => [what, formatCount(bytes)])]),
    '',
    ...formatTable([
      ['stage', 'epochs', 'at most', ''],
      ...stages.map(({ stage, epochs, seconds, what }) => [
        stage,
        epochs === 0 ? '' : `${epochs}`,
        time(seconds),
        what,
      ]),
    ]),
    '',
    `in this order, until the budget holds: ${time(total)} at most, and as much again as the stage of channels for its control`,
  ]
}
