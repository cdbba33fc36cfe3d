import type { Layer } from '../bench/index.ts'
import type { Target } from '../index.ts'
import { formatTable, toJson } from './format.ts'
import { importOptions, type ShapeOptions } from './options.ts'
import type { Terminal } from './terminal.ts'

/** Kernels of a model in the order they run, timed apart in this process, and the whole run. */
export async function timedLayers(
  path: string,
  options: ShapeOptions,
  terminal: Terminal,
): Promise<{ readonly layers: readonly Layer[]; readonly runMs: number; readonly target: Target }> {
  const { readFile } = await import('../data/index.ts')
  const { compile, target } = await import('../index.ts')
  const { benchLayers } = await import('../bench/index.ts')
  terminal.status('compiling')
  const compiled = await compile(readFile(path), {
    ...(await importOptions(path, options)),
    targets: [target],
    instrument: true,
  })
  terminal.status('measuring each kernel')
  return { ...(await benchLayers(compiled, target)), target }
}

/** Prints where a model's time goes: its kernels in the order they run, with their share of all. */
export async function layersOf(
  path: string,
  options: ShapeOptions & { json?: boolean },
  terminal: Terminal,
): Promise<void> {
  const { layers, runMs, target } = await timedLayers(path, options, terminal)
  if (options.json) {
    for (const layer of layers) terminal.out(toJson(layer))
    return
  }
  const sum = layers.reduce((total, layer) => total + layer.medianMs, 0)
  const rows = layers.map(({ kernel, nodes, macs, medianMs, gmacs }) => [
    kernel,
    macs > 0 ? String(macs) : '',
    (medianMs * 1000).toFixed(1),
    `${((100 * medianMs) / sum).toFixed(1)} %`,
    gmacs === null ? '' : gmacs.toFixed(1),
    nodes.at(-1) ?? '',
  ])
  terminal.out(formatTable([['kernel', 'MACs', 'µs', 'share', 'GMAC/s', 'node'], ...rows]))
  terminal.out(`${target}: the whole run takes ${runMs.toPrecision(3)} ms, its kernels apart ${sum.toPrecision(3)} ms`)
}
