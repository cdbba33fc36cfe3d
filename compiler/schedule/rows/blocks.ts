import { Places, spansOf } from '../memory/in-place.ts'
import { aliveAtPeak, bufferBytes, peakBytes } from '../memory/plan.ts'
import { inArena, writesOf, type Buffer, type Kernel, type Program } from '../program/program.ts'
import { renameBuffers, throughWindows } from '../program/rename.ts'
import { Chain, type Blocked, type BlockLimits } from './chain.ts'
import { commute, ownership, templateByRows, touchedBy, type IsOwn, type Touched } from './groups.ts'
import { Potential, windowGains, type Gain } from './gains.ts'
import { loopsOver } from './loops.ts'
import { countUsers } from '../program/users.ts'

/**
 * Blocks of 8 to 256 KiB take the same time, so they are short. Two layers of a perceptron take 0.99 to 1.01 of the time with up to
 * 4.7 MB of weights, 1.05 with 8.4 and more beyond: each block reads them from memory. Rows that are left over are some 1 KB of code.
 */
export const measuredBlocks: BlockLimits = {
  blockBytes: 2 ** 14,
  leastRows: 16,
  mostOperands: 5 * 2 ** 20,
  leastShorter: 2 ** 14,
  leastTraffic: 2 ** 20,
  leastSaved: 2 ** 12,
}

/** Kernels between the first and the last of a chain that have nothing to do with it. */
const lookahead = 16

/** Kernels of a chain: what it takes to look at one grows with the square of this. */
const longest = 24

/** Bytes that a longer chain has to save over a shorter one. */
const leastMore = 2 ** 12

/** Times that memory is looked at where it is fullest. */
const mostRounds = 8

function gainOf({ blocks: { shrunk } }: Blocked, fullest: ReadonlySet<Buffer>): Gain {
  let [traffic, saved] = [0, 0]
  for (const [buffer, { to }] of shrunk) {
    traffic += bufferBytes(buffer)
    if (fullest.has(buffer)) saved += bufferBytes(buffer) - bufferBytes(to)
  }
  return { traffic, saved }
}

interface Found {
  /** Where in the list of kernels the chain ends. */
  readonly end: number
  readonly worth: number
  readonly places: ReturnType<Chain['places']>
  /** The chain's kernels, as they were and as they are, and those among them that have nothing to do with it. */
  readonly members: readonly Kernel[]
  readonly loops: readonly Kernel[]
  readonly passed: readonly Kernel[]
}

/** The chain from the template at `at` on that is worth most, if any is worth something. */
function chainFrom(
  kernels: readonly Kernel[],
  at: number,
  limits: BlockLimits,
  isOwn: IsOwn,
  fullest: ReadonlySet<Buffer>,
  worthOf: (gain: Gain) => number,
): Found | undefined {
  const first = kernels[at]!
  if (!templateByRows(first)) return undefined
  const chain = new Chain(first, limits)
  const potential = new Potential(isOwn, fullest)
  potential.add(first)
  const own = [touchedBy(first)]
  const passed: Kernel[] = []
  let best: Found | undefined
  for (let i = at + 1; i < kernels.length && passed.length < lookahead && own.length < longest; i++) {
    const kernel = kernels[i]!
    const touched = touchedBy(kernel)
    if (own.every((t) => commute(t, touched))) {
      passed.push(kernel)
      continue
    }
    if (!chain.join(kernel) || chain.readsTooMuch) break
    own.push(touched)
    potential.add(kernel)
    const isWorth = (worth: number): boolean => worth > 0 && worth >= (best?.worth ?? 0) + leastMore
    const blocked = templateByRows(kernel) && isWorth(worthOf(potential.gain)) ? chain.blocked(isOwn) : undefined
    // A chain that leaves whole what its first kernel writes is better without it.
    const shrinks = blocked && writesOf(first).some((b) => blocked.blocks.shrunk.has(b))
    const worth = shrinks ? worthOf(gainOf(blocked, fullest)) : 0
    if (blocked && isWorth(worth)) {
      const [members, loops] = [[...chain.kernels], loopsOver(blocked)]
      best = { end: i, worth, places: chain.places(), members, loops, passed: [...passed] }
    }
  }
  return best
}

/**
 * Kernels before the one at `at`, of those in `placed`, that can wait until the passed ones are done: only the chain knows what
 * they write, and what they read is read later anyway.
 */
