import type { Graph } from '../core/graph.ts'
import { channelsLast } from './channels-last.ts'
import { composeViews } from './compose-views.ts'
import { deadChannels } from './channels/dead-channels.ts'
import { foldAffine } from './fold-affine.ts'
import { foldConstants } from './fold-constants.ts'
import { foldPadding } from './fold-padding.ts'
import { fuseMaps } from './fuse-maps.ts'
import { integerProducts } from './integers/integer-products.ts'
import { integerRounding } from './integers/integer-rounding.ts'
import { mergeIdentical } from './merge-identical.ts'
import { packedTables } from './integers/packed-tables.ts'
import { requantize } from './integers/requantize.ts'
import { optimizeRegions } from './regions.ts'
import { sinkTransposes } from './sink-transposes.ts'
import { tabulate } from './integers/tabulate.ts'

/** A rewrite of the whole graph. */
export interface Pass {
  readonly name: string
  readonly run: (graph: Graph) => Graph
}

/** In the order they run. Views are composed and maps fused again once transposes have moved. */
export const passes: readonly Pass[] = [
  { name: 'integer-products', run: integerProducts },
  { name: 'fold-constants', run: foldConstants },
  { name: 'compose-views', run: composeViews },
  { name: 'merge-identical', run: mergeIdentical },
  { name: 'fold-padding', run: foldPadding },
  { name: 'fuse-maps', run: fuseMaps },
  { name: 'fold-affine', run: foldAffine },
  { name: 'channels-last', run: channelsLast },
  { name: 'sink-transposes', run: sinkTransposes },
  { name: 'fold-constants-again', run: foldConstants },
  { name: 'dead-channels', run: (graph) => deadChannels(graph) },
  { name: 'compose-views-again', run: composeViews },
  { name: 'fold-padding-again', run: foldPadding },
  { name: 'fuse-maps-again', run: fuseMaps },
  { name: 'fold-affine-again', run: foldAffine },
  { name: 'tabulate', run: tabulate },
  { name: 'requantize', run: requantize },
  { name: 'integer-rounding', run: integerRounding },
  { name: 'packed-tables', run: packedTables },
  { name: 'fold-constants-last', run: foldConstants },
  { name: 'merge-identical-last', run: mergeIdentical },
  { name: 'regions', run: (graph) => optimizeRegions(graph, runPasses) },
]

export function runPasses(graph: Graph): Graph {
  return passes.reduce((g, pass) => pass.run(g), graph)
}
