import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
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
    expect(() => readFile(join(folder, 'b'))).toThrow(/A502[^]*ENOENT/)
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
    expect(() => writeFiles(out, { a: 'changed', 'missing/c': 'x' })).toThrow(/A502/)
    expect(readFileSync(join(out, 'a'), 'utf8')).toBe('text')
    expect(readdirSync(out)).toEqual(['a', 'b'])
  })
})
