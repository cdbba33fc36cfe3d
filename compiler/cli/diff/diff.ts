import { statSync } from 'node:fs'
import { basename } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { formatCount, formatTable, paragraphs, toJson } from '../format.ts'
import type { AddCommand } from '../program.ts'
import type { Change, FileChange, ModuleChange, Pair } from './compare.ts'

interface Options {
  readonly failIfLarger?: Growth
  readonly json?: boolean
}

/** So many bytes, or parts of what it was. */
interface Growth {
  readonly text: string
  readonly allowed: (before: number) => number
}

const usage = `
attar diff before/model.wasm after/model.wasm
attar diff before/ after/           the script and both modules of a folder that attar compiled into
attar diff before/ after/ --fail-if-larger 1%

Layers are of the report.json beside each module. A function or constant that several layers share counts
for the first of them.`

function growth(text: string): Growth {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(%|B|kB|KiB)$/.exec(text) ?? []
  if (number === undefined)
    throw new InvalidArgumentError('It is neither a percentage, such as 1%, nor a size, such as 500B.')
  const amount = Number(number)
  if (unit === '%') return { text, allowed: (before) => (before * amount) / 100 }
  return { text, allowed: () => amount * { B: 1, kB: 1000, KiB: 1024 }[unit as 'B' | 'kB' | 'KiB'] }
}

export const addDiff: AddCommand = (program, terminal, done) => {
  program
    .command('diff')
    .description('Compare two compiled models byte by byte: by section, layer and kernel.')
    .argument('<before>', 'a module (.wasm), or a folder that attar compiled into')
    .argument('<after>', 'another')
    .option('--fail-if-larger <growth>', 'exit with 1 if a file grew by more than this after gzip: 1%, 500B', growth)
    .option('--json', 'print one JSON object')
    .addHelpText('after', usage)
    .action(async (before: string, after: string, options: Options) => {
      const { fileChange, moduleChange } = await import('./compare.ts')
      const pairs = await pairsOf(before, after)
      const files = await Promise.all(pairs.map(fileChange))
      const modules = pairs.filter(({ name }) => name !== 'script').map(moduleChange)
      const { failIfLarger } = options
      const larger = failIfLarger
        ? files
            .filter(({ gzip }) => gzip.after - gzip.before > failIfLarger.allowed(gzip.before))
            .map(({ name }) => name)
        : []
      if (options.json) terminal.out(toJson({ before, after, files, modules, ...(failIfLarger && { larger }) }))
      else terminal.out(describe(files, modules))
      for (const name of larger) terminal.err(`${name} grew by more than ${failIfLarger!.text} after gzip`)
      if (larger.length > 0) done(1)
    })
}

/** The two modules, or what the folders have of each kind. A501 for a folder and a module. */
async function pairsOf(before: string, after: string): Promise<Pair[]> {
  const { fail } = await import('../../index.ts')
  const { readFile } = await import('../../data/files.ts')
  const { filesOf } = await import('./compare.ts')
  const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  if (isFolder(before) !== isFolder(after))
    fail('A501', 'one is a folder and the other is not: give it two modules, or two folders')
  if (!isFolder(before)) {
    const [a, b] = [before, after].map((path) => ({ path, content: readFile(path) }))
    const names = [...new Set([before, after].map((path) => basename(path)))]
    return [{ name: names.join(' → '), before: a, after: b }]
  }
  const [a, b] = [await filesOf(before), await filesOf(after)]
  const kinds = ['script', 'simd', 'relaxed-simd'].filter((kind) => a.files.has(kind) || b.files.has(kind))
  return kinds.map((name) => ({ name, before: a.files.get(name), after: b.files.get(name) }))
}

const signed = (n: number): string => (n > 0 ? `+${formatCount(n)}` : formatCount(n))

function percent({ before, after }: Omit<Change, 'name'>): string {
  if (before === after) return ''
  if (before === 0) return 'new'
  if (after === 0) return 'gone'
  const share = (100 * (after - before)) / before
  if (Math.abs(share) < 0.05) return '< 0.1 %'
  return `${share > 0 ? '+' : ''}${share.toFixed(Math.abs(share) < 10 ? 1 : 0)} %`
}

const rowOf = ({ name, ...change }: Change): string[] => [
  name,
  ...[change.before, change.after].map(formatCount),
  change.after === change.before ? '0' : signed(change.after - change.before),
  percent(change),
]

/** Rows of what changed, and how much did not. */
function tableOf(title: string, changes: readonly Change[]): string[] {
  const changed = changes.filter(({ before, after }) => before !== after)
  const same = changes.length - changed.length
  if (changed.length === 0) return [`${title}: nothing changed`]
  const rest = same > 0 ? [[`${same} more did not change`, '', '', '', '']] : []
  return formatTable([[title, 'before', 'after', 'change', ''], ...changed.map(rowOf), ...rest])
}

function describe(files: readonly FileChange[], modules: readonly ModuleChange[]): string[] {
  const totals = files.flatMap(({ name, raw, gzip }) => [
    rowOf({ name, ...raw }),
    rowOf({ name: '  after gzip', ...gzip }),
  ])
  return paragraphs([
    formatTable([['bytes', 'before', 'after', 'change', ''], ...totals]),
    ...modules.flatMap(({ name, sections, kernels, layers }) => [
      tableOf(`${name}: section`, sections),
      tableOf(`${name}: code`, kernels),
      layers
        ? tableOf(`${name}: layer`, layers)
        : [`${name}: layers are not known, since a module has no report.json of its compilation beside it`],
    ]),
  ])
}
