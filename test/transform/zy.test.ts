import { it } from 'vitest'
import { printGraph } from '../../compiler/core/print.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import { graphOf } from '../support/run-graph.ts'
import { convolutional, transformer } from './networks.ts'
it('shows', () => {
  const { loss, inputs } = process.env.NET === 't' ? transformer(16, 32, 2) : convolutional(8, 28, 16)
  console.log(printGraph(runPasses(graphOf(inputs, [loss, ...gradients(loss, inputs.slice(2))]))))
})
