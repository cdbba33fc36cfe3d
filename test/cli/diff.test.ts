import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { inspectModule } from '../../compiler/index.ts'
import type { FileChange, ModuleChange } from '../../compiler/cli/diff/compare.ts'
import { model, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const { at, out, err, attar, json, clear } = commandLine()

/** Layers of which two share their code, the last of `width` columns. */
const dense = (width: number) =>
  model({
    inputs: ['x f32[1,8]'],
    outputs: [`y f32[1,${width}]`],
    nodes: ['h = MatMul(x, first)', 'i = MatMul(h, equal)', 'j = MatMul(i, other)', 'y = MatMul(j, last)'],
    initializers: [
      ['first', 8, 16],
      ['equal', 16, 16],
      ['other', 16, 16],
      ['last', 16, width],
    ].map(([name, rows, columns]) => {
      const shape = [rows as number, columns as number]
      const values = Array.from(
        { length: shape[0]! * shape[1]! },
        (_, i) => ((i * 7) % 11) + 0.1 * width + String(name).length,
      )
      return stored(name as string, tensorOf('f32', shape, values))
    }),
  })

beforeAll(async () => {
  for (const [name, width] of [
    ['a', 8],
    ['b', 32],
  ] as const) {
    writeFileSync(at(`${name}.onnx`), dense(width))
    expect(await attar('compile', at(`${name}.onnx`), '-o', at(name))).toBe(0)
  }
})

const compared = () => json() as unknown as { files: FileChange[]; modules: ModuleChange[] }

describe('attar diff', () => {
  it('accounts for every byte of both modules', async () => {
    expect(await attar('diff', at('a/model.wasm'), at('b/model.wasm'), '--json')).toBe(0)
    const { files, modules } = compared()
    const [before, after] = ['a', 'b'].map((name) => readFileSync(at(name, 'model.wasm'))) as [Buffer, Buffer]
    expect(files).toMatchObject([{ raw: { before: before.length, after: after.length } }])
    const [{ sections, kernels, layers }] = modules as [ModuleChange]
    const total = (list: readonly { before: number; after: number }[], side: 'before' | 'after'): number =>
      list.reduce((sum, each) => sum + each[side], 0)
    for (const [side, bytes] of [
      ['before', before],
      ['after', after],
    ] as const) {
      const { functions, run } = inspectModule(bytes)
      // The magic number and the version are in no section.
      expect(total(sections, side) + 8).toBe(bytes.length)
      expect(total(kernels, side)).toBe(functions.reduce((sum, n) => sum + n, 0))
      // Layers have what kernels run and read: no other function, but all weights.
      const { compilation } = JSON.parse(readFileSync(at(side === 'before' ? 'a' : 'b', 'report.json'), 'utf8'))
      const called = new Set([...run!.calls, ...[...run!.choices.values()].flat()])
      const code = [...called].reduce((sum, i) => sum + functions[i]!, 0)
      expect(total(layers!, side)).toBe(code + compilation.weights)
    }
    // The wider layer, whose node has no name, has 16 rows of 24 columns more.
    expect(layers![0]!.name).toBe('#3')
    expect(layers![0]!.after - layers![0]!.before).toBeGreaterThanOrEqual(4 * 16 * 24)
    const sizes = layers!.map((each) => Math.abs(each.after - each.before))
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
  })

  it('shows folders in tables of what changed', async () => {
    expect(await attar('diff', at('a'), at('b'))).toBe(0)
    const text = out.join('\n')
    for (const title of ['script', 'simd', 'relaxed-simd', 'simd: section', 'relaxed-simd: layer'])
      expect(text).toMatch(new RegExp(`^${title} `, 'm'))
    expect(text).toContain('simd: code: nothing changed')
    expect(text).toMatch(/^data +[\d,]+ +[\d,]+ +\+[\d,]+ +\+\d+ %$/m)
    clear()
    expect(await attar('diff', at('a'), at('a'))).toBe(0)
    expect(out.join('\n')).toContain('simd: layer: nothing changed')
  })

  it('fails where something grew by more than is allowed', async () => {
    expect(await attar('diff', at('a'), at('b'), '--fail-if-larger', '1%')).toBe(1)
    expect(err.join('\n')).toMatch(/^simd grew by more than 1% after gzip$/m)
    clear()
    expect(await attar('diff', at('b'), at('a'), '--fail-if-larger', '0%', '--json')).toBe(0)
    expect(json()['larger']).toEqual([])
    expect(await attar('diff', at('a'), at('b'), '--fail-if-larger', '1MB')).toBe(2)
    expect(await attar('diff', at('a'), at('b'), '--fail-if-larger', '100kB')).toBe(0)
  })

  it('says what it lacks, and what it cannot compare', async () => {
    writeFileSync(at('alone.wasm'), readFileSync(at('a/model.wasm')))
    expect(await attar('diff', at('alone.wasm'), at('b/model.wasm'))).toBe(0)
    expect(out.join('\n')).toContain('layers are not known')
    rmSync(at('alone.wasm'))
    expect(await attar('diff', at('a'), at('b/model.wasm'))).toBe(2)
    expect(err.join('\n')).toContain('one is a folder and the other is not')
    expect(await attar('diff', at('a.onnx'), at('b/model.wasm'))).toBe(2)
    expect(err.join('\n')).toContain('A502')
  })
})
