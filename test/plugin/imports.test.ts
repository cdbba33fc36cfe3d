import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import ts from 'typescript'
import { beforeEach, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { writeNpz } from '../../compiler/data/index.ts'
import { CompileError } from '../../dist/compiler/index.js'
import { compiledImport, type Entry } from '../../dist/compiler/plugin/cache.js'
import { declareImport } from '../../dist/compiler/plugin/declarations.js'
import { marked, modelImport, parseQuery } from '../../dist/compiler/plugin/query.js'
import type { Model } from '../../runtime/index.ts'
import type { TextModel } from '../../runtime/texts.ts'
import { node, model, stored } from '../onnx/build.ts'
import { expected, project, tiny } from './project.ts'

const { at } = project()
const cache = at('cache')

beforeEach(() => {
  rmSync(cache, { recursive: true, force: true })
  writeFileSync(at('src/tiny.onnx'), tiny())
})

/** The first diagnostic that an import ends in. */
async function refused(query: string): Promise<string> {
  const error: unknown = await parseQuery({ path: at('src/tiny.onnx'), query }).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(CompileError)
  const [{ code, message, hint = '' }] = (error as CompileError).diagnostics as [CompileError['diagnostics'][0]]
  return `${code} ${message} ${hint}`
}

describe('a query', () => {
  it('is told by its mark', () => {
    const ids = [
      'm.onnx?attar',
      'm.onnx?attar&inline',
      'm.onnx?bits=4&attar',
      'm.onnx?attar=&import',
      '/a b/m.onnx?attar#x',
    ]
    expect(ids.filter((id) => !marked.test(id))).toEqual([])
    const others = ['m.onnx', 'm.onnx?url', 'attar.onnx?x', 'm.onnx?attars', 'm.onnx?x=attar', 'm.onnx#?attar&x?']
    expect(others.filter((id) => marked.test(id))).toEqual(['m.onnx#?attar&x?'].filter((id) => marked.test(id)))
    expect(modelImport('/m.onnx?import&attar&t=12&v=ab&quantize=weights')).toEqual({
      path: '/m.onnx',
      query: 'attar&quantize=weights',
    })
  })

  it('has the options of attar compile, files relative to the model', async () => {
    const query =
      'attar&quantize=weights&bits=4&calib=data.npz&dim=n=1&shape=x=1,4&bind=a%3Db=./b.npy&inline&prune=50%&no-sensitivity'
    const { options, data } = await parseQuery({ path: at('src/tiny.onnx'), query })
    expect(options).toMatchObject({
      ...{ quantize: 'weights', bits: '4', calib: at('src/data.npz'), dim: { n: [1] }, shape: { x: [[1, 4]] } },
      ...{ bind: { 'a=b': at('src/b.npy') }, inline: true, sensitivity: false, target: 'both' },
    })
    expect(options.prune).toEqual({ macs: '50%' })
    expect(data).toEqual([at('src/data.npz'), at('src/b.npy')])
    const others = await Promise.all(
      [
        'attar&prune=latency=1ms&plan=p.json',
        'attar&pixels&classify=softmax&classes=cat,dog',
        'attar&pixels=x&classify=',
      ].map((query) => parseQuery({ path: at('src/tiny.onnx'), query })),
    )
    expect(others.map(({ options }) => options)).toMatchObject([
      { plan: at('src/p.json') },
      { pixels: true, classify: 'softmax', classes: 'cat,dog' },
      { pixels: 'x', classify: true },
    ])
  })

  it('may name several shapes', async () => {
    const { options } = await parseQuery({
      path: at('src/tiny.onnx'),
      query: 'attar&dim=n=1,8&shape=x=1,4&shape=x=8,4',
    })
    expect(options).toMatchObject({
      dim: { n: [1, 8] },
      shape: {
        x: [
          [1, 4],
          [8, 4],
        ],
      },
    })
    expect(await refused('attar&dim=n=1,8&pixels')).toContain('--pixels has no effect with several shapes')
  })

  it.each([
    [
      'attar&quantise=weights',
      /A501 "\?attar&quantise=weights": there is no option "quantise" the options are anchors, bind, .*val/,
    ],
    ['attar&output=x', /there is no option "output"/],
    ['attar&vocabulary-map=ids.json', /no option "vocabulary-map" it writes a file: run attar compile/],
    ['attar&quantize=int4', /'int4' is invalid. Allowed choices are int8, weights.*a part NAME=VALUE of the query is/],
    ['attar&quantize', /quantize takes a value: quantize=<mode>/],
    ['attar&inline=yes', /inline takes no value/],
    ['attar&bits=4', /--bits has no effect without --quantize weights/],
    ['attar&quantize=weights&quantize=int8', /--quantize is given twice/],
    ['attar&dim=n', /It is not of the form NAME=VALUE/],
    ['attar&=x', /there is no option ""/],
    ['attar&-h', /there is no option "-h"/],
    ['attar&__proto__=x', /there is no option "__proto__"/],
  ])('?%s is refused', async (query, message) => {
    expect(await refused(query)).toMatch(message)
  })
})

const imported = (query: string): Promise<Entry> => compiledImport({ path: at('src/tiny.onnx'), query }, cache)
/** When the files of an entry were made. */
const made = ({ folder }: Entry): string => readFileSync(join(folder, 'made.json'), 'utf8')

describe('the cache', () => {
  it('has an entry for each model and query, and gives it again', async () => {
    const first = await imported('attar&dim=n=1')
    // What is taken from it is not made again.
    writeFileSync(join(first.folder, 'made.json'), made(first).replace('"warnings":[]', '"warnings":["kept"]'))
    expect((await imported('attar&dim=n=1')).warnings).toEqual(['kept'])
    expect((await imported('attar&dim=n=2')).folder).not.toBe(first.folder)
    writeFileSync(at('src/tiny.onnx'), tiny(2))
    expect((await imported('attar&dim=n=1')).folder).not.toBe(first.folder)
  })

  it('has one script for several shapes', async () => {
    const { folder, modules } = await imported('attar&dim=n=1,2&inline')
    expect(modules).toEqual([])
    const { instantiate } = (await import(join(folder, 'tiny.js'))) as { instantiate(): Model }
    const model = instantiate()
    expect(model.run({ x: [1, 2, 3, 4] })['y']).toEqual(Float32Array.from(expected))
    expect(model.run({ x: [1, 2, 3, 4, 1, 2, 3, 4] })['y']).toEqual(Float32Array.from([...expected, ...expected]))
    expect(() => model.run({ x: [1, 2, 3] })).toThrow('no shape takes x of 3, only x of 4 or x of 8')
  })

  it('compiles once what is asked for several times at once', async () => {
    const [a, b] = await Promise.all([imported('attar&dim=n=1'), imported('attar&dim=n=1')])
    expect(a).toBe(b)
  })

  it('is for data and weights in files, too', async () => {
    const data = (scale: number) =>
      writeNpz({
        x: tensorOf(
          'f32',
          [20, 4],
          Array.from({ length: 80 }, (_, i) => (scale * ((i * 7) % 13)) / 13),
        ),
      })
    writeFileSync(at('src/data.npz'), data(1))
    const query = 'attar&dim=n=1&quantize=weights&calib=data.npz'
    const first = await imported(query)
    expect(first.files).toEqual([at('src/data.npz')])
    writeFileSync(at('src/data.npz'), data(2))
    expect((await imported(query)).folder).not.toBe(first.folder)
    // Weights in a file beside the model.
    const w = {
      name: 'w',
      dims: [4, 2],
      dataType: 1,
      dataLocation: 1,
      externalData: [{ key: 'location', value: 'w.bin' }],
    }
    const spec = { inputs: ['x f32[1,4]'], outputs: ['y f32[1,2]'], nodes: [node('y = MatMul(x, w)')] }
    writeFileSync(at('src/tiny.onnx'), model({ ...spec, initializers: [w] }))
    writeFileSync(at('src/w.bin'), new Uint8Array(new Float32Array(8).fill(1).buffer))
    const ones = await imported('attar')
    expect(ones.files).toEqual([at('src/w.bin')])
    const before = readFileSync(join(ones.folder, 'tiny.wasm'))
    expect(await imported('attar')).toEqual(ones)
    writeFileSync(at('src/w.bin'), new Uint8Array(new Float32Array(8).fill(2).buffer))
    expect(readFileSync(join((await imported('attar')).folder, 'tiny.wasm')).equals(before)).toBe(false)
  })

  it('is for the tokenizer of a model that takes texts, too', async () => {
    const texts = model({
      inputs: ['input_ids i64[1,6]'],
      outputs: ['y f32[1,2]'],
      nodes: ['e = Gather(w, input_ids)', node('y = ReduceSum(e, one)', { attributes: { keepdims: 0 } })],
      initializers: [
        stored('w', tensorOf('f32', [5, 2], [0, 0, 0, 0, 0, 0, 0, 0, 4, 1])),
        stored('one', tensorOf('i64', [1], [1n])),
      ],
    })
    writeFileSync(at('src/tiny.onnx'), texts)
    const vocabulary = (word: string) => ['[PAD]', '[UNK]', '[CLS]', '[SEP]', word].join('\n')
    writeFileSync(at('src/vocab.txt'), vocabulary('good'))
    const query = 'attar&inline&tokenizer=vocab.txt&classify=softmax&classes=ham,spam'
    const first = await imported(query)
    expect(first.files).toEqual([at('src/vocab.txt')])
    const labelOf = async ({ folder }: Entry, text: string) => {
      const { load } = (await import(join(folder, 'tiny.js'))) as { load(): Promise<TextModel> }
      return (await load()).classify!(text)[0]!
    }
    expect(await labelOf(first, 'good')).toMatchObject({ label: 'ham', score: expect.closeTo(0.9526, 4) as number })
    expect((await labelOf(first, 'fine')).score).toBe(0.5)
    writeFileSync(at('src/vocab.txt'), vocabulary('fine'))
    const second = await imported(query)
    expect((await labelOf(second, 'fine')).score).toBeGreaterThan(0.9)
    expect(readFileSync(join(second.folder, 'tiny.d.ts'), 'utf8')).toContain('encode(')
    writeFileSync(at('src/vocab.txt'), 'fine')
    await expect(imported(query)).rejects.toMatchObject({ diagnostics: [{ code: 'A502' }] })
  })

  it('makes again what is damaged', async () => {
    const first = await imported('attar&dim=n=1')
    writeFileSync(join(first.folder, 'made.json'), '{')
    expect(await imported('attar&dim=n=1')).toEqual(first)
    rmSync(join(first.folder, 'tiny.wasm'))
    await imported('attar&dim=n=1')
    expect(readFileSync(join(first.folder, 'tiny.wasm')).length).toBeGreaterThan(100)
  })
})

describe('types', () => {
  const types = at('src/models.d.ts')

  const use = (specifier: string, input: string): string =>
    [
      '/// <reference types="attar/client" />',
      `import { load } from '${specifier}'`,
      'const model = await load()',
      `export const y = model.run({ ${input}: [1, 2, 3, 4] }).y as Float32Array`,
    ].join('\n')

  it('know names and shapes of each model, and attar/client has some for all', async () => {
    rmSync(types, { force: true })
    const known = ['attar&dim=n=1', 'attar&dim=n=2&inline']
    for (const query of known)
      expect(declareImport(types, { path: at('src/tiny.onnx'), query }, await imported(query))).toBe(undefined)
    mkdirSync(at('node_modules/attar'), { recursive: true })
    const exports = { '.': { types: './index.d.ts' }, './client': { types: './client.d.ts' } }
    writeFileSync(at('node_modules/attar/package.json'), JSON.stringify({ type: 'module', exports }))
    writeFileSync(at('node_modules/attar/index.d.ts'), `export * from '${process.cwd()}/dist/compiler/index.js'\n`)
    writeFileSync(at('node_modules/attar/client.d.ts'), readFileSync('compiler/plugin/client.d.ts'))
    const scripts = {
      'one.ts': use(`./tiny.onnx?${known[0]}`, 'x'),
      'two.ts': use(`../src/tiny.onnx?${known[1]}`, 'x'),
      'wrong.ts': use(`./tiny.onnx?${known[0]}`, 'z'),
      'any.ts': use('./tiny.onnx?attar', 'z'),
      'options.ts': use('./tiny.onnx?quantize=weights&bits=4&attar', 'z'),
      'unknown.ts': use('./tiny.onnx?attar&bits=4', 'x'),
    }
    for (const [file, text] of Object.entries(scripts)) writeFileSync(at('src', file), text)
    const program = ts.createProgram([...Object.keys(scripts).map((file) => at('src', file)), types], {
      ...{ strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, types: [] },
      ...{ moduleResolution: ts.ModuleResolutionKind.Bundler, lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'] },
      skipDefaultLibCheck: true,
    })
    const found = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
      return `${basename(file!.fileName)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
    })
    expect(found.sort()).toEqual([
      expect.stringMatching(/^unknown.ts: Cannot find module/),
      expect.stringMatching(/^wrong.ts: .*'z' does not exist in type 'Inputs'/),
    ])
  })

  it('of models that are gone go, and others with the same ending are told', async () => {
    rmSync(types, { force: true })
    mkdirSync(at('src/other'), { recursive: true })
    const query = 'attar&dim=n=1'
    const entry = await imported(query)
    declareImport(types, { path: at('src/tiny.onnx'), query }, entry)
    writeFileSync(at('src/other/tiny.onnx'), tiny())
    expect(declareImport(types, { path: at('src/other/tiny.onnx'), query }, entry)).toBe('tiny.onnx')
    rmSync(at('src/tiny.onnx'))
    expect(declareImport(types, { path: at('src/other/tiny.onnx'), query }, entry)).toBe(undefined)
    expect(readFileSync(types, 'utf8')).toContain('// other/tiny.onnx\ndeclare module "*/tiny.onnx?attar&dim=n=1" {')
  })
})
