import type { Axis } from './axes.ts'
import { CostCounter, type Costs } from './costs.ts'
import type { Couplings, Group } from './coupling.ts'
import type { Importance } from './importance.ts'
import type { TrainableModel } from '../../train/index.ts'
import type { Plan } from './latency.ts'
import { withoutGroups } from './remove.ts'

/** What a model may cost at most. */
export interface Limits extends Partial<Costs> {
  /** Bytes of what `measure` makes of it. */
  readonly bytes?: number
}

export interface ChooseOptions {
  readonly limits: Limits
  /** Which groups are compared: those of all layers, or of each by itself, so that all lose the same share. */
  readonly scope: 'global' | 'layer'
  /** Measured times, for a limit of milliseconds. */
  readonly plan?: Plan | undefined
  /** The bytes of a model when it is compiled. */
  readonly measure?: (model: TrainableModel) => Promise<number>
  /** The limits are only asked to be in reach: bytes are measured of the least that there is. */
  readonly onlyWhether?: boolean
}

/** Kernels go over so many channels at a time: fewer save multiply-adds, but hardly time. */
const channelBlock = 8

/** Groups that are alike: channels of the same layers. One of them stays. */
interface Family {
  readonly size: number
  /** The axis of the seed, and how many of its positions a group is. */
  readonly axis: Axis
  readonly each: number
  /** Those that are left, the least important last. */
  readonly groups: Group[]
  readonly importance: (group: Group) => number
}

function familiesOf({ groups }: Couplings, importance: Importance, { parameters }: TrainableModel): Family[] {
  const weights = new Set(parameters.map(({ value }) => value).filter(({ type }) => type.shape.length > 1))
  const numbers = new Map<Axis, number>()
  const numberOf = (axis: Axis): number => {
    const number = numbers.get(axis) ?? numbers.size
    numbers.set(axis, number)
    return number
  }
  const byAxes = new Map<string, Group[]>()
  for (const group of groups) {
    const key = [...group.positions.keys()]
      .map(numberOf)
      .sort((a, b) => a - b)
      .join()
    const alike = byAxes.get(key)
    if (alike) alike.push(group)
    else byAxes.set(key, [group])
  }
  return [...byAxes.values()].map((alike) => {
    const of = (group: Group): number => importance.get(group)!
    const all = alike.reduce((sum, group) => sum + of(group), 0)
    const [{ seed, positions }] = alike as [Group]
    const layers = [...positions.keys()].filter(({ value }) => weights.has(value)).length
    return {
      ...{ size: alike.length, axis: seed, each: positions.get(seed)?.length ?? 1 },
      groups: alike.toSorted((a, b) => of(b) - of(a)),
      // A share of each weight that it goes over: so layers compare whose weights or numbers of channels are of different sizes, and a
      // channel of a residual stream counts in all layers that write or read it.
      importance: (group) => layers * (all === 0 ? 1 / alike.length : of(group) / all),
    }
  })
}

/** How many groups a family loses next: as many as leave a multiple of `block` channels; 0 where none may go. */
function nextCount({ axis, each, size, groups }: Family, block: number): number {
  const width = axis.length - (size - groups.length) * each
  for (let count = 1; count < groups.length; count++) {
    const left = width - count * each
    if (left < block) return 0
    if (left % block === 0) return count
  }
  return 0
}

/** The least important groups that have to go so that the model is within the limits. */
export interface Choice {
  readonly groups: readonly Group[]
  readonly costs: Costs
  /** Whether it is within the limits then. */
  readonly reached: boolean
  readonly bytes?: number
  /** Times of the kernels of what is left. */
  readonly plan?: Plan | undefined
}

/**
 * Takes groups away, at each step those that matter least for what they cost, until the model is within the limits. Layers keep multiples of
 * 8 channels as long as that is enough, where multiply-adds or milliseconds are limited; where bytes are, this and single channels are
 * both tried, and what leaves more parameters is taken: odd widths need code of their own. Costs are exact, and known before anything is
 * rebuilt. Bytes are measured, for as many candidates as bisections take.
 */
