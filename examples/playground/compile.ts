/** A model and what was chosen for it, as artefacts and pages of what is inside: what `attar compile` does, in a page. */
import { layersOf, type ModelDescription } from '../../compiler/cli/inspect/model.ts'
import { bytesOfKernels } from '../../compiler/cli/inspect/layer-bytes.ts'
import { nodesOf } from '../../compiler/cli/inspect/model-nodes.ts'
import { withPictures } from '../../compiler/cli/processing/picture-spec.ts'
import { describeAccuracy } from '../../compiler/cli/compile/quantization.ts'
import { parseLiteral } from '../../compiler/data/literal.ts'
import { completePreprocess } from '../../compiler/data/preprocess.ts'
import * as attar from '../../compiler/index.ts'
import { modelReport } from '../../compiler/report/inspection/model-page.ts'
import { moduleReport } from '../../compiler/report/inspection/module-page.ts'
import { samplesOf } from './data.ts'
import type { Choices, CompiledModel, ShownFile } from './protocol.ts'

export interface Model {
  /** Of the files. */
  readonly name: string
  readonly bytes: Uint8Array
  /** Files with its weights. */
  readonly readExternal: (name: string) => Uint8Array
}

/** What can be run. */
export interface Built {
  readonly compiled: attar.Compiled
  readonly choices: Choices
}

export interface Listener {
  readonly progress: (text: string) => void
  /** What is inside, before it is known what becomes of it. */
  readonly inspected: (html: string) => void
}

/** Throws the CompileError of what fails. */
export async function build(
  model: Model,
  choices: Choices,
  listener: Listener,
): Promise<Built & { readonly shown: CompiledModel }> {
  const begin = performance.now()
  const importing = importOptions(model, choices)
  listener.progress('reading the model')
  const description = await layersOf(model.bytes, importing)
  listener.inspected(inspection(description))
  if (description.diagnostics.length > 0) throw new attar.CompileError(description.diagnostics)
  const imported = attar.importModel(model.bytes, importing)
  const { source, notes } = await smaller(imported, choices, importing, listener)
  const { state } = importing
  const { pictures, source: complete } = choices.pixels
    ? await withPictures(model.bytes, source, { input: true, ...choices }, state)
    : { source }
  const targets = choices.target === 'both' ? attar.targets : [choices.target]
  const compiled = await attar.compile(complete, {
    ...importing,
    ...{ targets, sparse: choices.sparse, onPhase: listener.progress },
    ...(pictures && { pictures }),
  })
  listener.progress('writing')
  const artefacts = attar.artefacts(compiled, model.name, { inline: choices.inline })
  const files = await Promise.all(Object.entries(artefacts).map(shownFile))
  const sizes = new Map<attar.Target, number>()
  for (const target of targets) sizes.set(target, await gzipSize(compiled.modules[target]!))
  const shown: CompiledModel = {
    model: inspection(description, compiled, sizes),
    modules: targets.map((target) => ({ target, html: moduleHtml(compiled, target, sizes.get(target)!) })),
    files,
    inputs: compiled.spec.inputs.map((port) => ({ name: port.name, type: attar.formatType(port) })),
    notes: [...notes, ...compiled.warnings.flatMap(attar.warningLines)],
    ms: performance.now() - begin,
  }
  return { compiled, choices, shown }
}

type Importing = ReturnType<typeof importOptions>

function importOptions({ bytes, readExternal }: Model, { dims, shapes, bind, state, stateInit }: Choices) {
  const inputs = new Map(attar.decodeModel(bytes, readExternal).graph.inputs.map((input) => [input.name, input]))
  const read = (texts: Choices['bind'], what: string): Record<string, attar.Tensor> =>
    Object.fromEntries(
      Object.entries(texts).map(([name, text]) => {
        const { dtype, shape } = inputs.get(name)!
        return [name, parseLiteral(text, { dtype: dtype ?? 'f32', shape }, `${what} of "${name}"`)]
      }),
    )
  const hasState = Object.keys(state).length > 0
  return {
    ...{ dims, shapes, bind: read(bind, 'the value'), readExternal },
    ...(hasState && { state, stateStart: read(stateInit, 'the start') }),
  } satisfies attar.CompileOptions as attar.CompileOptions
}

