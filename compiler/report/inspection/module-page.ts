import { escape, note, page, section, table } from '../frame.ts'
import { memoryOverTime } from './memory.ts'
import { bar, count, figures, number, rows, short, style, text } from './parts.ts'

/** A kernel of a module, in the order they run. */
export interface ModuleKernel {
  readonly kernel: string
  /** The ONNX nodes that it computes. */
  readonly nodes: readonly string[]
  readonly macs: number
  readonly code: number
  readonly weights: number
  readonly live?: number
  /** Measured. */
  readonly ms?: number
}

export interface ModulePage {
  readonly name: string
  readonly bytes: number
  readonly gzip: number
  readonly memory: number
  readonly sections: readonly { readonly name: string; readonly bytes: number }[]
  readonly ports: readonly (readonly [kind: string, name: string, type: string])[]
  /** Where the report of its compilation stands beside it. */
  readonly kernels?: readonly ModuleKernel[]
  readonly weights: number
  readonly arena: number
  /** Where the times are of. */
  readonly measured?: string
}

/** A compiled module: its bytes, kernels, milliseconds and memory. */
export const modulePage = (content: ModulePage): string =>
  page(
    `${content.name}: what is inside`,
    [`<h1>${escape(content.name)}</h1>`, note('A module that attar compiled.'), ...moduleReport(content)],
    style,
  )

/** What stands on that page below its title. */
export function moduleReport(content: Omit<ModulePage, 'name'>): string[] {
  const { bytes, gzip, memory, sections, ports, kernels, weights, arena, measured } = content
  const total = (of: (kernel: ModuleKernel) => number | undefined): number =>
    (kernels ?? []).reduce((sum, kernel) => sum + (of(kernel) ?? 0), 0)
  const most = (of: (kernel: ModuleKernel) => number | undefined): number =>
    (kernels ?? []).reduce((greatest, kernel) => Math.max(greatest, of(kernel) ?? 0), 0)
  const largest = Math.max(...sections.map((each) => each.bytes))
  const bytesOf = ({ code, weights: own }: ModuleKernel): number => code + own
  const shown: (readonly [string, string, string])[] = [
    ['module', count(bytes), `bytes, ${count(gzip)} after gzip`],
    ['memory', count(memory), 'bytes of an instance'],
    ...(kernels
      ? ([['kernels', count(kernels.length), `${count(total(({ macs }) => macs))} multiply-adds a run`]] as const)
      : []),
    ...(measured === undefined
      ? []
      : ([['time', `${short(total(({ ms }) => ms))} ms`, `kernels one by one, ${measured}`]] as const)),
  ]
  const times = measured !== undefined
  const columns = [
    '',
    'layer',
    'kernel',
    'multiply-adds',
    'bytes',
    'of them weights',
    ...(times ? ['µs'] : []),
    'alive',
  ]
  const layer = (kernel: ModuleKernel, i: number): string[] => [
    `<th scope="row">${i + 1}</th>`,
    text(kernel.nodes.join(', '), 40),
    text(kernel.kernel),
    number(kernel.macs),
    bar(bytesOf(kernel), most(bytesOf)),
    number(kernel.weights),
    ...(times ? [bar(kernel.ms && 1000 * kernel.ms, 1000 * most(({ ms }) => ms), short)] : []),
    bar(
      kernel.live,
      most(({ live }) => live),
    ),
  ]
  const moments = (kernels ?? []).flatMap(({ nodes, kernel, live }) =>
    live === undefined ? [] : [{ label: nodes.at(-1) ?? kernel, live }],
  )
  const layers = kernels
    ? section('Layer by layer', [
        note(
          'Kernels in the order they run, with the ONNX nodes that each computes. Code and weights that several share count for the first. “Alive” are the bytes of activations in memory while it runs.',
        ),
        rows(columns, kernels.map(layer)),
        ...(moments.length > 0 && moments.length === kernels.length ? [memoryOverTime(moments, weights, arena)] : []),
      ])
    : section('Layer by layer', [
        note('Which kernel computes what stands in report.json, and none of this module’s compilation is beside it.'),
      ])
  return [
    figures(shown),
    layers,
    section('Bytes by section', [
      rows(
        ['section', 'bytes', 'share'],
        sections.map((each) => [
          `<th scope="row">${escape(each.name)}</th>`,
          bar(each.bytes, largest),
          text(`${((100 * each.bytes) / bytes).toFixed(1)} %`),
        ]),
      ),
    ]),
    section('Inputs and outputs', [
      table(
        ['name', 'kind', 'type'],
        ports.map(([kind, port, type]) => [port, kind, type]),
      ),
    ]),
  ]
}
