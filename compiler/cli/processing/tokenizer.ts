import { formatCount, formatTable, toJson } from '../format.ts'
import { moduleType } from '../module-type.ts'
import { notEmpty } from '../options.ts'
import type { AddCommand } from '../program.ts'

interface Options {
  output: string
  name: string
  json?: boolean
}

const usage = `
attar tokenizer tokenizer.json -o out/
                          out/tokenizer.js, which imports nothing: encode(text) gives { ids, types, mask },
                          the ids that Hugging Face’s tokenizers give`

export const addTokenizer: AddCommand = (program, terminal) => {
  program
    .command('tokenizer')
    .description('Write a tokenizer as one small script of its own: out/tokenizer.js and its types.')
    .argument('<tokenizer.json>', 'a tokenizer of Hugging Face’s, or a vocab.txt of BERT’s')
    .requiredOption('-o, --output <folder>', 'folder for the files', notEmpty)
    .option('--name <name>', 'name of the files', 'tokenizer')
    .option('--json', 'print what was written as JSON')
    .addHelpText('after', usage)
    .action(async (path: string, { output, name, json }: Options) => {
      const { checkWritable, readFile, writeFiles } = await import('../../data/files.ts')
      const { checkName, readTokenizer, tokenizerFiles } = await import('../../index.ts')
      const { scriptSizes } = await import('../sizes.ts')
      checkName(name)
      checkWritable(output)
      const tokenizer = readTokenizer(readFile(path), path)
      const files = tokenizerFiles(tokenizer, name)
      const script = `${name}.js`
      writeFiles(output, { ...files, ...moduleType(output, script, terminal) })
      const size = await scriptSizes(script, files[script]!, true)
      const { kind, size: ids, assumed } = tokenizer
      if (json) terminal.out(toJson({ output, files: Object.keys(files), kind, ids, assumed, parts: [size] }))
      else {
        const { part, raw, gzip, brotli } = size
        terminal.out([
          ...formatTable([
            ['bytes', 'raw', 'gzip', 'brotli'],
            [part, ...[raw, gzip, brotli].map((n) => (n === undefined ? '' : formatCount(n)))],
          ]),
          '',
          `${kind} of ${formatCount(ids)} ids${assumed === undefined ? '' : `: ${assumed}`}`,
        ])
      }
    })
}
