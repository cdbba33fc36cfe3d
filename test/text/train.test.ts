import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { holdsTexts } from '../../compiler/data/texts.ts'
import type { TextModel } from '../../runtime/texts.ts'
import { commandLine } from '../support/command-line.ts'

const { at, err, attar } = commandLine()

const words = ['good', 'fine', 'bad', 'poor', 'film', 'book', 'a']
const vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', ...words]
/** The first two words praise, the next two blame. */
const rows = Array.from({ length: 48 }, (_, i) => ({
  text: `${words[4 + (i % 3)]} ${words[i % 4]} ${words[4 + ((i >> 2) % 3)]}`,
  label: i % 4 < 2 ? 'praise' : 'blame',
}))

beforeAll(() => {
  writeFileSync(at('vocab.txt'), vocab.join('\n'))
  writeFileSync(at('texts.jsonl'), rows.map((row) => JSON.stringify(row)).join('\n'))
  writeFileSync(at('texts.csv'), ['label,text', ...rows.map(({ text, label }) => `${label},"${text}"`)].join('\n'))
  writeFileSync(at('numbers.csv'), 'a,b,label\n1,2,praise\n')
  writeFileSync(at('text.json'), JSON.stringify({ tokenizer: at('vocab.txt') }))
  const network = (
    size: number,
  ) => `import { dense, embedding, globalAveragePool, sequential } from ${JSON.stringify(pathToFileURL('dist/compiler/train/network/index.js').href)}
export default {
  network: sequential([embedding(${size}, 8), globalAveragePool(), dense(2)]),
  input: { shape: [8], dtype: 'i64' },
  data: { train: 'texts.jsonl', val: 0.25, label: 'label' },
  preprocess: { tokenizer: 'vocab.txt' },
  train: { epochs: 20, batch: 8, learningRate: 0.05 },
}`
  writeFileSync(at('a.config.mjs'), network(vocab.length))
  writeFileSync(at('small.config.mjs'), network(9))
})

it('texts are told from numbers in tables', () => {
  writeFileSync(at('ids.csv'), 'input.0,input.1,y\n3,4,1\n')
  writeFileSync(at('ids.jsonl'), '{"input":[3,4],"y":1}\n')
  writeFileSync(at('column.csv'), 'n\n3\n')
  writeFileSync(at('mails.csv'), 'mail,y\nhello,1\n')
  const files = ['texts.csv', 'texts.jsonl', 'mails.csv', 'ids.csv', 'ids.jsonl', 'column.csv', 'vocab.txt']
  expect(files.filter((file) => holdsTexts(at(file), file.startsWith('texts') ? 'label' : undefined))).toEqual(
    files.slice(0, 3),
  )
})

describe('a training on texts', () => {
  it('learns, and what it writes is compiled with its tokenizer, and calibrated with texts', async () => {
    expect(await attar('train', at('a.config.mjs'), '-o', at('trained')), err.join('\n')).toBe(0)
    const model = at('trained/model.onnx')
    // A model names no files of whoever trained it.
    expect(readFileSync(model).includes('vocab.txt')).toBe(false)
    writeFileSync(at('other.txt'), [...vocab].reverse().join('\n'))
    const wrong = ['compile', model, '-o', at('wrong'), '--dim', 'batch=1', '--tokenizer', at('other.txt')]
    expect(await attar(...wrong), err.join('\n')).toBe(0)
    expect(err.join('\n')).toMatch(/warning A510 other-tokenizer\n.*other\.txt" is not the tokenizer that/)
    err.length = 0
    const quantized = ['--quantize', 'int8', '--calib', at('texts.csv'), '--label', 'label']
    for (const more of [[], quantized, [...quantized, '--preprocess', at('text.json')]]) {
      const folder = `out${more.length}`
      const options = ['--dim', 'batch=1', '--tokenizer', at('vocab.txt'), '--classify', ...more]
      expect(await attar('compile', model, '-o', at(folder), ...options), err.join('\n')).toBe(0)
      expect(err.join('\n')).not.toContain('A510')
      const { load } = (await import(pathToFileURL(at(folder, 'model.js')).href)) as { load(): Promise<TextModel> }
      const m = await load()
      expect(m.encode('a good film')).toEqual({ input: BigInt64Array.of(2n, 10n, 4n, 8n, 3n, 0n, 0n, 0n) })
      expect(rows.map(({ text }) => m.classify!(text)[0]!.label)).toEqual(rows.map(({ label }) => label))
    }
    writeFileSync(at('text-other.json'), JSON.stringify({ tokenizer: at('other.txt') }))
    const both = ['--tokenizer', at('vocab.txt'), ...quantized, '--preprocess', at('text-other.json')]
    expect(await attar('compile', model, '-o', at('no'), '--dim', 'batch=1', ...both)).toBe(2)
    expect(err.join('\n')).toMatch(/A501[^]*names the tokenizer[^]*leave it out of --preprocess/)
  })

  it('is refused for data without texts, and for ids that the table does not have', async () => {
    for (const [args, message] of [
      [['a.config.mjs', '--train', at('numbers.csv')], 'numbers.csv", line 2 has no text "text"; it has a, b, label'],
      [['small.config.mjs'], 'gives ids up to 10, and the table of input "input" ends at 8'],
    ] as const) {
      err.length = 0
      expect(await attar('train', at(args[0]), ...args.slice(1), '-o', at('no'))).toBe(2)
      expect(err.join('\n')).toContain(`A504`)
      expect(err.join('\n')).toContain(message)
    }
  })
})
