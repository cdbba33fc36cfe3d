import { fail } from '../core/diagnostics/diagnostic.ts'
import { exp, log } from '../core/math/index.ts'
import type { FloatDomain, IntDomain, Parameter, Point, Space } from './space.ts'

/** What a configuration asks for the values of its parameters. Names are unique; a parameter may depend on others. */
export interface Trial {
  /** A number from `low` to `high`; `log` where factors count, not differences. Default: the middle. */
  float(
    name: string,
    low: number,
    high: number,
    options?: { readonly log?: boolean; readonly default?: number },
  ): number
  /** A whole number from `low` to `high`, in steps. Default: the middle. */
  int(name: string, low: number, high: number, options?: { readonly step?: number; readonly default?: number }): number
  /** One of the options, which have no order. Default: the first. */
  categorical<const T>(name: string, options: readonly T[], settings?: { readonly default?: NoInfer<T> }): T
}

/** Asks for a parameter that a point may not have, since it depends on others: what it shall be. */
export type Missing = (name: string, parameter: Parameter) => number

/** A trial with the values of `point`, and the parameters that were asked for. */
export class PointTrial implements Trial {
  /** In the order in which they were asked for. */
  readonly space = new Map<string, Parameter>()
  readonly point: Record<string, number> = {}
  readonly #given: Point
  readonly #missing: Missing

  constructor(given: Point = {}, missing: Missing = (_, { start }) => start) {
    this.#given = given
    this.#missing = missing
  }

  float(name: string, low: number, high: number, options: { log?: boolean; default?: number } = {}): number {
    checkOptions(name, options, ['log', 'default'])
    const { log: scale = false, default: start } = options
    if (!(Number.isFinite(low) && Number.isFinite(high) && low < high)) wrong(name, `${low} to ${high} is no range`)
    if (scale && low <= 0) wrong(name, 'a range by logarithm is above 0')
    const middle = scale ? exp((log(low) + log(high)) / 2) : (low + high) / 2
    return this.#ask(name, {
      domain: { kind: 'float', low, high, log: scale },
      start: within(name, start ?? middle, low, high),
    })
  }

  int(name: string, low: number, high: number, options: { step?: number; default?: number } = {}): number {
    checkOptions(name, options, ['step', 'default'])
    const { step = 1, default: start } = options
    if (![low, high, step].every(Number.isSafeInteger) || low > high || step < 1)
      wrong(name, `${low} to ${high} in steps of ${step} are no whole numbers`)
    if ((high - low) % step !== 0) wrong(name, `${high} is no multiple of ${step} away from ${low}`)
    const middle = low + step * Math.floor((high - low) / step / 2)
    const given = within(name, start ?? middle, low, high)
    if ((given - low) % step !== 0) wrong(name, `its default ${given} is none of its values`)
    return this.#ask(name, { domain: { kind: 'int', low, high, step }, start: given })
  }

  categorical<const T>(name: string, options: readonly T[], settings: { default?: NoInfer<T> } = {}): T {
    checkOptions(name, settings, ['default'])
    if (options.length === 0) wrong(name, 'there are no options')
    const start = 'default' in settings ? options.indexOf(settings.default as T) : 0
    if (start < 0) wrong(name, `its default is none of its options`)
    const domain = { kind: 'categorical', count: options.length } as const
    return options[this.#ask(name, { domain, start, options: options.map(optionText) })]!
  }

  #ask(name: string, parameter: Parameter): number {
    if (this.space.has(name)) wrong(name, 'there are two parameters of this name')
    this.space.set(name, parameter)
    return (this.point[name] = this.#given[name] ?? this.#missing(name, parameter))
  }
}

/** One that there is not would have no effect. */
function checkOptions(name: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown !== undefined) wrong(name, `there is no option "${unknown}", only ${known.join(' and ')}`)
}

/** Options that are objects or functions are told apart by their places. */
const optionText = (option: unknown, place: number): string =>
  ['string', 'number', 'boolean'].includes(typeof option) || option === null || option === undefined
    ? String(option)
    : `#${place + 1}`

const wrong = (name: string, what: string): never => fail('A702', `parameter "${name}": ${what}`)

function within(name: string, value: number, low: number, high: number): number {
  if (!(value >= low && value <= high)) wrong(name, `its default ${value} is outside of ${low} to ${high}`)
  return value
}

/** Everything that a configuration asks for, with the defaults. */
export function spaceOf(configure: (trial: Trial) => unknown): Space {
  const trial = new PointTrial()
  configure(trial)
  return trial.space
}

/** A trial with the values of a point, else with defaults. It throws A702 when asked for a parameter that does not have its value. */
export const trialAt = (point: Point = {}): PointTrial =>
  new PointTrial({}, (name, { domain, start }) => {
    if (!Object.hasOwn(point, name)) return start
    const value = point[name]!
    if (domain.kind === 'categorical') {
      const isOption = Number.isInteger(value) && value >= 0 && value < domain.count
      return isOption ? value : wrong(name, `${value} is none of its options`)
    }
    return inDomain(name, domain, value)
  })

/**
 * Values as a person writes them, by name: of categorical parameters the option. What is not given has its default. A702 for a value that a
 * parameter does not have, and for a name that no parameter has.
 */
export function trialOf(configure: (trial: Trial) => unknown, values: Readonly<Record<string, unknown>>): PointTrial {
  const trial = new PointTrial({}, (name, parameter) =>
    Object.hasOwn(values, name) ? parsed(name, parameter, values[name]) : parameter.start,
  )
  configure(trial)
  const unknown = Object.keys(values).filter((name) => !trial.space.has(name))
  if (unknown.length > 0)
    fail('A702', `the configuration has no parameter ${unknown.map((name) => `"${name}"`).join(', ')}`, {
      hint: `it has ${[...trial.space.keys()].map((name) => `"${name}"`).join(', ') || 'none'}`,
    })
  return trial
}

function parsed(name: string, { domain, options }: Parameter, value: unknown): number {
  if (domain.kind === 'categorical') {
    const at = options!.indexOf(String(value))
    return at >= 0 ? at : wrong(name, `${String(value)} is none of ${options!.join(', ')}`)
  }
  return inDomain(name, domain, value)
}

function inDomain(name: string, domain: FloatDomain | IntDomain, value: unknown): number {
  const { low, high } = domain
  if (typeof value !== 'number' || !(value >= low && value <= high))
    return wrong(name, `${String(value)} is not from ${low} to ${high}`)
  if (domain.kind === 'int' && (value - low) % domain.step !== 0) wrong(name, `${value} is none of its values`)
  return value
}
