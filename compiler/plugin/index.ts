/** The plugin for bundlers: one for all of them, by way of unplugin. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { createUnplugin, type UnpluginBuildContext, type UnpluginInstance, type UnpluginOptions } from 'unplugin'
import { CompileError, fail } from '../index.ts'
import { compiledImport, messageOf, type Entry } from './cache.ts'
import { declareImport } from './declarations.ts'
import { failedCode, moduleCode } from './module.ts'
import { marked, modelImport, packageFolder, type ModelImport } from './query.ts'

export interface PluginOptions {
  /** A `.d.ts` file, relative to the working directory, that gets the types of all models that are imported: `src/models.d.ts`. */
  readonly types?: string
  /** Where compiled models are kept: `node_modules/.cache/attar` beside the nearest package.json above the model, unless given. */
  readonly cacheFolder?: string
}

export const plugin: UnpluginInstance<PluginOptions | undefined, false> = createUnplugin<
  PluginOptions | undefined,
  false
>((options = {}, { framework }) => {
  /** Vite's dev server serves files where they stand. */
  let serving = false
  const load: UnpluginOptions['load'] = {
    filter: { id: marked },
    async handler(id) {
      const from = modelImport(id)
      this.addWatchFile(from.path)
      try {
        const asked = framework === 'vite' && !serving && isServer(this) ? inlined(from) : from
        const entry = await compiledImport(asked, cacheOf(from.path, options))
        for (const file of entry.files) this.addWatchFile(file)
        for (const warning of entry.warnings) this.warn({ message: warning, id })
        if (options.types !== undefined) {
          const other = declareImport(resolve(options.types), from, entry)
          if (other !== undefined) this.warn({ message: sameTypes(from.path, other, options.types), id })
        }
        if (framework === 'esbuild') return forEsbuild(entry, this)
        const emits = framework === 'rollup' || (framework === 'vite' && !serving)
        return emits ? await emitted(entry, this) : beside(entry, dirname(from.path))
      } catch (error) {
        if (!(error instanceof CompileError)) throw error
        const message = `${from.path}?${from.query}\n${messageOf(error)}`
        // Rollup and Vite end here, the others collect errors.
        this.error({ message, id, pluginCode: error.diagnostics[0]!.code })
        return failedCode(message)
      }
    },
  }
  return {
    name: 'attar',
    load,
    rollup: {
      // Others find the file in front of a query by themselves.
      async resolveId(source, importer) {
        if (!marked.test(source)) return null
        const at = source.indexOf('?')
        const found = await this.resolve(source.slice(0, at), importer, { skipSelf: true })
        return found && !found.external ? found.id + source.slice(at) : null
      },
    },
    vite: {
      configResolved({ command }) {
        serving = command === 'serve'
      },
    },
    webpack: ({ options: { module } }) => void module.rules.unshift(packRule('webpack', load)),
    rspack: ({ options: { module } }) => void module.rules.unshift(packRule('rspack', load)),
    esbuild: {
      loader: 'js',
      setup(build) {
        build.onResolve({ filter: new RegExp(`^${esbuildScheme}`) }, ({ path }) => ({
          path: path.slice(esbuildScheme.length),
          namespace: 'attar-module',
        }))
        build.onLoad({ filter: /.*/, namespace: 'attar-module' }, async ({ path }) => ({
          contents: await readFile(path),
          loader: 'file',
        }))
      },
    },
  }
})

/** webpack and Rspack match queries apart from files, which unplugin's own rule does not. Its loader then does the same. */
const packRule = (bundler: 'webpack' | 'rspack', load: UnpluginOptions['load']) => ({
  resourceQuery: marked,
  type: 'javascript/auto' as const,
  use: [
    {
      loader: createRequire(import.meta.url).resolve(`unplugin/${bundler}/loaders/load`),
      // No file is virtual.
      options: { plugin: { load, __virtualModulePrefix: '\0' } },
    },
  ],
})

/** Vite's builds for servers leave assets to those for browsers, and give addresses that servers cannot read. */
const isServer = (context: unknown): boolean =>
  (context as { environment?: { config: { consumer: string } } }).environment?.config.consumer === 'server'

const inlined = (from: ModelImport): ModelImport =>
  from.query.split('&').some((part) => /^inline=?$/.test(part)) ? from : { ...from, query: `${from.query}&inline` }

const cacheOf = (path: string, { cacheFolder }: PluginOptions): string =>
  cacheFolder === undefined ? join(packageFolder(path), 'node_modules/.cache/attar') : resolve(cacheFolder)

const sameTypes = (path: string, other: string, types: string): string =>
  `${types} has types for an import of ${other} that ends as this one of ${path}: call one of the models differently, ` +
  'or TypeScript cannot tell them apart'

/** webpack, Rspack and Vite's dev server find a module's file by this very form, relative to the model's folder. */
const beside = (entry: Entry, folder: string): string =>
  moduleCode(entry, (file) => {
    const path = relative(folder, file).split(sep).join('/')
    return `new URL(${JSON.stringify(path.startsWith('.') ? path : `./${path}`)}, import.meta.url)`
  })

/** Rollup knows where a file that it was given will stand, for every format of its output. */
async function emitted(entry: Entry, context: UnpluginBuildContext): Promise<string> {
  const references = new Map<string, string>()
  for (const name of entry.modules) {
    const file = join(entry.folder, name)
    const asset = { type: 'asset', name, source: new Uint8Array(await readFile(file)) } as const
    // Rollup's own context stands behind unplugin's.
    references.set(file, (context as unknown as { emitFile(asset: object): string }).emitFile(asset))
  }
  return moduleCode(entry, (file) => `import.meta.ROLLUP_FILE_URL_${references.get(file)}`)
}

/** What the paths of modules' files begin with in imports that esbuild resolves. */
const esbuildScheme = 'attar-module:'

/** esbuild takes along what is imported with its `file` loader, and gives its address relative to the script. */
function forEsbuild(entry: Entry, context: UnpluginBuildContext): string {
  const native = context.getNativeBuildContext?.()
  const { format = 'iife' } = native?.framework === 'esbuild' ? native.build.initialOptions : {}
  if (format !== 'esm' && entry.modules.length > 0)
    fail('A501', `a script that esbuild writes as ${format} does not know where the files beside it are`, {
      hint: 'set format: "esm", or add &inline to the import, which puts the module into the script',
    })
  const nameOf = (file: string): string => `attar_${entry.modules.indexOf(basename(file))}`
  const imports = entry.modules.map((name) => {
    const file = join(entry.folder, name)
    return `import ${nameOf(file)} from ${JSON.stringify(esbuildScheme + file)}\n`
  })
  return imports.join('') + moduleCode(entry, (file) => `new URL(${nameOf(file)}, import.meta.url)`)
}
