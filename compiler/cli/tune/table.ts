import type { Objective } from '../../config/objectives.ts'
import { shown, type Parameter, type TrialRecord } from '../../tune/index.ts'
import { formatCount } from '../format.ts'
import { percent } from '../train/progress.ts'

/** A minimized value as a person reads it. */
export function valueText(objective: Objective, value: number): string {
  if (objective === 'accuracy') return percent(1 - value)
  if (objective === 'bytes') return `${formatCount(value)} bytes`
  return objective === 'ms' ? `${value.toFixed(3)} ms` : `loss ${value.toFixed(4)}`
}

/** Numbers with as many digits as tell them apart. */
function short(parameter: Parameter, value: number): string {
  return parameter.domain.kind === 'float' ? Number(value.toPrecision(4)).toString() : shown(parameter, value)
}

/** A trial's parameters, `name=value`. */
export const pointText = (point: TrialRecord['point'], space: ReadonlyMap<string, Parameter>): string =>
  Object.entries(point)
    .map(([name, value]) => `${name}=${short(space.get(name)!, value)}`)
    .join(' ')

/** A line for a trial that ended. */
export function trialLine(
  { number, state, values, reason, curve, point }: TrialRecord,
  objectives: readonly Objective[],
  space: ReadonlyMap<string, Parameter>,
  isBest: boolean,
): string {
  const what =
    state === 'complete'
      ? objectives.map((objective, i) => valueText(objective, values![i]!)).join('  ')
      : state === 'stopped'
        ? `stopped after ${curve.length} epochs at ${valueText(objectives[0]!, curve.at(-1)!)}`
        : `${state}: ${reason}`
  return `trial ${`${number}`.padStart(3)}  ${what}  ${pointText(point, space)}${isBest ? '  best' : ''}`
}