export async function choose(
  model: TrainableModel,
  found: Couplings,
  importance: Importance,
  options: ChooseOptions,
): Promise<Choice> {
  const { macs, ms, bytes } = options.limits
  const isBlocked = macs !== undefined || ms !== undefined
  const blocks = bytes !== undefined ? [channelBlock, 1] : [isBlocked ? channelBlock : 1]
  const choices: Choice[] = []
  for (const block of blocks) choices.push(await chosenIn(block, model, found, importance, options))
  return choices.reduce((best, next) => {
    if (best.reached !== next.reached) return best.reached ? best : next
    // What cannot be reached is told by the least that there is.
    const isMore = next.costs.params > best.costs.params
    return isMore === best.reached ? next : best
  })
}

async function chosenIn(
  block: number,
  model: TrainableModel,
  found: Couplings,
  importance: Importance,
  { limits, scope, plan, measure, onlyWhether = false }: ChooseOptions,
): Promise<Choice> {
  const counter = new CostCounter(found, model.parameters, plan)
  const families = familiesOf(found, importance, model)
  const steps: Group[][] = []
  const isOver = (of: keyof Costs): boolean => counter.costs[of] > (limits[of] ?? Infinity)
  const over = (): keyof Costs | undefined => (['macs', 'params', 'ms'] as const).find(isOver)
  const advance = (cost: keyof Costs): boolean => {
    const next = nextStep(families, counter, cost, scope, block) ?? nextStep(families, counter, cost, scope, 1)
    if (!next) return false
    counter.remove(next)
    steps.push(next)
    return true
  }
  for (let cost = over(); cost !== undefined; cost = over()) if (!advance(cost)) break
  const chosen = (count: number): Group[] => steps.slice(0, count).flat()
  const least = steps.length
  const within = over() === undefined
  if (limits.bytes === undefined || !measure) {
    return { groups: chosen(least), costs: counter.costs, plan: counter.planLeft, reached: within }
  }

  while (advance('params'));
  const left = (count: number): Pick<Choice, 'groups' | 'costs' | 'plan'> => {
    const groups = chosen(count)
    const own = new CostCounter(found, model.parameters, plan)
    own.remove(groups)
    return { groups, costs: own.costs, plan: own.planLeft }
  }
  const bytesOf = (count: number): Promise<number> => measure(withoutGroups(model, found, chosen(count)))
  let [low, high] = [least, steps.length]
  let bytes = onlyWhether ? Infinity : await bytesOf(low)
  if (bytes <= limits.bytes) return { ...left(low), reached: within, bytes }
  bytes = await bytesOf(high)
  const reached = within && bytes <= limits.bytes
  while (reached && !onlyWhether && high - low > 1) {
    const middle = (low + high) >> 1
    const found = await bytesOf(middle)
    if (found <= limits.bytes) [high, bytes] = [middle, found]
    else low = middle
  }
  return { ...left(high), reached, bytes }
}

/** Takes the groups of the next step from their family. */
function nextStep(
  families: readonly Family[],
  counter: CostCounter,
  cost: keyof Costs,
  scope: ChooseOptions['scope'],
  block: number,
): Group[] | undefined {
  let best: { readonly family: Family; readonly count: number; readonly score: number } | undefined
  for (const family of families) {
    const { groups, size, importance } = family
    const count = nextCount(family, block)
    if (count === 0) continue
    const next = groups.slice(-count)
    const saved = counter.costs[cost] - counter.without(next)[cost]
    // Differences of floats are never quite nothing.
    if (saved <= counter.costs[cost] * 1e-12) continue
    const lost = next.reduce((sum, group) => sum + importance(group), 0)
    // What is left of a layer has to do what all of it did: the fewer, the more each matters.
    const share = size / (groups.length - count)
    const score = scope === 'global' ? (lost * share) / saved : -groups.length / size
    if (!best || score < best.score) best = { family, count, score }
  }
  return best?.family.groups.splice(-best.count)
}
