import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { build } from 'esbuild'
import { strToU8 } from 'fflate'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { artefacts, type PackageReport } from '../../compiler/package/index.ts'
import { inlineScript } from '../../compiler/package/script.ts'
import { decode } from '../../runtime/base64.ts'
import type * as Runtime from '../../runtime/index.ts'
import { Builder } from '../../compiler/core/builder.ts'
import { inspectModule } from '../../compiler/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { inputOf } from '../support/run-graph.ts'
import { compiled, inputs, outputs, spec, withSection } from './fixture.ts'

interface Script {
  readonly spec: unknown
  readonly target: Runtime.Target
  instantiate(source?: WebAssembly.Module | BufferSource): Runtime.Model
  load(source?: Runtime.Source): Promise<Runtime.Model>
}

const name = 'tiny-model'
const files = artefacts(compiled(), name)
let folder: string

const load = (file: string) => import(pathToFileURL(join(folder, file)).href) as Promise<Script>

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attar-package-'))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content)
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Errors of a program that uses the types, by line. */
function errors(source: string, more: ts.CompilerOptions = { module: ts.ModuleKind.NodeNext }): string[] {
  writeFileSync(join(folder, 'use.ts'), source)
  const program = ts.createProgram([join(folder, 'use.ts')], {
    strict: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    ...more,
    lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
    types: [],
    skipDefaultLibCheck: true,
  })
  return ts.getPreEmitDiagnostics(program).map((d) => {
    const line = d.file?.fileName.endsWith('use.ts') ? d.file.getLineAndCharacterOfPosition(d.start!).line : -1
    return `${line}: ${ts.flattenDiagnosticMessageText(d.messageText, ' ')}`
  })
}

describe('artefacts', () => {
  it('are the modules as compiled, their script and types, and a report', () => {
    const { simd, 'relaxed-simd': relaxed } = compiled().modules
    const ends = ['.wasm', '.wasm.d.ts', '.relaxed.wasm', '.relaxed.wasm.d.ts', '.js', '.d.ts']
    expect(Object.keys(files)).toEqual(ends.map((end) => name + end).concat('report.json'))
    expect(files[`${name}.wasm`]).toEqual(simd)
    expect(files[`${name}.relaxed.wasm`]).toEqual(relaxed)
    expect(artefacts(compiled(), name)).toEqual(files)
  })

  it('are those of the targets that were compiled', () => {
    const expected = ['m.wasm', 'm.wasm.d.ts', 'm.js', 'm.d.ts', 'report.json']
    expect(Object.keys(artefacts(compiled(['simd']), 'm'))).toEqual(expected)
    expect(artefacts(compiled(['simd']), 'm')['m.js']).not.toContain('m.relaxed.wasm')
    expect(artefacts(compiled(['relaxed-simd']), 'm')['m.js']).not.toContain('m.wasm')
  })

  it.each(['', '.', '..', 'a/b', 'a\\b', 'a\nb', 'a\0', 'a\u2028'])('refuse the name %j', (bad) => {
    expect(() => artefacts(compiled(), bad)).toThrow(CompileError)
  })

  it('refuse modules that carry another specification', () => {
    expect(() => artefacts({ ...compiled(), spec: { ...spec, attar: '2' } }, 'm')).toThrow('another specification')
  })
})