function sinkable(
  kernels: readonly Kernel[],
  at: number,
  { passed, members }: Found,
  placed: ReadonlySet<Kernel>,
  spans: ReadonlyMap<Buffer, { readonly last: number }>,
  isOwn: IsOwn,
): Kernel[] {
  const own = members.map(touchedBy)
  const between = passed.map(touchedBy)
  const sunk: Kernel[] = []
  for (let i = at - 1; i >= 0 && i >= at - lookahead; i--) {
    const touched = touchedBy(kernels[i]!)
    const isKnown = (b: Buffer) => (t: Touched) => t.reads.has(b) || t.writes.has(b)
    const waits =
      placed.has(kernels[i]!) &&
      between.every((t) => commute(t, touched)) &&
      [...touched.writes].every((b) => isOwn(b, 1 + own.filter(isKnown(b)).length)) &&
      [...touched.reads].every((b) => !inArena(b) || spans.get(b)!.last >= at)
    if (waits) sunk.unshift(kernels[i]!)
    else between.push(touched)
  }
  return sunk
}

/** The program with the chains that are worth something as loops where their last kernel stood; undefined where none is. */
function blockChains(program: Program, limits: BlockLimits, worthOf: (gain: Gain) => number): Program | undefined {
  const users = countUsers(program.kernels)
  const isOwn = ownership(users, [...program.inputs, ...program.outputs])
  const fullest = aliveAtPeak(program)
  const places = new Places(program)
  let changed = false
  const block = (kernels: readonly Kernel[], repeated = false): Kernel[] => {
    const [spans, within] = [spansOf(kernels), countUsers(kernels)]
    const isLocal = (b: Buffer): boolean => within.get(b) === users.get(b) && !(repeated && places.isInput(b))
    const mostFrom = windowGains(kernels, longest + lookahead, isOwn, fullest)
    const result: Kernel[] = []
    const placed = new Set<Kernel>()
    const put = (kernel: Kernel): void => {
      result.push(kernel)
      placed.add(kernel)
    }
    for (let at = 0; at < kernels.length; at++) {
      const kernel = kernels[at]!
      const found = worthOf(mostFrom(at)) > 0 ? chainFrom(kernels, at, limits, isOwn, fullest, worthOf) : undefined
      if (found) {
        for (const { result: own, operand } of found.places) {
          const apart = spans.get(own)!.first >= at && spans.get(operand)!.last <= found.end
          if (apart && isLocal(own) && isLocal(operand) && places.mayReplace(own, operand)) places.replace(own, operand)
        }
        const sunk = found.passed.length > 0 ? sinkable(kernels, at, found, placed, spans, isOwn) : []
        for (const moved of sunk) result.splice(result.lastIndexOf(moved), 1)
        for (const next of [...found.passed, ...sunk, ...found.loops]) put(next)
        at = found.end
        changed = true
      } else if (kernel.kind === 'loop') put({ ...kernel, body: block(kernel.body, true) })
      else if (kernel.kind === 'branch')
        put({ ...kernel, then: block(kernel.then, repeated), otherwise: block(kernel.otherwise, repeated) })
      else put(kernel)
    }
    return result
  }
  const kernels = block(program.kernels)
  const to = throughWindows((b) => places.nameOf(b))
  return changed ? { ...program, kernels: kernels.map((k) => renameBuffers(k, to)) } : undefined
}

/**
 * Runs of kernels from one product to another that go over the same rows, such as attention and multi-layer perceptrons, become loops over
 * blocks of rows. What only they know shrinks to one block.
 */
export function blockRows(program: Program, limits = measuredBlocks): Program {
  const { leastTraffic, leastSaved } = limits
  let best = program
  let peak = peakBytes(program)
  const withLess = blockChains(program, limits, ({ traffic }) => (traffic >= leastTraffic ? traffic : 0))
  if (withLess && peakBytes(withLess) <= peak) {
    best = withLess
    peak = peakBytes(withLess)
  }
  // When one moment is less full, another is the fullest; only the last round may show what all of them save.
  let next: Program | undefined = best
  for (let round = 0; round < mostRounds && next; round++) {
    next = blockChains(next, limits, ({ saved }) => (saved >= leastSaved ? saved : 0))
    if (!next || peakBytes(next) > peak - leastSaved) continue
    best = next
    peak = peakBytes(next)
  }
  return best
}
