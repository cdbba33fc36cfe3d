import type { Epoch, Score, StepEvent } from '../../train/index.ts'
import { formatCount } from '../format.ts'
import type { Terminal } from '../terminal.ts'

export const percent = (share: number): string => `${(share * 100).toFixed(2)} %`

type Interval = readonly [low: number, high: number]

/** What a score comes to, as text, with the 95 % intervals of its shares. */
export function scoreText(score: Score & { interval?: Interval; agreementInterval?: Interval }): string {
  const { loss, accuracy, agreement, interval, agreementInterval } = score
  const share = (value: number | undefined, what: string, sure: Interval | undefined): string[] =>
    value === undefined
      ? []
      : [`${percent(value)} ${what}${sure ? ` (95 % interval ${sure.map(percent).join(' to ')})` : ''}`]
  return [
    `loss ${loss.toFixed(4)}`,
    ...share(accuracy, 'right', interval),
    ...share(agreement, 'agreement with the teacher', agreementInterval),
  ].join(', ')
}

const minutes = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${Math.floor(seconds % 60)
    .toString()
    .padStart(2, '0')}`

/** Tells how a training goes on: a line while it works, and one for each epoch that stays. */
export function progressOn(terminal: Terminal, epochs: number, say: (line: string) => void) {
  const start = performance.now()
  let first: number | undefined
  let [samples, lost, since] = [0, 0, start]
  return {
    step({ epoch, step, steps, loss, samples: count }: StepEvent): void {
      first ??= step - 1
      samples += count
      lost = lost === 0 ? loss : lost + (loss - lost) / 50
      const seconds = (performance.now() - start) / 1000
      const left = (seconds / (step - first)) * (steps - step)
      terminal.status(
        `epoch ${epoch + 1}/${epochs}  step ${step}/${steps}  loss ${lost.toFixed(4)}  ${formatCount(Math.round(samples / ((performance.now() - since) / 1000)))} samples/s  ${minutes(left)} left`,
      )
    },
    epoch({ epoch, train, validation }: Epoch, isBest: boolean): void {
      const score = ({ loss, accuracy, agreement }: Score): string =>
        `loss ${loss.toFixed(4)}${accuracy === undefined ? '' : `, ${percent(accuracy)}`}${agreement === undefined ? '' : `, agreement ${percent(agreement)}`}`
      const rate = formatCount(Math.round(samples / ((performance.now() - since) / 1000)))
      say(
        `epoch ${`${epoch + 1}`.padStart(`${epochs}`.length)}/${epochs}  train: ${score(train)}  validation: ${score(validation)}  ${rate} samples/s${isBest ? '  best' : ''}`,
      )
      ;[samples, since] = [0, performance.now()]
    },
  }
}
