import type { Graph } from '../core/graph.ts'
import { channelsLast } from './channels-last.ts'
import { composeViews } from './compose-views.ts'
import { deadChannels } from './channels/dead-channels.ts'
import { foldAffine } from './fold-affine.ts'
import { foldConstants, foldUnstored } from './fold-constants.ts'
import { foldInputAffine } from './fold-input-affine.ts'
import { foldPadding } from './fold-padding.ts'
import { fuseMaps } from './fuse-maps.ts'
import { integerProducts } from './integers/integer-products.ts'
import { integerRounding } from './integers/integer-rounding.ts'
import { mergeIdentical } from './merge-identical.ts'
import { mergeLoops } from './merge-loops.ts'
import { mergeScales } from './merge-scales.ts'
import { packedTables } from './integers/packed-tables.ts'
import { requantize } from './integers/requantize.ts'
import { optimizeRegions } from './regions.ts'
import { sinkTransposes } from './sink-transposes.ts'
import { tabulate } from './integers/tabulate.ts'
import { tiedTables, tiedTablesEach } from './tied-tables.ts'
import { tiedWeights } from './tied-weights.ts'

/** A rewrite of the whole graph. */
export interface Pass {
  readonly name: string
  readonly run: (graph: Graph) => Graph
  /** What runs in its place on graphs that become one module. */
  readonly runEach?: (graphs: readonly Graph[]) => readonly Graph[]
  /** What it leaves is for our own kernels, not for other compilers of the graph. */
  readonly own?: true
  /** What runs in its place where the graph is for other compilers. */
  readonly instead?: (graph: Graph) => Graph
}

/** In the order they run. Views are composed and maps fused again once transposes have moved. */
export const passes: readonly Pass[] = [
  { name: 'integer-products', run: integerProducts, own: true },
  { name: 'fold-constants', run: foldConstants, instead: foldUnstored },
  { name: 'tied-weights', run: tiedWeights, own: true },
  { name: 'compose-views', run: composeViews },
  { name: 'merge-identical', run: mergeIdentical },
  { name: 'merge-loops', run: mergeLoops },
  { name: 'fold-padding', run: foldPadding },
  { name: 'fuse-maps', run: fuseMaps },
  { name: 'fold-affine', run: foldAffine },
  { name: 'channels-last', run: channelsLast, own: true },
  { name: 'sink-transposes', run: sinkTransposes, own: true },
  { name: 'fold-constants-again', run: foldConstants, instead: foldUnstored },
  { name: 'dead-channels', run: (graph) => deadChannels(graph) },
  { name: 'compose-views-again', run: composeViews },
  { name: 'fold-padding-again', run: foldPadding },
  { name: 'fold-input-affine', run: foldInputAffine, own: true },
  { name: 'fuse-maps-again', run: fuseMaps },
  { name: 'fold-affine-again', run: foldAffine },
  { name: 'merge-scales', run: mergeScales, own: true },
  { name: 'tabulate', run: tabulate, own: true },
  { name: 'requantize', run: requantize, own: true },
  { name: 'integer-rounding', run: integerRounding, own: true },
  { name: 'tied-tables', run: tiedTables, runEach: tiedTablesEach, own: true },
  { name: 'packed-tables', run: packedTables, own: true },
  { name: 'fold-constants-last', run: foldConstants, instead: foldUnstored },
  { name: 'merge-identical-last', run: mergeIdentical },
  { name: 'regions', run: (graph) => optimizeRegions(graph, runPasses) },
]

export const runPasses = (graph: Graph): Graph => runPassesEach([graph])[0]!

/** The passes on graphs of one model, which become one module. */
export const runPassesEach = (graphs: readonly Graph[]): readonly Graph[] =>
  passes.reduce((all, { run, runEach = (each) => each.map(run) }) => runEach(all), graphs)

/** Passes whose results the quantizer does not see through: other padding than zero, and tables as products pack them, which layers share. */
const opaque: ReadonlySet<string> = new Set(['fold-input-affine', 'packed-tables', 'tied-tables'])

/** What is to be quantized: all of the passes but `opaque`, in loops and branches, too. */
export function unpacked(graph: Graph): Graph {
  const run = ({ name, run }: Pass): Pass['run'] => (name === 'regions' ? (g) => optimizeRegions(g, unpacked) : run)
  return passes.filter(({ name }) => !opaque.has(name)).reduce((g, pass) => run(pass)(g), graph)
}

/** Passes that change in which form, place or order numbers are computed, but not by which formulas. */
const unneeded: ReadonlySet<string> = new Set([
  ...['merge-identical', 'merge-loops', 'channels-last', 'sink-transposes', 'dead-channels', 'tabulate'],
  ...['integer-rounding', 'packed-tables', 'tied-weights', 'tied-tables', 'merge-identical-last', 'regions'],
])

/**
 * A quantized graph as kernels compute it: sums of integers, and the formulas that finish them. What all of the passes leave gives the
 * same bits. Constants of 8 bits that products multiply by are the ones of the graph.
 */
export const integerForm = (graph: Graph): Graph =>
  passes.filter(({ name }) => !unneeded.has(name)).reduce((g, pass) => pass.run(g), graph)

/** The graph as smaller and simpler for whoever compiles it: constants folded, dead channels gone, quantization as it was. */
export function simplify(graph: Graph): Graph {
  const simplified = passes
    .filter(({ own, name }) => !own && name !== 'regions')
    .reduce((g, { run, instead = run }) => instead(g), graph)
  return optimizeRegions(simplified, simplify)
}
