import type { TrainableModel } from '../../train/index.ts'
import { setUp } from '../train/run.ts'
import type { Terminal } from '../terminal.ts'
import type { Subject } from './subject.ts'

/** Steps of which the median counts, and those before, in which the engine compiles. */
const [timedSteps, warmSteps] = [9, 3]

class Enough extends Error {}

/** Seconds that an epoch of training the model takes on this machine, by some of its steps. */
export async function epochSeconds({ settings, options }: Subject, terminal: Terminal): Promise<number> {
  const { fit } = await import('../../train/index.ts')
  const { threadedExecutor } = await import('../../threads.ts')
  const { behind, shown, data, fitting } = await setUp(settings, options, terminal)
  const executor = threadedExecutor(settings.train?.workers ?? 1)
  const perEpoch = Math.ceil(shown.count / fitting.batch)
  const times: number[] = []
  let last = 0
  const onStep = (): void => {
    const now = performance.now()
    times.push(now - last)
    last = now
    if (times.length >= Math.min(timedSteps + warmSteps, perEpoch - 1)) throw new Enough()
  }
  terminal.status('measuring a step of training')
  const train = (model: TrainableModel) =>
    fit(model, { train: shown, validation: data.validation }, { ...fitting, epochs: 1 }, executor, { onStep })
  try {
    await train(behind.model)
  } catch (error) {
    if (!(error instanceof Enough)) throw error
  } finally {
    await executor.close()
  }
  const counted = times.slice(Math.min(warmSteps, times.length - 1)).sort((a, b) => a - b)
  return (counted[counted.length >> 1]! * perEpoch) / 1000
}

/** `40 s`, `2.5 min` */
export const secondsText = (seconds: number): string =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${(seconds / 60).toFixed(1)} min`

/** The time that a search may take. */
export class Clock {
  readonly #start = performance.now()
  readonly #limit: number | undefined
  readonly #perEpoch: number

  /** `limit` and `perEpoch` in seconds. */
  constructor(limit: number | undefined, perEpoch: number) {
    ;[this.#limit, this.#perEpoch] = [limit, perEpoch]
  }

  get spent(): number {
    return (performance.now() - this.#start) / 1000
  }

  get left(): number {
    return this.#limit === undefined ? Infinity : Math.max(0, this.#limit - this.spent)
  }

  /** What a training of so many epochs takes at most: smaller models take less. */
  secondsOf(epochs: number): number {
    return epochs * this.#perEpoch
  }

  /** The epochs that fit into the time that is left, `wanted` at most. */
  epochsFor(wanted: number): number {
    return this.#limit === undefined ? wanted : Math.min(wanted, Math.floor(this.left / this.#perEpoch))
  }
}
