import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import * as rspackPackage from '@rspack/core'
import * as esbuildPackage from 'esbuild'
import { rollup } from 'rollup'
import { build as viteBuild, type Rollup } from 'vite'
import { beforeAll, describe, expect, it } from 'vitest'
import webpackPackage from 'webpack'
import { artefacts, compile } from '../../dist/compiler/index.js'
import esbuildPlugin from '../../dist/compiler/plugin/esbuild.js'
import rollupPlugin from '../../dist/compiler/plugin/rollup.js'
import rspackPlugin from '../../dist/compiler/plugin/rspack.js'
import vitePlugin from '../../dist/compiler/plugin/vite.js'
import webpackPlugin from '../../dist/compiler/plugin/webpack.js'
import { entry, expected, misfit, project, tiny } from './project.ts'

const { folder, at, answer, cached } = project()

/** What a build wrote: the script, and what the bundler had to say. */
interface Built {
  readonly script: string
  readonly errors: readonly string[]
  readonly warnings: readonly string[]
}

/** Builds a script of the project, with the plugin or without, for Node. A bundler that gives up on errors says which. */
type Build = (input: string, output: string, plugin: boolean) => Promise<Built>

const failed = (error: unknown): Built => ({ script: '', errors: [(error as Error).message], warnings: [] })

const withRollup: Build = async (input, output, plugin) => {
  const warnings: string[] = []
  try {
    const bundle = await rollup({
      input,
      plugins: plugin ? [rollupPlugin()] : [],
      onwarn: ({ message }) => void warnings.push(message),
    })
    await bundle.write({ dir: output, entryFileNames: 'out.js' })
    return { script: join(output, 'out.js'), errors: [], warnings }
  } catch (error) {
    return failed(error)
  }
}

const withVite: Build = async (input, output, plugin) => {
  const warnings: string[] = []
  try {
    await viteBuild({
      root: folder,
      configFile: false,
      logLevel: 'silent',
      plugins: plugin ? [vitePlugin()] : [],
      build: {
        ssr: input,
        outDir: output,
        rollupOptions: {
          output: { entryFileNames: 'out.js' },
          onwarn: ({ message }: Rollup.RollupLog) => void warnings.push(message),
        },
      },
    })
    return { script: join(output, 'out.js'), errors: [], warnings }
  } catch (error) {
    return failed(error)
  }
}

const withEsbuild: Build = async (input, output, plugin) => {
  const script = join(output, 'out.js')
  const options: esbuildPackage.BuildOptions = {
    entryPoints: [input],
    ...{ outfile: script, bundle: true, format: 'esm', logLevel: 'silent' },
  }
  const texts = (messages: readonly esbuildPackage.Message[]) => messages.map(({ text }) => text)
  try {
    const result = await esbuildPackage.build({ ...options, plugins: plugin ? [esbuildPlugin()] : [] })
    return { script, errors: [], warnings: texts(result.warnings) }
  } catch (error) {
    return { script, errors: texts((error as esbuildPackage.BuildFailure).errors), warnings: [] }
  }
}

/** What webpack and Rspack share. */
const packOptions = (input: string, output: string) =>
  ({
    context: folder,
    mode: 'production',
    target: 'node',
    entry: input,
    output: { path: output, filename: 'out.mjs', module: true, library: { type: 'module' } },
    optimization: { minimize: false },
    infrastructureLogging: { level: 'none' },
  }) as const

interface PackStats {
  toJson(options: object): { errors?: { message: string }[]; warnings?: { message: string }[] }
}

const packed = (output: string, run: (done: (error: Error | null, stats?: PackStats) => void) => void) =>
  new Promise<Built>((settle, refuse) =>
    run((error, stats) => {
      if (error) return refuse(error)
      const { errors = [], warnings = [] } = stats!.toJson({ all: false, errors: true, warnings: true })
      const texts = (messages: { message: string }[]) => messages.map(({ message }) => message)
      settle({ script: join(output, 'out.mjs'), errors: texts(errors), warnings: texts(warnings) })
    }),
  )

