import { toJson } from '../format.ts'
import {
  addShapeOptions,
  addStateOptions,
  importOptions,
  notEmpty,
  stateOptions,
  type ShapeOptions,
  type StateOptions,
} from '../options.ts'
import type { AddCommand } from '../program.ts'

interface Options extends ShapeOptions, StateOptions {
  node?: string
  html?: string
  plan?: string
  json?: boolean
}

export const addInspect: AddCommand = (program, terminal, done) => {
  const command = program
    .command('inspect')
    .description('Show what is inside: of a model layer by layer, of a compiled module byte by byte.')
    .argument('<file>', 'an ONNX model, or a module (.wasm) that attar compiled')
    .option('--node <name>', 'of a model, show this node: operands, attributes, core operations')
  addStateOptions(addShapeOptions(command))
    .option(
      '--html <file>',
      'write it as a page too: graph, bytes, memory over time, what attar makes of each node',
      notEmpty,
    )
    .option('--plan <file.json>', 'times for the page, which attar bench model.onnx --layers --plan measured', notEmpty)
    .option('--json', 'print one JSON object')
    .action(async (path: string, options: Options) => {
      const { readFile } = await import('../../data/files.ts')
      const bytes = readFile(path)
      const { html, plan } = options
      const { checkPage, modelHtml, moduleHtml, writePage } = await import('./html.ts')
      if (html !== undefined) await checkPage(html)
      const { isModule } = await import('../modules.ts')
      if (isModule(bytes)) {
        const { describeModule, inspectionOf } = await import('./module.ts')
        const inspection = inspectionOf(path, bytes)
        if (html !== undefined) await writePage(html, await moduleHtml(path, bytes, inspection, plan))
        terminal.out(options.json ? toJson(inspection) : describeModule(inspection))
        return
      }
      const { describeLayers, describeNode, layersOf } = await import('./model.ts')
      const importing = await importOptions(path, options)
      const model = await layersOf(bytes, importing)
      if (html !== undefined)
        await writePage(
          html,
          await modelHtml(path, bytes, model, { ...importing, ...(await stateOptions(path, options)) }, plan),
        )
      if (options.node !== undefined) {
        const { fail } = await import('../../index.ts')
        const layer = model.layers.find(({ node }) => node === options.node)
        if (!layer)
          return fail('A501', `the model has no node "${options.node}"`, {
            hint: '`attar inspect` without --node lists them',
          })
        terminal.out(options.json ? toJson(layer) : describeNode(layer))
      } else terminal.out(options.json ? toJson(model) : describeLayers(model))
      if (model.diagnostics.length > 0) done(2)
    })
}
