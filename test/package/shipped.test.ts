import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { takeApart } from '../../compiler/wasm/binaryen.ts'

interface Packed {
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string }[]
}

const installed = createRequire(import.meta.url).resolve('binaryen')

describe('what npm pack puts into the package', () => {
  const told = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' })
  const [{ files, size, unpackedSize }] = JSON.parse(told) as [Packed]
  const paths = files.map(({ path }) => path)

  it('is the compiled compiler, its types and what npm adds', () => {
    const others = paths.filter((path) => !/^dist\/(compiler|runtime)\/.*\.(js|d\.ts)$/.test(path)).sort()
    expect(others).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'compiler/plugin/client.d.ts', 'package.json'])
  })

  it('has what package.json points at', () => {
    const { bin, exports, imports } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<string, object>
    const targets = JSON.stringify([bin, exports, imports]).match(/(?<=")(\.\/)?(dist|compiler)\/[^"]+/g)!
    expect(targets.length).toBeGreaterThan(10)
    expect(targets.map((path) => path.replace('./', '')).filter((path) => !paths.includes(path))).toEqual([])
  })

  it('is 1.5 MB to download, 5 MB on disk at most', () => {
    expect(size).toBeLessThan(1_500_000)
    expect(unpackedSize).toBeLessThan(5_000_000)
  })
})

describe('Binaryen as Node loads it', () => {
  it('is taken from the installed package, byte for byte', () => {
    const source = readFileSync(installed)
    const text = source.toString('latin1')
    const { module, around } = takeApart(source)!
    expect(WebAssembly.validate(new Uint8Array(module))).toBe(true)
    // The call that was left out, as JavaScript reads its argument.
    expect([text.startsWith(around[0]), text.endsWith(around[1])]).toEqual([true, true])
    const call = text.slice(around[0].length, -around[1].length)
    const argument = new Function(`return ${call.slice(call.indexOf('('))}`)() as string
    expect(Buffer.from(argument, 'latin1').equals(module)).toBe(true)
  })

  it.each(['', 'export default 1', 'f(`\\0asm', 'f(`\\0asm\u00ff`)', '(`\\0asm`)'])(
    'is not looked for in %j',
    (text) => {
      expect(takeApart(Buffer.from(text, 'latin1'))).toBeUndefined()
    },
  )
})
