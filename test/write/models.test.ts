import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { compile } from '../../compiler/index.ts'
import { importModel } from '../../compiler/onnx/import.ts'
import { writeModel } from '../../compiler/onnx/write/index.ts'
import { simplify } from '../../compiler/passes/index.ts'
import {
  findCases,
  labelsOf,
  modulePlaces,
  openReference,
  runCase,
  type Engine,
  type Tolerance,
} from '../../compiler/verify/index.ts'
import { noFiles } from './judge.ts'

/** A folder of models with data, as `attar verify --cases` takes it; not part of the repository. */
const root = process.env.ATTAR_CASES
const places = modulePlaces()
afterAll(() => places.close())

/** Runs what a model is written as: by onnxruntime-web, and read again by the baseline module. */
const written: Engine = {
  prepare: async (model, options) => {
    const { graph, names } = importModel(model, options)
    const bytes = writeModel(simplify(graph), { ports: names })
    const labels = {
      inputs: labelsOf(graph.inputs.map(({ name }) => ({ name, ...names.inputs[name] }))),
      outputs: labelsOf(graph.outputs.map(({ name }) => ({ name, ...names.outputs[name] }))),
    }
    const session = await openReference(bytes, noFiles, labels)
    const { modules, spec } = await compile(bytes, { targets: ['simd'] })
    const [baseline] = places.runners(modules, spec)
    return [
      { variant: 'onnxruntime', labels: labels.outputs, run: (inputs) => session.run(inputs) },
      { ...baseline!, variant: 'read again' },
    ]
  },
}

/** How far apart onnxruntime itself is with integer kernels and without: quantized models are written for the latter. */
function spread(folder: string): Tolerance {
  const { ref } = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8')) as { ref?: { diff_vs_ort_web?: number } }
  return { atol: ref?.diff_vs_ort_web ?? 0, rtol: 0 }
}

describe.skipIf(root === undefined)('real models, simplified, written as ONNX', () => {
  it.each(root === undefined ? [] : findCases(root))('$name', async (folder) => {
    const result = await runCase(folder, written, spread(folder.folder))
    expect(result.status, result.message).toBe('pass')
  })
})
