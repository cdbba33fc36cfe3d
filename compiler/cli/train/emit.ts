import type { Settings } from '../../config/schema.ts'
import type { Compiled } from '../../index.ts'
import type { StepProgram } from '../../train/index.ts'
import { formatCount, formatTable } from '../format.ts'
import { moduleType } from '../module-type.ts'
import type { ShapeOptions } from '../options.ts'
import type { PartSize } from '../sizes.ts'
import type { Terminal } from '../terminal.ts'
import { fitOptions, prepare } from './prepare.ts'

/** Fields of a configuration's `train` that a step depends on. */
const stepFields: ReadonlySet<string> = new Set([
  ...['batch', 'optimizer', 'loss', 'labelSmoothing', 'clipNorm', 'freeze', 'freezeStatistics'],
])

/** Writes the training step and the prediction as two compiled models into the folder `output`. */
export async function emitStep(settings: Settings, options: ShapeOptions, output: string, terminal: Terminal) {
  const { artefacts, classesKey, compile, moduleFile, targets } = await import('../../index.ts')
  const { writeFiles } = await import('../../data/index.ts')
  const { checkFit, standalonePrediction, standaloneStep } = await import('../../train/index.ts')
  const { compiledExecutor } = await import('../../execute.ts')
  const { moduleSizes, scriptSizes } = await import('../sizes.ts')
  await checkFields(settings)
  terminal.status('importing')
  const prepared = await prepare(settings, options)
  prepared.notes.forEach((note) => terminal.err(note))
  const { model, metadata, classes } = prepared
  const fitting = await fitOptions(settings, prepared, undefined)
  checkFit(model, fitting, compiledExecutor)
  const step = { ...fitting, average: undefined }

  const compiled = async (name: string, { graph, state, start }: StepProgram, own: typeof metadata) => {
    terminal.status(`compiling ${name}`)
    return { name, compiled: await compile({ graph, metadata: own }, { state, stateStart: start }) }
  }
  const both = [
    await compiled('step', standaloneStep(model, step), {}),
    await compiled('predict', standalonePrediction(model, step), {
      ...metadata,
      ...(classes && { [classesKey]: JSON.stringify(classes) }),
    }),
  ]
  // A report of each would be called the same.
  const files = both.flatMap(({ name, compiled }) =>
    Object.entries(artefacts(compiled, name)).filter(([file]) => file !== 'report.json'),
  )
  writeFiles(output, { ...Object.fromEntries(files), ...moduleType(output, 'step.js', terminal) })

  const parts: PartSize[] = []
  for (const { name, compiled } of both) {
    for (const target of targets)
      parts.push(...(await moduleSizes(moduleFile(name, target), compiled.modules[target]!, false)))
    parts.push(await scriptSizes(`${name}.js`, String(Object.fromEntries(files)[`${name}.js`]), false))
  }
  const specs = Object.fromEntries(both.map(({ name, compiled: { spec, report } }) => [name, { spec, report }]))
  return {
    report: { output, files: files.map(([file]) => file), parts, ...specs },
    lines: [...sizeTable(parts), ...both.flatMap(({ name, compiled }) => ['', ...portsOf(name, compiled)])],
  }
}

/** A702 for fields of a configuration that change what is trained but cannot be part of the step. */
async function checkFields({ train = {}, prune, quantize, sparsify }: Settings): Promise<void> {
  const { fail } = await import('../../index.ts')
  if (prune) fail('A702', 'prune: has no effect with --emit-step', { hint: 'prune in a training before that' })
  if (quantize) fail('A702', 'quantize: has no effect with --emit-step', { hint: 'quantize in a training of its own' })
  if (sparsify)
    fail('A702', 'sparsify: has no effect with --emit-step', { hint: 'make weights zero in a training before that' })
  for (const field of ['average', 'classWeights'] as const)
    if (train[field] !== undefined)
      fail('A702', `train.${field}: has no effect with --emit-step`, {
        ...(field === 'classWeights' && { hint: 'give each sample its weight, in the input "weight" of the step' }),
      })
}

/** What of a configuration is up to who runs the step; undefined where there is nothing. */
export function leftOut(settings: Settings): string | undefined {
  const { train = {}, augment, data = {} } = settings
  const fields = [
    ...Object.keys(train).filter((field) => !stepFields.has(field)),
    ...(augment ? ['augment'] : []),
    ...(Object.keys(data).length > 0 ? ['data'] : []),
  ]
  return fields.length === 0 ? undefined : `not in the step, but up to who runs it: ${fields.join(', ')}`
}

const sizeTable = (parts: readonly PartSize[]): string[] =>
  formatTable([
    ['bytes', 'raw', 'gzip', 'brotli'],
    ...parts.map(({ part, raw, gzip, brotli }) => [
      part,
      ...[raw, gzip, brotli].map((n) => (n === undefined ? '' : formatCount(n))),
    ]),
  ])

function portsOf(name: string, { spec }: Compiled): string[] {
  const list = (ports: readonly { name: string; dtype: string; shape: readonly number[] }[]): string =>
    ports.map((port) => `${port.name} ${port.dtype}[${port.shape.join(',')}]`).join(', ')
  return [
    ...[`${name}: inputs ${list(spec.inputs)}`, `  outputs ${list(spec.outputs)}`],
    `  states ${list(spec.states ?? [])}`,
  ]
}
