/** Which tile products of floats have where multiply-adds are fused: more sums at a time hide how long one takes. */
import { unboundedTrips } from '../../core/ops/control-flow/while.ts'
import { formatExpr } from '../../core/scalar/expr.ts'
import { dotKernels, innerKernels, type Kernel, type Program, type TemplateKernel } from '../program/program.ts'
import type { TemplateName } from '../templates.generated.ts'
import { blocks } from './choice.ts'

/**
 * Templates with the arguments of the first, the pixels (or rows) that each takes at a time, the share of the first's time that a
 * multiply-add takes by it where it is fused, and the KB of its code. Cores begin two such instructions in a cycle and finish them four
 * later: the eight sums of four pixels are just enough where nothing else delays them. Shares lie between those of a Xeon of the fifth
 * generation (5: 0.9, 6: 0.86) and of a Zen 4 (6: 0.94).
 */
const tiles = [
  { template: 'f32_igemm_4x8', side: 4, share: 1, code: 2.4 },
  { template: 'f32_igemm_5x8', side: 5, share: 0.94, code: 2.9 },
  { template: 'f32_igemm_6x8', side: 6, share: 0.9, code: 3.3 },
] as const satisfies readonly { template: TemplateName; side: number; share: number; code: number }[]

type Tile = (typeof tiles)[number]

/** Multiply-adds that a KB of code has to save: 5 µs of a core that does 24 of them in a nanosecond. */
const leastSaved = 2 ** 17

/** More pixels than four that lie apart by a multiple of this, in bytes, take longer on a Zen 4. */
export const badDistance = 1024

const [baseline] = tiles

const argumentOf = ({ args }: TemplateKernel, name: string): number => args[name] as number

/** What a tile takes beside its sums, as multiply-adds of eight channels: 11 on the Zen 4, 30 on the Xeon. */
const tileCost = 20

/** The product in multiply-adds of the first template, those for pixels that the last tile has too many included. */
function costOf({ kernel, macs }: Site, { side, share }: Tile): number {
  const [rows, columns] = [argumentOf(kernel, 'OH'), argumentOf(kernel, 'OW')]
  const distance = argumentOf(kernel, columns > 1 ? 'step' : 'sy')
  if (side > baseline.side && distance % badDistance === 0) return Infinity
  const steps = argumentOf(kernel, 'KH') * argumentOf(kernel, 'KW') * argumentOf(kernel, 'run')
  const pixels = rows * columns
  return (macs / pixels / steps) * blocks(pixels, side) * (side * share * steps + tileCost)
}

interface Site {
  readonly kernel: TemplateKernel
  /** Of one run of the program. */
  readonly macs: number
}

/** Products by the baseline's template. */
const sitesOf = (kernels: readonly Kernel[]): Site[] =>
  kernels.flatMap((kernel): Site[] => {
    if (kernel.kind === 'template') return kernel.template === baseline.template ? [{ kernel, macs: kernel.macs }] : []
    const times = kernel.kind === 'loop' && kernel.trips < unboundedTrips ? kernel.trips : 1
    return sitesOf(innerKernels(kernel)).map((site) => ({ ...site, macs: site.macs * times }))
  })

/** All sets of tiles but the empty one. */
const choices = Array.from({ length: 2 ** tiles.length - 1 }, (_, i) => tiles.filter((__, t) => ((i + 1) >> t) & 1))

const cheapest = <T>(among: readonly T[], cost: (of: T) => number): T =>
  among.reduce((best, other) => (cost(other) < cost(best) ? other : best))

/** For sites that share a function by each template: the tile of each. */
function tilesFor(sites: readonly Site[]): ReadonlyMap<TemplateKernel, Tile> {
  const best = (among: readonly Tile[], site: Site): Tile => cheapest(among, (tile) => costOf(site, tile))
  const chosen = cheapest(choices, (among) => {
    const time = sites.reduce((sum, site) => sum + costOf(site, best(among, site)), 0)
    return among.reduce((sum, { code }) => sum + code * leastSaved, time)
  })
  return new Map(sites.map((site) => [site.kernel, best(chosen, site)]))
}

/** Whole tiles of both templates. */
function bandFor(kernel: TemplateKernel, side: number): number {
  const both = side === 6 ? 12 : side * baseline.side
  return Math.max(1, Math.floor(argumentOf(kernel, 'band') / both)) * both
}

function withTiles(kernel: Kernel, tileOf: ReadonlyMap<Kernel, Tile>): Kernel {
  if (kernel.kind === 'loop') return { ...kernel, body: kernel.body.map((k) => withTiles(k, tileOf)) }
  if (kernel.kind === 'branch') {
    const within = (kernels: readonly Kernel[]): Kernel[] => kernels.map((k) => withTiles(k, tileOf))
    return { ...kernel, then: within(kernel.then), otherwise: within(kernel.otherwise) }
  }
  const tile = tileOf.get(kernel)
  if (kernel.kind !== 'template' || !tile || tile === baseline) return kernel
  return { ...kernel, fused: tile.template, args: { ...kernel.args, band: bandFor(kernel, tile.side) } }
}

/**
 * The programs of one module, with the template that takes the place of `f32_igemm_4x8` where multiply-adds are fused. That is nowhere where one of them
 * computes with the relaxed dot product.
 */
export function withFusedTiles(programs: readonly Program[]): Program[] {
  if (programs.some(({ kernels }) => dotKernels(kernels).length > 0)) return [...programs]
  const forms = new Map<string, Site[]>()
  for (const site of programs.flatMap(({ kernels }) => sitesOf(kernels))) {
    const form = formatExpr(site.kernel.holes['epilogue']!, (i, dtype) => `a${i}:${dtype}`)
    const alike = forms.get(form)
    if (alike) alike.push(site)
    else forms.set(form, [site])
  }
  const tileOf = new Map([...forms.values()].flatMap((sites) => [...tilesFor(sites)]))
  return programs.map((program) => ({ ...program, kernels: program.kernels.map((k) => withTiles(k, tileOf)) }))
}
