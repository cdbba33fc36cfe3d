import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, relative, sep } from 'node:path'
import { writeFiles } from '../data/files.ts'
import type { Entry } from './cache.ts'
import type { ModelImport } from './query.ts'

const head = '// Types of the models that are imported with ?attar. Made by attar: changes are lost.\n'

/** `// FOLDER/model.onnx`, then the import's declarations up to the brace that closes them. */
const block = /^\/\/ (\S.*)\ndeclare module ("\*.*") \{\n[^]*?^\}\n/gm

/**
 * Writes the types of an import into `file`, beside those of others. The import is known by the end of its specifier, the
 * model's file name and the query, since TypeScript has no declarations for a relative one. Gives the model that another file imports
 * under the same end, where there is one: its types stay.
 */
export function declareImport(file: string, { path, query }: ModelImport, { folder, name }: Entry): string | undefined {
  const own = relative(dirname(file), path).split(sep).join('/')
  const pattern = JSON.stringify(`*/${basename(path)}?${query}`)
  const before = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const blocks = new Map<string, { readonly model: string; readonly text: string }>()
  for (const [text, model, of] of before.matchAll(block))
    if (existsSync(join(dirname(file), model!))) blocks.set(of!, { model: model!, text })
  const other = blocks.get(pattern)
  if (other && other.model !== own) return other.model
  // Within a declaration all is declared.
  const types = readFileSync(join(folder, `${name}.d.ts`), 'utf8').replaceAll(/^export declare /gm, 'export ')
  const lines = types.trimEnd().split('\n')
  const body = lines.map((line) => (line === '' ? '' : `  ${line}`)).join('\n')
  blocks.set(pattern, { model: own, text: `// ${own}\ndeclare module ${pattern} {\n${body}\n}\n` })
  const sorted = [...blocks].sort(([a], [b]) => (a < b ? -1 : 1))
  const after = [head, ...sorted.map(([, { text }]) => text)].join('\n')
  if (after !== before) writeFiles(dirname(file), { [basename(file)]: after })
  return undefined
}