/** The model in integers, where that is chosen. */
async function smaller(
  imported: attar.ImportedModel,
  choices: Choices,
  importing: Importing,
  { progress }: Listener,
): Promise<{ source: attar.Imported; notes: readonly string[] }> {
  const { graph, training: _, ...rest } = imported
  const { quantize: mode, bits, calibration: files, preprocess } = choices
  if (!mode) return { source: { graph, ...rest }, notes: [] }
  const { bind, state = {}, stateStart = {} } = importing
  const inputs = inputsWithout(graph, state)
  if (mode === 'int8' && files.length === 0)
    attar.fail('A501', 'integers for activations need calibration data: inputs that show the ranges of the values', {
      hint: 'give an .npz, an .npy or pictures, or choose integers for the weights alone',
    })
  progress('reading data')
  const data = files.length > 0 ? await samplesOf(files, inputs, preprocess) : { samples: [], notes: [] }
  const onProgress = (step: string, done: number, of: number): void => progress(`${step} ${done + 1}/${of}`)
  const states = { bind: bind ?? {}, state, stateStart, names: rest.names, onProgress }
  const calibration =
    Object.keys(state).length > 0 ? await attar.carryStates(graph, data.samples, states) : data.samples
  const result = await attar.quantize(graph, {
    ...{ mode, calibration, state, sensitivity: false, onProgress },
    ...(bits && { bits }),
  })
  const kept = data.picture && {
    [attar.preprocessKey]: JSON.stringify(completePreprocess(preprocess, inputs[0]!)),
  }
  const { quantization } = result
  const { accuracy } = quantization
  return {
    source: { ...rest, ...result, metadata: { ...rest.metadata, ...kept, ...result.metadata } },
    notes: [
      ...data.notes,
      `Weights: ${quantization.floatBytes.toLocaleString('en-US')} bytes became ${quantization.bytes.toLocaleString('en-US')}${quantization.samples > 0 ? `, calibrated on ${quantization.samples} samples` : ''}.`,
      ...(accuracy ? [describeAccuracy(accuracy)] : []),
      ...quantization.notes,
    ],
  }
}

/** Inputs that come from outside with each run. */
export const inputsWithout = (graph: attar.Graph, state: object) =>
  graph.inputs.filter(({ name }) => !Object.hasOwn(state, name)).map(({ name, value }) => ({ name, ...value.type }))

function inspection(
  description: ModelDescription,
  compiled?: attar.Compiled,
  sizes?: ReadonlyMap<attar.Target, number>,
): string {
  const target = compiled?.modules['relaxed-simd'] ? 'relaxed-simd' : 'simd'
  return modelReport({
    opsets: Object.entries(description.opsets)
      .map(([domain, version]) => `${domain} ${version}`)
      .join(', '),
    nodes: nodesOf(description, compiled?.report.kernels),
    parameters: description.parameters,
    macs: description.macs,
    failures: [],
    warnings: description.warnings.map(attar.warningLines),
    ...(compiled && {
      compiled: {
        ...{ bytes: compiled.modules[target]!.length, gzip: sizes!.get(target)!, memory: compiled.report.memory },
        ...{ weights: compiled.report.weights, arena: compiled.report.arena },
        moments: compiled.report.kernels.map(({ kernel, nodes, live }) => ({ label: nodes.at(-1) ?? kernel, live })),
      },
    }),
  }).join('\n')
}

function moduleHtml({ modules, spec, report }: attar.Compiled, target: attar.Target, gzip: number): string {
  const module = modules[target]!
  const inspected = attar.inspectModule(module)
  const kernels = report.kernels.map((each) => ({
    ...each,
    names: [attar.kernelName(each, target), each.kernel] as const,
  }))
  const bytes = bytesOfKernels(inspected, kernels)
  const port = (kind: string) => (each: attar.PortSpec) => [kind, each.name, attar.formatType(each)] as const
  return moduleReport({
    ...{ bytes: module.length, gzip, memory: report.memory },
    ...{ weights: report.weights, arena: report.arena },
    sections: inspected.sections.map(({ name, bytes }) => ({ name, bytes })),
    ports: [
      ...spec.inputs.map(port('input')),
      ...spec.outputs.map(port('output')),
      ...(spec.states ?? []).map(port('state')),
    ],
    ...(bytes && {
      kernels: kernels.map(({ names, nodes, macs, live }, i) => ({
        kernel: [...new Set(names)].join(' or '),
        ...{ nodes, macs, live, ...bytes[i]! },
      })),
    }),
  }).join('\n')
}

async function shownFile([name, content]: readonly [string, Uint8Array | string]): Promise<ShownFile> {
  const bytes = new Uint8Array(typeof content === 'string' ? new TextEncoder().encode(content) : content)
  return { name, bytes, gzip: await gzipSize(bytes) }
}

/** Bytes after gzip, by the browser's own, which takes seconds less for large models than one in JavaScript. */
async function gzipSize(bytes: Uint8Array): Promise<number> {
  const packed = new Blob([bytes as BlobPart]).stream().pipeThrough(new CompressionStream('gzip'))
  let size = 0
  await packed.pipeTo(new WritableStream({ write: (chunk) => void (size += chunk.length) }))
  return size
}
