/**
 * Binaryen for Node. The package is one script of 14 MB that holds its WebAssembly module as a literal, which engines take most of a
 * second to parse. Here the literal is read as the bytes that it is, and engines see the script around it.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import type binaryen from 'binaryen'

export interface Parts {
  readonly module: Uint8Array
  /** Before and behind the expression that is the module. */
  readonly around: readonly [string, string]
}

const [backslash, backtick, nine, x] = [92, 96, 57, 120]
const escapes = new Map(Object.entries({ 0: 0, b: 8, t: 9, n: 10, v: 11, f: 12, r: 13 }))
const byEscape = Uint8Array.from({ length: 256 }, (_, i) => escapes.get(String.fromCharCode(i)) ?? i)
const hex = (digit: number): number => (digit & 15) + (digit > nine ? 9 : 0)

/**
 * A script that has one module as `` decoder(`\0asm…`) `` with a character for each byte. Undefined where it looks otherwise. The bytes
 * are written over `source`.
 */
export function takeApart(source: Buffer): Parts | undefined {
  const opening = source.indexOf('(`\\0asm')
  const [head] = opening < 0 ? [] : (/^[^]*?(?=[\w$]+$)/.exec(source.toString('latin1', 0, opening)) ?? [])
  if (head === undefined) return undefined
  const begin = opening + 2
  let [from, to] = [begin, begin]
  while (source[from] !== backtick) {
    const byte = source[from++]
    // It has no end, or characters that are not bytes.
    if (byte === undefined || byte > 127) return undefined
    if (byte !== backslash) source[to++] = byte
    else if (source[from] !== x) source[to++] = byEscape[source[from++]!]!
    else {
      source[to++] = (hex(source[from + 1]!) << 4) | hex(source[from + 2]!)
      from += 3
    }
  }
  // The backtick, and the parenthesis behind it.
  return { module: source.subarray(begin, to), around: [head, source.toString('latin1', from + 2)] }
}

type Run = (module: Uint8Array, url: string) => Promise<typeof binaryen>
const AsyncFunction = (async () => {}).constructor as new (...parts: string[]) => Run

async function load(): Promise<typeof binaryen> {
  try {
    const path = createRequire(import.meta.url).resolve('binaryen')
    const parts = takeApart(readFileSync(path))
    if (parts) {
      const body = parts.around
        .join('module')
        .replaceAll('import.meta.url', 'url')
        .replace(/export\s*\{\s*([\w$]+) as default\s*\};?\s*$/, 'return $1')
      const found = await new AsyncFunction('module', 'url', body)(parts.module, pathToFileURL(path).href)
      if (found) return found
    }
  } catch {
    // Another version of the package may look otherwise, and some hosts let no text become code.
  }
  return (await import('binaryen')).default
}

export default await load()
