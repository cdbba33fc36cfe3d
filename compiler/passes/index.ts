import type { Graph } from '../core/graph.ts'
import { foldConstants } from './fold-constants.ts'

/** A rewrite of the whole graph. */
export interface Pass {
  readonly name: string
  readonly run: (graph: Graph) => Graph
}

/** In the order they run. */
export const passes: readonly Pass[] = [{ name: 'fold-constants', run: foldConstants }]

export function runPasses(graph: Graph): Graph {
  return passes.reduce((g, pass) => pass.run(g), graph)
}
