import { basename } from 'node:path'
import type { Objective } from '../../config/objectives.ts'
import type { SearchContent } from '../../report/search.ts'
import type { ParameterTrials } from '../../report/plots/parameters.ts'
import { scoreText } from '../train/progress.ts'
import { comparisonLine, finalLines, type Comparison, type Final } from './finals.ts'
import { valueText } from './table.ts'

/** A trial as the report of a search has it. */
interface ReportedTrial {
  readonly number: number
  readonly parameters: Readonly<Record<string, unknown>>
  readonly state: string
  readonly curve: readonly number[]
  readonly values?: readonly number[]
  readonly reason?: string
}

export interface SearchReport {
  readonly objectives: readonly Objective[]
  readonly best: number
  readonly front: readonly number[]
  readonly finals: readonly Final[]
  readonly comparison?: Comparison
  readonly trials: readonly ReportedTrial[]
}

const text = (value: unknown): string =>
  typeof value === 'number'
    ? `${Number(value.toPrecision(4))}`
    : typeof value === 'string'
      ? value
      : JSON.stringify(value)

/** What a page tells of a search. Values are minimized; accuracy is shown as what is right. */
export function pageContent(report: SearchReport, config: string, output: string): SearchContent {
  const { objectives, best, finals, comparison, trials } = report
  const [first] = objectives as readonly [Objective, ...Objective[]]
  const worth = (value: number): number => (first === 'accuracy' ? 100 * (1 - value) : value)
  const complete = trials.filter(({ values }) => values)
  const chosen = trials.find(({ number }) => number === best)!
  const bytesAt = objectives.indexOf('bytes')
  const names = [...new Set(trials.flatMap(({ parameters }) => Object.keys(parameters)))]
  return {
    config: basename(config),
    summary: [
      `${trials.length} trials, of which ${complete.length} came to their end. Trial ${best} is the best: ${objectives.map((objective, i) => valueText(objective, chosen.values![i]!)).join(', ')}.`,
      ...finalLines(finals),
      ...(comparison ? [comparisonLine(comparison)] : []),
    ],
    values: names
      .filter((name) => name in chosen.parameters)
      .map((name) => [name, text(chosen.parameters[name]), text(trials[0]!.parameters[name] ?? '–')]),
    curves: trials
      .filter(({ curve }) => curve.length > 0)
      .map(({ curve, state, number }) => ({
        // Epochs are reported as errors, whatever the objective.
        values: first === 'bytes' || first === 'ms' ? curve : curve.map(worth),
        kind: number === best ? 'best' : state === 'complete' ? 'complete' : 'stopped',
      })),
    better: first === 'accuracy' ? 'more' : 'less',
    worthLabel: first === 'accuracy' ? '% right, validation' : first,
    parameters: names.map((name) => parameterOf(name, complete, best, worth)),
    models:
      bytesAt <= 0
        ? []
        : complete.map(({ number, values }) => ({
            ...{ name: `trial ${number}`, number: `${number}`, bytes: values![bytesAt]!, worth: worth(values![0]!) },
            kind: number === best ? 'chosen' : 'tried',
          })),
    finals: finals.map(({ of, seed, best, test }) => [of, `${seed}`, scoreText(best), test ? scoreText(test) : '']),
    trials: {
      header: ['trial', 'state', ...objectives, ...names],
      rows: trials.map(({ number, state, values, parameters, reason }) => [
        `${number}${number === best ? ' ★' : ''}`,
        reason === undefined ? state : `${state}: ${reason}`,
        ...objectives.map((objective, i) => (values ? valueText(objective, values[i]!) : '')),
        ...names.map((name) => (name in parameters ? text(parameters[name]) : '')),
      ]),
    },
    command: `attar train ${config} --params ${output}/params.json`,
  }
}

/** Values over more than this factor are shown by their logarithm. */
const wide = 20

function parameterOf(
  name: string,
  trials: readonly ReportedTrial[],
  best: number,
  worth: (value: number) => number,
): ParameterTrials {
  const own = trials.filter(({ parameters }) => name in parameters)
  const values = own.map(({ parameters }) => parameters[name])
  const numbers = values.filter((value) => typeof value === 'number')
  const isNumber = numbers.length === values.length
  const isLogarithmic = isNumber && Math.min(...numbers) > 0 && Math.max(...numbers) > wide * Math.min(...numbers)
  return {
    ...{ name, isLogarithmic },
    trials: own.map(({ number, parameters, values }) => ({
      value: isNumber ? (parameters[name] as number) : text(parameters[name]),
      ...{ worth: worth(values![0]!), isBest: number === best },
    })),
  }
}