describe('NAME.js', () => {
  it('loads and runs the module beside it', async () => {
    const script = await load(`${name}.js`)
    expect(script.spec).toEqual(spec)
    expect(JSON.stringify(script.spec)).toBe(JSON.stringify(spec))
    expect((await script.load()).run(inputs())).toEqual(outputs(script.target))
    const bytes = compiled().modules.simd as Uint8Array<ArrayBuffer>
    expect(script.instantiate(bytes).run(inputs())).toEqual(outputs('simd'))
  })

  it('carries its module where that is asked for', async () => {
    const alone = artefacts(compiled(['simd']), 'alone', { inline: true })
    expect(Object.keys(alone)).toEqual(['alone.js', 'alone.d.ts', 'report.json'])
    writeFileSync(join(folder, 'alone.js'), alone['alone.js']!)
    const script = await load('alone.js')
    for (const model of [script.instantiate(), await script.load(), script.instantiate(), await script.load()])
      expect(model.run(inputs())).toEqual(outputs('simd'))
    const { simd } = compiled().modules
    expect((await script.load(simd as Uint8Array<ArrayBuffer>)).run(inputs())).toEqual(outputs('simd'))
    expect(() => artefacts(compiled(), 'alone', { inline: true })).toThrow('one module')
  })

  it('runs from bundles of esbuild, which takes no .wasm along: carrying its module, or given bytes', async () => {
    const alone = artefacts(compiled(['simd']), 'alone', { inline: true })
    writeFileSync(join(folder, 'alone.js'), alone['alone.js']!)
    const given = `import { instantiate } from './${name}.js'\nimport bytes from './${name}.wasm'`
    for (const [i, source] of ["import { instantiate } from './alone.js'\nlet bytes", given].entries()) {
      const bundle = join(folder, `bundle${i}.mjs`)
      const stdin = { contents: `${source}\nexport const model = instantiate(bytes)`, resolveDir: folder }
      await build({
        stdin,
        bundle: true,
        format: 'esm',
        target: 'es2022',
        minify: true,
        loader: { '.wasm': 'binary' },
        outfile: bundle,
      })
      const { model } = (await import(pathToFileURL(bundle).href)) as { model: Runtime.Model }
      expect(model.run(inputs())).toEqual(outputs('simd'))
    }
  })

  it('carries a module of any length and all bytes', () => {
    for (const length of [0, 1, 2, 3, 255, 256, 257, 12_288, 12_289, 30_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 167 + (i >> 8)) % 256)
      const [, digits] = /decode\('([^']*)'\)/.exec(inlineScript(spec, 'm', bytes))!
      expect(digits).toBe(Buffer.from(bytes).toString('base64').replace(/=+$/, ''))
      expect(decode(digits!)).toEqual(bytes)
    }
  })

  it('runs where there is no TextDecoder, URL, fetch or atob, as in an AudioWorklet', () => {
    const alone = artefacts(compiled(['simd']), 'alone', { inline: true })['alone.js'] as string
    const context = createContext()
    for (const absent of ['TextDecoder', 'TextEncoder', 'URL', 'fetch', 'atob', 'process', 'Response'])
      expect(runInContext(`typeof ${absent}`, context)).toBe('undefined')
    const run = `${alone.replaceAll('export ', '')}
;[instantiate(), instantiate(new WebAssembly.Module(decode('${Buffer.from(compiled().modules.simd!).toString('base64').replace(/=+$/, '')}')))]
  .map((model) => Array.from(model.run({ x: [0, 1, -2, 3, 4.5, 5], 'a"b': [0, 1, 254, 255], ['__proto__']: [0n], half: new Uint16Array(2) }).y))`
    const y = Array.from(outputs('simd').y)
    expect(JSON.parse(JSON.stringify(runInContext(run, context)))).toEqual([y, y])
  })

  it('imports nothing and can stand in HTML', () => {
    expect(files[`${name}.js`]).not.toMatch(/\bimport\b(?!\.meta)|<\/script/)
  })
})

describe('NAME.d.ts', () => {
  it('knows names, dtypes and shapes', () => {
    const found = errors(`import { load, instantiate, spec, target, type Inputs } from ${JSON.stringify(`./${name}.js`)}
const shape: readonly [2, 3] = spec.inputs[0].shape, label: string = spec.metadata.labels
const inputs: Inputs = { x: [1, 2, 3, 4, 5, 6], 'a"b': new Uint8ClampedArray(4), ['__proto__']: [1n, 2], half: new Uint16Array(2) }
const model = target === 'simd' ? instantiate(new Uint8Array(8)) : await load(fetch('model.wasm'))
const { y, half } = model.run(inputs, { copy: true })
const first: Float32Array = y, second: Uint16Array = half, third: BigInt64Array = model.inputs['__proto__']
model.run({ ...inputs, x: new Float64Array(6) })
model.run({ ...inputs, half: [1, 2] })
model.run({ x: [] })
model.run().z
spec.outputs[6]
export { shape, label, first, second, third }`)
    expect(found).toEqual([
      expect.stringMatching(/^6: .*Float64Array/),
      expect.stringMatching(/^7: .*Uint16Array/),
      expect.stringMatching(/^8: .*missing/),
      expect.stringMatching(/^9: .*'z'/),
      expect.stringMatching(/^10: .*length '6'/),
    ])
  })
})

