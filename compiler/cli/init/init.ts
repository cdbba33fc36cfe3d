import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { Argument, Option } from 'commander'
import { toJson } from '../format.ts'
import { addEachShapeOptions, countShapes, importOptions, notEmpty, oneShape, type EachShape } from '../options.ts'
import type { AddCommand } from '../program.ts'
import { dependency } from './dependency.ts'
import { kinds, projects, type Given, type Kind } from './templates.ts'

interface Options extends EachShape {
  model: string
  json?: boolean
}

const usage = `
attar init page my-page --model model.onnx --dim batch=1
                          plain HTML and a script, for any host of static files
attar init worker my-worker --model model.onnx --bind sr=16000
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
  addEachShapeOptions(command)
    .option('--json', 'print what was written as JSON')
    .addHelpText('after', usage)
    .action(async (kind: Kind, folder: string, options: Options) => {
      const { checkWritable, readFile, writeFiles } = await import('../../data/files.ts')
      const { fail, importEach } = await import('../../index.ts')
      const model = readFile(options.model)
      // What the project could not compile is said now, with the options that it lacks.
      const { signatures, ...shapes } = await oneShape(options)
      const importing = await importOptions(options.model, shapes)
      const external: Record<string, Uint8Array> = {}
      importEach(model, {
        ...{ ...importing, ...(signatures && { signatures }) },
        readExternal: (name) => {
          const bytes = importing.readExternal!(name)
          if (/[\\/]/.test(name)) fail('A103', `weights are in "${name}", in another folder than the model`)
          return (external[name] = bytes)
        },
      })
      const constants = await constantsOf(options.bind ?? {}, folder)
      const project = projects[kind](await givenBy(folder, { ...options, bind: constants.bind }))
      const isThere = resolve(options.model) === resolve(folder, 'model.onnx')
      const files = { ...project.files, ...constants.files, ...(!isThere && { ...external, 'model.onnx': model }) }
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

/** Values of `--bind`, of which those in files are files of the project. A501 where two have the same name. */
async function constantsOf(
  bind: Readonly<Record<string, string>>,
  folder: string,
): Promise<{ readonly bind: Record<string, string>; readonly files: Record<string, Uint8Array> }> {
  const { readFile } = await import('../../data/files.ts')
  const { fail } = await import('../../index.ts')
  const from = new Map<string, string>()
  const values = Object.entries(bind).map(([name, value]) => {
    if (!/\.(npy|pb)$/.test(value)) return [name, value] as const
    const file = basename(value)
    if (resolve(from.get(file) ?? value) !== resolve(value))
      fail('A501', `--bind: "${from.get(file)!}" and "${value}" have the same name, and go into one folder`)
    from.set(file, value)
    return [name, file] as const
  })
  const others = [...from].filter(([file, path]) => resolve(path) !== resolve(folder, file))
  const files = Object.fromEntries(others.map(([file, path]) => [file, readFile(path)]))
  return { bind: Object.fromEntries(values), files }
}

/** The options of the project's own compilation, and a name that npm and Cloudflare take. */
async function givenBy(folder: string, options: Options): Promise<Given> {
  const { fail } = await import('../../index.ts')
  const { shape = {}, dim = {}, bind = {}, bound = {} } = options
  const name = basename(resolve(folder))
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  const each = <T>(option: string, named: Readonly<Record<string, T>>, text: (value: T) => string) =>
    Object.entries(named).map(([name, value]) => [option, `${name}=${text(value)}`] as const)
  const values = [
    ...Object.entries(shape).flatMap(([name, all]) => all.map((dims) => ['shape', `${name}=${dims.join()}`] as const)),
    ...each('dim', dim, String),
    ...each('bind', bind, String),
    ...each('bound', bound, (all) => all.map(([least, most]) => `${least}..${most}`).join()),
  ]
  // Within double quotes, where shells differ in what else they take as it is.
  const odd = values.find(([, value]) => !/^[\w.,=:/+\-[\] ]+$/.test(value))
  if (odd) fail('A501', `--${odd[0]} ${JSON.stringify(odd[1])} cannot stand in a script of package.json`)
  return {
    name: name || 'model',
    attar: dependency(dirname(createRequire(import.meta.url).resolve('attar/package.json')), folder),
    options: values.map(([option, value]) => ` --${option} ${isPlain(value) ? value : `"${value}"`}`).join(''),
    query: values.map(([option, value]) => `&${option}=${isPlain(value) ? value : encodeURIComponent(value)}`).join(''),
    isOneShape: countShapes(options) === 1,
  }
}

const isPlain = (value: string): boolean => /^[\w.,=:/+-]+$/.test(value)
