import { join } from 'node:path'
import type { Settings } from '../../config/schema.ts'
import type { ImportedModel } from '../../index.ts'
import { trainRun } from '../train/run.ts'
import type { Training } from './candidate.ts'
import type { Search } from './stage.ts'

export interface Trained {
  readonly model: ImportedModel
  readonly path: string
  readonly training: Training
}

/** Trains as `settings` say, without the test data. Ends before its time where the search's is over. */
export async function trained(settings: Settings, name: string, search: Search): Promise<Trained> {
  const { importModel } = await import('../../index.ts')
  const { readFile } = await import('../../data/index.ts')
  const { subject, folder, terminal, signal, say } = search
  const { test: _, ...data } = settings.data ?? {}
  const own = { ...settings, data, output: undefined }
  const output = join(folder, name)
  const quiet = { ...terminal, out: (lines: string | readonly string[]) => [lines].flat().forEach(say) }
  const { report } = await trainRun(own, { ...subject.options, json: false }, output, quiet, {
    signal,
    onEpoch: () => Promise.resolve(),
  })
  const path = join(output, 'model.onnx')
  const { pruning, student, history } = report
  const model = importModel(readFile(path), { dims: { batch: 1 } })
  return {
    ...{ model, path },
    training: { settings: own, history, ...(pruning && { pruning }), ...(student && { student }) },
  }
}
