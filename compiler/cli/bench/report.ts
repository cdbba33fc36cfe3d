import { basename, dirname } from 'node:path'
import type { ReportContent } from '../../bench/index.ts'
import { timedLayers, type LayerOptions } from './layers.ts'
import type { Terminal } from '../terminal.ts'

/** Writes the report into a file; of an ONNX model, kernel by kernel too. */
export async function writeReport(
  file: string,
  content: ReportContent,
  model: string | undefined,
  options: LayerOptions,
  terminal: Terminal,
): Promise<void> {
  const { writeFiles } = await import('../../data/index.ts')
  const { reportPage } = await import('../../bench/index.ts')
  const apart = model === undefined ? undefined : await timedLayers(model, options, terminal)
  const layers = apart && { ...apart, engine: `Node ${process.version}` }
  const page = await reportPage({ ...content, ...(layers && { layers }) })
  writeFiles(dirname(file), { [basename(file)]: page })
}
