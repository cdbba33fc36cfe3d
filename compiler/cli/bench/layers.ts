import { basename, dirname } from 'node:path'
import type { LayerBench } from '../../bench/index.ts'
import type { Target } from '../../index.ts'
import { formatTable, toJson } from '../format.ts'
import { importOptions, stateOptions, type ShapeOptions, type StateOptions } from '../options.ts'
import { writePlan } from '../plan.ts'
import type { Terminal } from '../terminal.ts'

export interface LayerOptions extends ShapeOptions, StateOptions {
  /** Of the random inputs. */
  seed: number
}

/** Kernels of a model in the order they run, timed one by one in this process, and the whole run. */
export async function timedLayers(
  path: string,
  options: LayerOptions,
  terminal: Terminal,
): Promise<LayerBench & { readonly target: Target }> {
  const { randomInputs, readFile } = await import('../../data/index.ts')
  const { compile, target } = await import('../../index.ts')
  const { benchLayers } = await import('../../bench/index.ts')
  terminal.status('compiling')
  const compiled = await compile(readFile(path), {
    ...(await importOptions(path, options)),
    ...(await stateOptions(path, options)),
    targets: [target],
    instrument: true,
  })
  terminal.status('measuring each kernel')
  return { ...(await benchLayers(compiled, target, randomInputs(compiled.spec.inputs, options.seed))), target }
}

/** Prints where a model's time goes: its kernels in the order they run, with their share of all. */
export async function layersOf(
  path: string,
  options: LayerOptions & { json?: boolean; plan?: string },
  terminal: Terminal,
): Promise<void> {
  if (options.plan !== undefined) {
    const { checkWritable } = await import('../../data/files.ts')
    checkWritable(dirname(options.plan), [basename(options.plan)])
  }
  const { target, ...bench } = await timedLayers(path, options, terminal)
  const { layers, runMs, macs, peaks } = bench
  if (options.plan !== undefined) await writePlan(options.plan, bench, target)
  if (options.json) {
    for (const layer of layers) terminal.out(toJson(layer))
    return
  }
  const { describePeaks } = await import('../../bench/index.ts')
  const sum = layers.reduce((total, layer) => total + layer.medianMs, 0)
  const percent = (share: number, digits: number): string => `${(100 * share).toFixed(digits)} %`
  const rows = layers.map(({ kernel, nodes, macs, medianMs, gmacs, ofPeak }) => [
    kernel,
    macs > 0 ? String(macs) : '',
    (medianMs * 1000).toFixed(1),
    percent(medianMs / sum, 1),
    gmacs === null ? '' : gmacs.toFixed(1),
    ofPeak === null ? '' : percent(ofPeak, 0),
    nodes.at(-1) ?? '',
  ])
  terminal.out(formatTable([['kernel', 'MACs', 'µs', 'share', 'GMAC/s', 'of peak', 'node'], ...rows]))
  terminal.out(
    `${target}: the whole run takes ${runMs.toPrecision(3)} ms, its kernels one by one ${sum.toPrecision(3)} ms`,
  )
  terminal.out(`registers reach ${describePeaks(peaks, macs)}`)
}
