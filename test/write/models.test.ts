import { afterAll, describe, expect, it } from 'vitest'
import { importModel } from '../../compiler/onnx/import.ts'
import { writeModel } from '../../compiler/onnx/write/index.ts'
import type { Graph } from '../../compiler/core/graph.ts'
import { runPasses, simplify } from '../../compiler/passes/index.ts'
import { decodeModel } from '../../compiler/onnx/decode.ts'
import {
  findCases,
  moduleEngine,
  modulePlaces,
  runCase,
  labelsOf,
  openReference,
  type Engine,
} from '../../compiler/verify/index.ts'

/** A folder of models with data, as `attar verify --cases` takes it; not part of the repository. */
const root = process.env.ATTAR_CASES
const places = modulePlaces()
afterAll(() => places.close())

const none = (): never => {
  throw new Error('the model has no files')
}

/** Runs what a model is written as: by onnxruntime-web, and read again by modules. */
const written = (optimize: (graph: Graph) => Graph): Engine => ({
  prepare: async (model, options) => {
    const { graph, names } = importModel(model, options)
    const bytes = writeModel(optimize(graph))
    if (process.env['SHOW']) {
      const count = new Map<string, number>()
      for (const n of decodeModel(bytes).graph.nodes) count.set(n.operator, (count.get(n.operator) ?? 0) + 1)
      console.log([...count].map(([k, v]) => `${k} ${v}`).join(' '))
    }
    const session = await openReference(bytes, none)
    const labels = labelsOf(graph.outputs.map(({ name }) => ({ name, ...names.outputs[name] })))
    const again = await moduleEngine(places).prepare(bytes, {})
    return [
      { variant: 'onnxruntime', labels, run: (inputs) => session.run(inputs) },
      ...again.slice(0, 1).map((runner) => ({ ...runner, labels })),
    ]
  },
})

describe.skipIf(root === undefined).each([
  ['imported', (graph: Graph) => graph],
  ['simplified', simplify],
  ['optimized', runPasses],
])('real models, %s, written as ONNX', (_, optimize) => {
  it.each(root === undefined ? [] : findCases(root))('$name', { timeout: 120_000 }, async (folder) => {
    const result = await runCase(folder, written(optimize))
    expect(result.status, result.message).toBe('pass')
  })
})
