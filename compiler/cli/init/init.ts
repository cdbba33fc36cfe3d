import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { Argument, Option } from 'commander'
import { toJson } from '../format.ts'
import { addSizeOptions, importOptions, notEmpty, type ShapeOptions } from '../options.ts'
import { version } from '../../version.ts'
import type { AddCommand } from '../program.ts'
import { kinds, projects, type Given, type Kind } from './templates.ts'

interface Options extends Omit<ShapeOptions, 'bind'> {
  model: string
  json?: boolean
}

const usage = `
attar init page my-page --model model.onnx --dim batch=1
                          plain HTML and a script, for any host of static files
attar init worker my-worker --model model.onnx
                          a Cloudflare Worker that takes inputs and gives outputs as JSON
attar init vite my-app --model model.onnx
                          a page with Vite and TypeScript, in which the model is an import`

export const addInit: AddCommand = (program, terminal) => {
  const command = program
    .command('init')
    .description('Write a small project that runs a model: a page, a Cloudflare Worker, or a page with Vite.')
    .addArgument(new Argument('<kind>', 'what to write').choices(kinds))
    .argument('[folder]', 'where to write it; nothing that is there is overwritten', '.')
    .addOption(
      new Option('--model <model.onnx>', 'the model, which is copied').default('model.onnx').argParser(notEmpty),
    )
  addSizeOptions(command)
    .option('--json', 'print what was written as JSON')
    .addHelpText('after', usage)
    .action(async (kind: Kind, folder: string, options: Options) => {
      const { checkWritable, readFile, writeFiles } = await import('../../data/files.ts')
      const { fail, importModel } = await import('../../index.ts')
      const model = readFile(options.model)
      // What the project could not compile is said now, with the options that it lacks.
      const importing = await importOptions(options.model, options)
      const external: Record<string, Uint8Array> = {}
      importModel(model, {
        ...importing,
        readExternal: (name) => {
          const bytes = importing.readExternal!(name)
          if (/[\\/]/.test(name)) fail('A103', `weights are in "${name}", in another folder than the model`)
          return (external[name] = bytes)
        },
      })
      const project = projects[kind](await givenBy(folder, options))
      const isThere = resolve(options.model) === resolve(folder, 'model.onnx')
      const files = { ...project.files, ...(!isThere && { ...external, 'model.onnx': model }) }
      const names = Object.keys(files).sort()
      const taken = names.filter((name) => existsSync(join(folder, name)))
      if (taken.length > 0)
        fail('A505', `"${folder}" has ${taken.join(', ')} already`, { hint: 'give a folder that has no such files' })
      checkWritable(folder, names)
      writeFiles(folder, files)
      const commands = [...(resolve(folder) === resolve('.') ? [] : [`cd ${shown(folder)}`]), ...project.commands]
      if (options.json) terminal.out(toJson({ folder, files: names, commands }))
      else
        terminal.out([
          `Wrote ${names.map((name) => join(folder, name)).join(', ')}.`,
          'Now:',
          ...commands.map((c) => `    ${c}`),
        ])
    })
}

const shown = (path: string): string => (/^[\w./-]+$/.test(path) ? path : JSON.stringify(path))

/** attar as a dependency of a project: the version, or a path where it runs from a checkout, which no registry need have. */
function dependency(folder: string): string {
  const own = dirname(createRequire(import.meta.url).resolve('attar/package.json'))
  return own.split(sep).includes('node_modules')
    ? `^${version}`
    : `file:${relative(resolve(folder), own).replaceAll(sep, '/')}`
}

/** The options of the project's own compilation, and a name that npm and Cloudflare take. */
async function givenBy(folder: string, { shape = {}, dim = {} }: Options): Promise<Given> {
  const { fail } = await import('../../index.ts')
  const name = basename(resolve(folder))
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  const values = [
    ...Object.entries(shape).map(([name, dims]) => ['shape', `${name}=${dims.join(',')}`] as const),
    ...Object.entries(dim).map(([name, size]) => ['dim', `${name}=${size}`] as const),
  ]
  // Shells differ in what else they take as it is.
  const odd = values.find(([, value]) => !/^[\w.,=:/+-]+$/.test(value))
  if (odd) fail('A501', `--${odd[0]} ${JSON.stringify(odd[1])} cannot stand in a script of package.json`)
  return {
    name: name || 'model',
    attar: dependency(folder),
    options: values.map(([option, value]) => ` --${option} ${value}`).join(''),
    query: values.map(([option, value]) => `&${option}=${value}`).join(''),
  }
}
