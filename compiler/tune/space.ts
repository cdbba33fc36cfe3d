import { exp, log } from '../core/math/index.ts'

/** A number between two, both included; by its logarithm where that is what counts. */
export interface FloatDomain {
  readonly kind: 'float'
  readonly low: number
  readonly high: number
  readonly log: boolean
}

/** `low`, `low` + `step` … `high`. */
export interface IntDomain {
  readonly kind: 'int'
  readonly low: number
  readonly high: number
  readonly step: number
}

/** The place of one of `count` options, which have no order. */
export interface CategoricalDomain {
  readonly kind: 'categorical'
  readonly count: number
}

export type Domain = FloatDomain | IntDomain | CategoricalDomain

export interface Parameter {
  readonly domain: Domain
  /** What it is where nothing is searched. */
  readonly start: number
  /** The options of a categorical parameter as a person reads them. */
  readonly options?: readonly string[]
}

/** What is searched, by name. */
export type Space = ReadonlyMap<string, Parameter>

/** A value for each parameter; of categorical ones the option's place. */
export type Point = Readonly<Record<string, number>>

/** Where samplers work: floats on their scale, integers with half a step around each, so that all are equally wide. */
export interface Interval {
  readonly low: number
  readonly high: number
}

export function intervalOf(domain: FloatDomain | IntDomain): Interval {
  if (domain.kind === 'int') return { low: domain.low - domain.step / 2, high: domain.high + domain.step / 2 }
  return domain.log ? { low: log(domain.low), high: log(domain.high) } : { low: domain.low, high: domain.high }
}

/** The place in the interval that a value has. */
export const toInterval = (domain: FloatDomain | IntDomain, value: number): number =>
  domain.kind === 'float' && domain.log ? log(value) : value

/** The value of a place in the interval. */
export function fromInterval(domain: FloatDomain | IntDomain, place: number): number {
  const { low, high } = domain
  const clamp = (value: number): number => Math.min(high, Math.max(low, value))
  if (domain.kind === 'int') return clamp(low + domain.step * Math.round((place - low) / domain.step))
  return clamp(domain.log ? exp(place) : place)
}

/** The same place of an interval, or of the options, as a share from 0 to 1 has. */
export function fromShare(domain: Domain, share: number): number {
  if (domain.kind === 'categorical') return Math.min(domain.count - 1, Math.floor(share * domain.count))
  const { low, high } = intervalOf(domain)
  return fromInterval(domain, low + share * (high - low))
}

export const startOf = (space: Space): Point => Object.fromEntries([...space].map(([name, { start }]) => [name, start]))

/** A value as a person reads it. */
export const shown = ({ options }: Parameter, value: number): string => options?.[value] ?? String(value)

/** A point as a person writes it: of categorical parameters the option. */
export const named = (point: Point, space: Space): Readonly<Record<string, number | string>> =>
  Object.fromEntries(Object.entries(point).map(([name, value]) => [name, space.get(name)?.options?.[value] ?? value]))
