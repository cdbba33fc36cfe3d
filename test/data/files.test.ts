import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { readerBeside, readFile, writeFiles } from '../../compiler/data/index.ts'

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'attar-'))))
afterEach(() => rmSync(folder, { recursive: true }))

describe('files', () => {
  it('reads regular files only', () => {
    writeFileSync(join(folder, 'a'), 'abc')
    expect(new TextDecoder().decode(readFile(join(folder, 'a')))).toBe('abc')
    expect(() => readFile(folder)).toThrow(/A502/)
    expect(() => readFile(join(folder, 'b'))).toThrow(/A502[^]*there is no such file/)
    expect(() => readFile('/dev/zero')).toThrow(/A502/)
  })

  it('reads beside a model, nothing outside', () => {
    mkdirSync(join(folder, 'model/sub'), { recursive: true })
    writeFileSync(join(folder, 'secret'), 'no')
    writeFileSync(join(folder, 'model/sub/weights'), 'yes')
    symlinkSync(join(folder, 'secret'), join(folder, 'model/link'))
    const read = readerBeside(join(folder, 'model/model.onnx'))
    expect(new TextDecoder().decode(read('sub/weights'))).toBe('yes')
    expect(() => read('../secret')).toThrow(/outside/)
    expect(() => read('link')).toThrow(/outside/)
  })

  it('writes all files or none', () => {
    const out = join(folder, 'deep/out')
    writeFiles(out, { a: 'text', b: Uint8Array.of(1, 2) })
    expect(readFileSync(join(out, 'b'))).toEqual(Buffer.of(1, 2))
    expect(() => writeFiles(out, { a: 'changed', 'missing/c': 'x' })).toThrow(/A505/)
    expect(readFileSync(join(out, 'a'), 'utf8')).toBe('text')
    expect(readdirSync(out)).toEqual(['a', 'b'])
    expect(() => writeFiles(join(folder, 'new/one'), { 'missing/c': 'x' })).toThrow(/A505/)
    expect(existsSync(join(folder, 'new'))).toBe(false)
  })

  it('brings back what it replaced where a later file cannot be put in its place', () => {
    writeFiles(folder, { a: 'first' })
    // It cannot be removed as a file, and nobody knows before.
    const files = {
      a: 'second',
      b: 'new',
      get c() {
        mkdirSync(join(folder, 'c/full'), { recursive: true })
        return 'third'
      },
    }
    expect(() => writeFiles(folder, files)).toThrow(/A505/)
    expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('first')
    expect(readdirSync(folder).sort()).toEqual(['a', 'c'])
  })

  it('refuses what is no folder on the way and what is no file at the place', () => {
    writeFileSync(join(folder, 'plain'), '')
    mkdirSync(join(folder, 'folder'))
    symlinkSync('plain', join(folder, 'link'))
    symlinkSync('nothing', join(folder, 'dangling'))
    for (const path of ['plain', 'plain/below', 'link', 'dangling', 'dangling/below'])
      expect(() => writeFiles(join(folder, path), { a: '' }), path).toThrow(/A505[^]*(not a folder|link to nothing)/)
    for (const name of ['folder', 'link']) {
      expect(() => writeFiles(folder, { a: '', [name]: '' })).toThrow(`"${name}" is there and is not a regular file`)
      expect(existsSync(join(folder, 'a'))).toBe(false)
    }
    expect(() => writeFiles('/dev', { full: '' })).toThrow(/A505/)
    expect(() => writeFiles(folder, { a: '', ['x'.repeat(300)]: '' })).toThrow(/A505[^]*ENAMETOOLONG/)
    expect(readdirSync(folder).sort()).toEqual(['dangling', 'folder', 'link', 'plain'])
  })
})

const built = fileURLToPath(new URL('../../dist/compiler/data/files.js', import.meta.url))

describe.skipIf(!existsSync(built))('a signal', () => {
  const run = (body: string) =>
    spawnSync(process.execPath, [
      '--input-type=module',
      '-e',
      `const files = await import(${JSON.stringify(built)});${body}`,
    ])

  it.each(['SIGINT', 'SIGTERM'])('%s ends the process when files are written whole, and leaves no others', (signal) => {
    // The content of the second file is asked for when the first is written.
    const result = run(`
      files.writeFiles(${JSON.stringify(folder)}, { a: 'one', get b() { process.kill(process.pid, '${signal}'); return 'two' } })
      setTimeout(() => process.exit(0), 10000)`)
    expect([result.signal, result.stderr.toString()]).toEqual([signal, ''])
    expect(readdirSync(folder)).toEqual(['a', 'b'])
    expect(readFileSync(join(folder, 'b'), 'utf8')).toBe('two')
  })

  it('leaves no temporary folder', () => {
    const result = run(`
      await files.inTemporaryFolder(async (path) => {
        console.log(path)
        setTimeout(() => process.kill(process.pid, 'SIGINT'))
        await new Promise((done) => setTimeout(done, 10000))
      })`)
    expect(result.signal).toBe('SIGINT')
    expect(result.stdout.toString()).toMatch(/attar-/)
    expect(existsSync(result.stdout.toString().trim())).toBe(false)
  })
})
