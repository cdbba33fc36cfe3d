import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Entry } from './cache.ts'

/**
 * The script of a compiled model, with what `address` says in place of the addresses of its modules: an expression that gives
 * a URL or a string.
 */
export function moduleCode({ folder, name, modules }: Entry, address: (file: string) => string): string {
  const code = readFileSync(join(folder, `${name}.js`), 'utf8')
  return modules.reduce((text, file) => {
    // The form in which compiler/package/script.ts writes it.
    const written = `new URL(${JSON.stringify(`./${encodeURIComponent(file)}`)}, import.meta.url)`
    if (!text.includes(written)) throw new Error(`${name}.js does not name ${file}`)
    return text.replaceAll(written, () => address(join(folder, file)))
  }, code)
}

/** What stands for a model that does not compile where a bundler goes on: it exports what others import, and says so when it runs. */
export const failedCode = (message: string): string =>
  `export let spec, target, instantiate, load\nthrow new Error(${JSON.stringify(message)})\n`
