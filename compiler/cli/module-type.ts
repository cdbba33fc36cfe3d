import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { readFile } from '../data/files.ts'
import type { Terminal } from './terminal.ts'

/**
 * The package.json by which Node takes `script` in `folder` for an ES module, in packages of CommonJS too. None where one
 * stands there already: it is the user's, who is told if it says otherwise.
 */
export function moduleType(folder: string, script: string, terminal: Terminal): Record<string, string> {
  const path = join(folder, 'package.json')
  if (!existsSync(path)) return { 'package.json': '{ "type": "module" }\n' }
  if (!saysModule(readFile(path))) {
    terminal.err(
      `"${path}" does not say "type": "module". Node and TypeScript take ${script} for CommonJS there, and cannot import it. ` +
        'Add "type": "module" to that file, or write into another folder: attar puts a package.json there that says so.',
    )
  }
  return {}
}

function saysModule(content: Uint8Array): boolean {
  try {
    return (JSON.parse(new TextDecoder().decode(content)) as { type?: unknown }).type === 'module'
  } catch {
    return false
  }
}