describe('a model with states', async () => {
  const b = new Builder(undefined)
  const [x, h, n, odd] = [
    inputOf('x', 'f32', [2]),
    inputOf('h', 'f32', [2]),
    inputOf('n', 'i64', [1]),
    inputOf('*/"b"', 'u8', [1]),
  ]
  const hn = b.binary('add', x, h)
  const values = { y: b.unary('neg', hn), hn, 'n*/2': b.binary('add', n, n), b2: odd }
  const sums = {
    inputs: Object.entries({ x, h, n, '*/"b"': odd }).map(([name, value]) => ({ name, value })),
    outputs: Object.entries(values).map(([name, value]) => ({ name, value })),
  }
  const state = { h: 'hn', n: 'n*/2', '*/"b"': 'b2' }
  const result = await compileGraph(sums, { state, targets: ['simd'] })

  it('has types for them, and one without states has none', () => {
    const made = artefacts(result, 'stateful')
    for (const [file, content] of Object.entries(made)) writeFileSync(join(folder, file), content)
    const found = errors(`import { load, spec, type Model, type State, type Inputs } from './stateful.js'
import type { Model as Other } from './${name}.js'
const model: Model = await load()
const inputs: Inputs = { x: [1, 2] }, h: Float32Array = model.state.h, n: bigint = model.state.n[0]!, state: State = model.state
model.state.h = [1, 2]
model.state.n = [1, 2n]
model.state['*/"b"'] = new Uint8ClampedArray(1)
model.reset()
const next: 'hn' = spec.states[0].next, { y } = model.run(inputs)
model.state.h = new Float64Array(2)
model.state.hn = [1]
model.state = state
model.run({ x: [1, 2], h })
export const reset = (other: Other) => other.reset()
export { n, next, y }`)
    expect(found).toEqual([
      expect.stringMatching(/^9: .*Float64Array/),
      expect.stringMatching(/^10: .*'hn'/),
      expect.stringMatching(/^11: .*read-only/),
      expect.stringMatching(/^12: .*'h'/),
      expect.stringMatching(/^13: .*'reset'/),
    ])
  })

  it('runs where there is no TextDecoder, URL, fetch or atob', () => {
    const alone = artefacts(result, 'alone', { inline: true })['alone.js'] as string
    const run = `${alone.replaceAll('export ', '')}
;(() => {
  const model = instantiate(), other = instantiate(), steps = [], step = (m) => steps.push(...m.run({ x: [1, 2] }).y)
  step(model), step(model), step(other)
  model.state.h = [10, 20]
  step(model)
  model.reset()
  step(model)
  return JSON.stringify(steps)
})()`
    expect(JSON.parse(runInContext(run, createContext()) as string)).toEqual([-1, -2, -2, -4, -1, -2, -11, -22, -1, -2])
  })

  it('refuses a module whose specification names other states', async () => {
    const other = await compileGraph(sums, { state: { h: 'hn' }, targets: ['simd'] })
    expect(() => artefacts({ ...result, modules: other.modules }, 'm')).toThrow('another specification')
    expect(inspectModule(result.modules.simd!).spec).toEqual(result.spec)
    for (const states of [
      {},
      [{}],
      [{ ...result.spec.states![0]!, next: 1 }],
      [{ ...result.spec.states![0]!, address: 2 ** 20 }],
    ]) {
      const bare = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 5, 3, 1, 0, 1])
      const wrong = withSection(bare, 'attar', JSON.stringify({ ...result.spec, states }))
      expect(() => inspectModule(wrong), JSON.stringify(states)).toThrow('A502')
    }
  })
})

describe('NAME.wasm.d.ts', () => {
  it('types modules that are compiled ahead of time, as Workers import them', () => {
    const use = `import { instantiate } from './${name}.js'
import wasm from './${name}.wasm'
import relaxed from './${name}.relaxed.wasm'
export const models = [instantiate(wasm), instantiate(relaxed)]
export const wrong: string = wasm`
    const bundler = { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }
    expect(errors(use, bundler)).toEqual([expect.stringMatching(/^4: .*'Module'/)])
  })
})

describe('report.json', () => {
  it('accounts for every byte', () => {
    const report = JSON.parse(files['report.json'] as string) as PackageReport
    expect(report.compilation).toEqual(compiled().report)
    expect(report.files.map((file) => file.name)).toEqual(Object.keys(files).filter((file) => file !== 'report.json'))
    for (const file of report.files) {
      const content = files[file.name]!
      expect(file.bytes).toBe(typeof content === 'string' ? strToU8(content).length : content.length)
      if (file.module) expect(file.module.sections.reduce((sum, s) => sum + s.bytes, 8)).toBe(file.bytes)
    }
    const targets = report.files.map((file) => file.module?.target)
    expect(targets).toEqual(['simd', undefined, 'relaxed-simd', undefined, undefined, undefined])
  })
})