const withWebpack: Build = (input, output, plugin) =>
  packed(output, (done) =>
    webpackPackage(
      { ...packOptions(input, output), experiments: { outputModule: true }, plugins: plugin ? [webpackPlugin()] : [] },
      (error, stats) => done(error, stats),
    ),
  )

const withRspack: Build = (input, output, plugin) =>
  packed(output, (done) =>
    rspackPackage.rspack({ ...packOptions(input, output), plugins: plugin ? [rspackPlugin()] : [] }, (error, stats) =>
      done(error, stats as PackStats),
    ),
  )

const bundlers = [
  ['Rollup', withRollup],
  ['Vite', withVite],
  ['esbuild', withEsbuild],
  ['webpack', withWebpack],
  ['Rspack', withRspack],
] as const

const wasmIn = (output: string): string[] =>
  readdirSync(output, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.wasm'))

beforeAll(async () => {
  writeFileSync(at('src/tiny.onnx'), tiny())
  writeFileSync(at('src/misfit.onnx'), misfit)
  writeFileSync(at('src/beside.js'), entry('./tiny.onnx?attar&dim=n=1'))
  writeFileSync(at('src/inline.js'), entry('./tiny.onnx?dim=n=1&quantize=weights&inline&attar'))
  writeFileSync(at('src/misfit.js'), entry('./misfit.onnx?attar&dim=n=1'))
  writeFileSync(at('src/unknown.js'), entry('./tiny.onnx?attar&quantise=weights'))
  const fixed = { dims: { n: 1 } }
  for (const [name, files] of Object.entries({
    plain: artefacts(await compile(tiny(), fixed), 'model'),
    single: artefacts(await compile(tiny(), { ...fixed, targets: ['simd'] }), 'model', { inline: true }),
  })) {
    mkdirSync(at('src', name))
    for (const [file, content] of Object.entries(files)) writeFileSync(at('src', name, file), content)
    writeFileSync(at(`src/${name}.js`), entry(`./${name}/model.js`))
  }
})

describe.each(bundlers)('%s', (bundler, build) => {
  const output = (name: string): string => at('out', bundler, name)

  it('takes the modules of an imported model along, under names with a hash', async () => {
    const { script, errors, warnings } = await build(at('src/beside.js'), output('beside'), true)
    expect({ errors, warnings }).toEqual({ errors: [], warnings: [] })
    expect(await answer(script)).toEqual(expected)
    const files = wasmIn(output('beside'))
    // Vite's builds for servers, as this one, have no files beside them: scripts carry their modules.
    expect(files).toHaveLength(bundler === 'Vite' ? 0 : 2)
    for (const file of files) expect(file).toMatch(/[\w-]{8,}\.wasm$/)
  })

  it('puts the module into the script with &inline', async () => {
    const { script, errors } = await build(at('src/inline.js'), output('inline'), true)
    expect(errors).toEqual([])
    expect(await answer(script)).toEqual(expected)
    expect(wasmIn(output('inline'))).toEqual([])
  })

  it('says what is wrong with a model, and where', async () => {
    const { errors } = await build(at('src/misfit.js'), output('misfit'), true)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toContain('src/misfit.onnx?attar')
    expect(errors[0]).toMatch(/error A204 shape-mismatch {3}MatMul "dense" \(opset 17\)/)
  })

  it('says which options there are', async () => {
    const { errors } = await build(at('src/unknown.js'), output('unknown'), true)
    expect(errors).toHaveLength(1)
    expect(stripVTControlCharacters(errors[0]!)).toMatch(
      /there is no option \\?"quantise\\?"\n[ │]+hint: the options are anchors, bind, bits, .*quantize/,
    )
  })

  it('takes what attar compile wrote, without the plugin', async () => {
    // The others do not take files along: for them there is --inline.
    const name = ['webpack', 'Rspack'].includes(bundler) ? 'plain' : 'single'
    const { script, errors } = await build(at(`src/${name}.js`), output(name), false)
    expect(errors).toEqual([])
    expect(await answer(script)).toEqual(expected)
  })
})

it('compiles once for all of them', () => {
  expect(cached()).toHaveLength(3)
  for (const entry of cached()) expect(statSync(at('node_modules/.cache/attar', entry)).isDirectory()).toBe(true)
})
