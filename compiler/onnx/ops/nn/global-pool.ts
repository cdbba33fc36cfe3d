import type { Value } from '../../../core/graph.ts'
import type { OpContext, Operator } from '../../context.ts'
import { range } from '../../shared/axes.ts'
import { spatialLengths } from '../../shared/nn/window.ts'

const spatialAxes = (c: OpContext, x: Value): number[] => range(2, spatialLengths(c, x).length + 2)

export const globalAveragePool: Operator = {
  lower: (c) => [c.b.mean(c.input(0), spatialAxes(c, c.input(0)), true)],
}

export const globalMaxPool: Operator = {
  lower: (c) => [c.b.reduce('max', c.input(0), spatialAxes(c, c.input(0)), true)],
}
