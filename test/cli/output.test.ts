import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { model, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const { folder, at, err, attar } = commandLine()
const compile = (...args: string[]): Promise<number> => attar('compile', at('m.onnx'), ...args)

beforeAll(() => {
  const w = tensorOf(
    'f32',
    [16, 8],
    Array.from({ length: 128 }, (_, i) => Math.sin(i)),
  )
  const spec = { inputs: ['x f32[1,16]'], outputs: ['y f32[1,8]'], nodes: ['y = MatMul(x, w)'] }
  writeFileSync(at('m.onnx'), model({ ...spec, initializers: [stored('w', w)] }))
  writeFileSync(at('plain'), 'mine')
})

/** Everything below the folder, with what the files hold. */
const tree = (): Record<string, string> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .map((entry) => [join(entry.parentPath, entry.name), entry] as const)
      .map(([path, entry]) => [path, entry.isFile() ? readFileSync(path, 'hex') : ''] as const)
      .sort(),
  )

it('refuses places that cannot be written, with a message and not a byte', async () => {
  for (const target of ['model.js', 'report.json']) mkdirSync(at(`taken-${target}`, target), { recursive: true })
  mkdirSync(at('linked'))
  symlinkSync(at('plain'), at('linked/model.d.ts'))
  const long = 'x'.repeat(250)
  const wrong: [args: string[], message: RegExp][] = [
    [['-o', at('plain')], /A505[^]*plain" is not a folder/],
    [['-o', at('plain/below/it')], /A505[^]*plain" is not a folder/],
    [['-o', '/dev/full'], /A505[^]*full" is not a folder/],
    [['-o', ''], /^error: option '-o, --output <folder>' argument '' is invalid/],
    [['-o', at('x'.repeat(300), 'out')], /A505[^]*ENAMETOOLONG/],
    [['-o', at('o'), '--name', long], /A501[^]*too long/],
    [['-o', at('o'), '--name', 'ü'.repeat(124)], /A501[^]*too long/],
    [['-o', at('o'), '--name', 'a.relaxed'], /A501[^]*another model/],
    ...['', '.', '..', 'a/b', '../a', 'a\\b', 'a\nb', 'a\x1bb', 'a\u202eb'].map((name): [string[], RegExp] => [
      ['-o', at('o'), '--name', name],
      /A501[^]*can't stand in a file name/,
    ]),
    [['-o', at('taken-model.js')], /A505[^]*"model.js" is there and is not a regular file/],
    [['-o', at('taken-report.json')], /A505[^]*"report.json" is there and is not a regular file/],
    [['-o', at('linked')], /A505[^]*"model.d.ts" is there and is not a regular file/],
  ]
  const before = tree()
  for (const [args, message] of wrong) {
    err.length = 0
    expect(await compile(...args), args.join(' ')).toBe(2)
    expect(err.join('\n')).toMatch(message)
    expect(err.join('\n')).not.toMatch(/A601|\n +at /)
  }
  expect(tree()).toEqual(before)
})

// Who is root may write anywhere.
it.skipIf(process.getuid?.() === 0)('refuses folders that must not be written', async () => {
  mkdirSync(at('locked'))
  chmodSync(at('locked'), 0o555)
  expect(await compile('-o', at('locked/out'))).toBe(2)
  expect(err.join('\n')).toMatch(/A505[^]*EACCES/)
})

it('refuses places for outputs and reports before it runs', async () => {
  expect(await compile('-o', at('good'))).toBe(0)
  const run = ['run', at('good/model.wasm'), '--input', 'x=random', '-o']
  for (const path of [at('plain/y.npy'), at('linked/model.d.ts/y.npz'), '']) {
    expect(await attar(...run, path), path).toBe(2)
    expect(await attar('bench', at('good'), '--html', path)).toBe(2)
  }
  mkdirSync(at('y.npy'))
  expect(await attar(...run, at('y.npy'))).toBe(2)
  expect(await attar('bench', at('good'), '--html', '/dev/full')).toBe(2)
  expect(err.join('\n')).not.toMatch(/A601|\n +at /)
})

it('removes what an earlier compilation left and nothing else', async () => {
  const out = at('stale')
  expect(await compile('-o', out, '--quantize', 'weights')).toBe(0)
  expect(existsSync(join(out, 'quantization.html'))).toBe(true)
  expect(await compile('-o', out, '--target', 'simd')).toBe(0)
  expect(readdirSync(out).sort()).toEqual([
    ...['model.d.ts', 'model.js', 'model.wasm', 'model.wasm.d.ts', 'package.json', 'report.json'],
  ])
  const own = { 'quantization.html': '<!doctype html><p>mine', 'model.relaxed.wasm': '\0asm\x01\0\0\0' }
  for (const [name, content] of Object.entries(own)) writeFileSync(join(out, name), content)
  expect(await compile('-o', out, '--target', 'simd')).toBe(0)
  for (const [name, content] of Object.entries(own)) expect(readFileSync(join(out, name), 'utf8')).toBe(content)
})
