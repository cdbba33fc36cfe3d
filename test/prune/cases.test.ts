import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CostCounter } from '../../compiler/compress/prune/index.ts'
import { readFile } from '../../compiler/data/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { startingGraph, trainableModel, type TrainableModel } from '../../compiler/train/index.ts'
import { findCases } from '../../compiler/verify/index.ts'
import { Random } from '../support/random.ts'
import { expectClose, randomTensor, runModule } from '../support/run-graph.ts'
import { bothWays, outputsOf } from './models.ts'

/** A folder of models with data, as `attar verify --cases` takes it; not part of the repository. */
const root = process.env.ATTAR_CASES

/** How many groups are found in each, and the shapes of inputs that the model leaves open. */
const models: Readonly<Record<string, { readonly groups: number; readonly dims?: Readonly<Record<string, number>> }>> =
  {
    'bert-tiny-sms-static': { groups: 584 },
    'blazeface-front-128': { groups: 88 },
    'cifar-resnet20': { groups: 400 },
    'cifar-resnet20-bn': { groups: 400 },
    'fashion-cnn': { groups: 48 },
    'mlperf-ad-float': { groups: 1032 },
    'mlperf-ic-float': { groups: 224 },
    'mlperf-ic-float-bn': { groups: 224 },
    'mlperf-kws-float-bn': { groups: 320 },
    'mlperf-vww-float': { groups: 1496 },
    'mlperf-vww-float-bn': { groups: 1496 },
    'mnist-cnn-bn': { groups: 80 },
    'mnist-cntk': { groups: 24 },
    'mnist-mlp-bn': { groups: 128 },
    'mobilenet-v1-0.25-128-float': { groups: 1496 },
    'mobilenet-v1-0.5-160-float': { groups: 2992 },
    'ppocr-cls': { groups: 1338, dims: { 'p2o.DynamicDimension.1': 48, 'p2o.DynamicDimension.2': 192 } },
    'sine-mlp': { groups: 32 },
    'superres-pytorch': { groups: 160 },
    'ultraface-slim-320': { groups: 1584 },
  }

/** Multiply-adds of models that the evaluator runs, and that are compiled: all of them together in 15 s. CASES=all has no limits. */
const isAll = process.env['CASES'] === 'all'
const mostEvaluated = isAll ? Infinity : 4e6
const mostCompiled = isAll ? Infinity : 5e7

const compiled = async (model: TrainableModel) => compileGraph(startingGraph(model).graph, { targets: ['simd'] })

describe.skipIf(root === undefined)('real models without groups compute what they do with zeros for them', () => {
  const cases = root === undefined ? [] : findCases(root).filter(({ name }) => name in models)
  it.each(cases)('$name', async ({ name, folder }) => {
    const random = new Random(5)
    const { model } = trainableModel(readFile(join(folder, 'model.onnx')), { seed: 1, dims: models[name]!.dims ?? {} })
    const { found, groups, masked, removed } = bothWays(model, () => random.float() < 0.5)
    expect(found.groups.length).toBe(models[name]!.groups)
    const inputs = Object.fromEntries(
      model.graph.inputs
        .filter((port) => model.data.includes(port.name))
        .map((port) => [port.name, randomTensor(random, port.value.type.dtype, port.value.type.shape)]),
    )
    const counter = new CostCounter(found, model.parameters)
    expect(counter.without(groups).params).toBe(
      removed.parameters.reduce((sum, { start }) => sum + start.data.length, 0),
    )
    // The evaluator does some ten million a second.
    if (counter.costs.macs < mostEvaluated) expect(outputsOf(removed, inputs)).toEqual(outputsOf(masked, inputs))
    if (counter.costs.macs > mostCompiled) return
    const modules = await Promise.all([masked, removed].map(compiled))
    const [expected, actual] = modules.map(({ modules, spec }) => runModule(modules.simd!, spec, inputs))
    for (const [output, value] of Object.entries(expected!)) expectClose(actual![output]!, value, 1e-5)
  })
})
