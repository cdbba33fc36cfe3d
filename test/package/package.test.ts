import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { strToU8 } from 'fflate'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostic.ts'
import { artefacts, type PackageReport } from '../../compiler/package/index.ts'
import type * as Runtime from '../../runtime/index.ts'
import { compiled, inputs, outputs, spec } from './fixture.ts'

interface Script {
  readonly spec: unknown
  readonly target: Runtime.Target
  instantiate(source: WebAssembly.Module | BufferSource): Runtime.Model
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

describe('artefacts', () => {
  it('are the modules as compiled, their script and types, and a report', () => {
    const { simd, 'relaxed-simd': relaxed } = compiled().modules
    expect(Object.keys(files)).toEqual(
      ['.wasm', '.relaxed.wasm', '.js', '.d.ts'].map((end) => name + end).concat('report.json'),
    )
    expect(files[`${name}.wasm`]).toEqual(simd)
    expect(files[`${name}.relaxed.wasm`]).toEqual(relaxed)
    expect(artefacts(compiled(), name)).toEqual(files)
  })

  it('are those of the targets that were compiled', () => {
    expect(Object.keys(artefacts(compiled(['simd']), 'm'))).toEqual(['m.wasm', 'm.js', 'm.d.ts', 'report.json'])
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

  it('imports nothing and can stand in HTML', () => {
    expect(files[`${name}.js`]).not.toMatch(/\bimport\b(?!\.meta)|<\/script/)
  })
})

describe('NAME.d.ts', () => {
  /** Errors of a program that uses the types, by line. */
  function errors(source: string): string[] {
    writeFileSync(join(folder, 'use.ts'), source)
    const program = ts.createProgram([join(folder, 'use.ts')], {
      strict: true,
      noEmit: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'],
      types: [],
      skipDefaultLibCheck: true,
    })
    return ts.getPreEmitDiagnostics(program).map((d) => {
      const line = d.file?.fileName.endsWith('use.ts') ? d.file.getLineAndCharacterOfPosition(d.start!).line : -1
      return `${line}: ${ts.flattenDiagnosticMessageText(d.messageText, ' ')}`
    })
  }

  it('knows names, dtypes and shapes', { timeout: 30_000 }, () => {
    const found = errors(`import { load, instantiate, spec, target, type Inputs } from ${JSON.stringify(`./${name}.js`)}
const shape: readonly [2, 3] = spec.inputs[0].shape, label: string = spec.metadata.labels
const inputs: Inputs = { x: [1, 2, 3, 4, 5, 6], 'a"b': new Uint8ClampedArray(4), ['__proto__']: [1n], half: new Uint16Array(2) }
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
    expect(report.files.map((file) => file.module?.target)).toEqual(['simd', 'relaxed-simd', undefined, undefined])
  })
})
