import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import type { TextModel } from '../../runtime/texts.ts'
import { model, node, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const { at, err, out, attar, json } = commandLine()

const vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'good', 'bad', 'film', '##s']
/** Each id has a row: what it says of either class. The scores are the sum over ids that the mask has. */
const rows = vocab.flatMap((token) =>
  token === 'good' ? [3, 0] : token === 'bad' ? [0, 3] : token === '[PAD]' ? [9, 9] : [0, 0],
)

beforeAll(() => {
  writeFileSync(at('vocab.txt'), vocab.join('\n'))
  writeFileSync(
    at('m.onnx'),
    model({
      inputs: ['input_ids i64[1,8]', 'attention_mask i64[1,8]'],
      outputs: ['scores f32[1,2]'],
      nodes: [
        'e = Gather(table, input_ids)',
        node('mask = Cast(attention_mask)', { attributes: { to: 1 } }),
        'wide = Unsqueeze(mask, axis)',
        'kept = Mul(e, wide)',
        node('scores = ReduceSum(kept, one)', { attributes: { keepdims: 0 } }),
      ],
      initializers: [
        stored('table', tensorOf('f32', [vocab.length, 2], rows)),
        stored('axis', tensorOf('i64', [1], [2n])),
        stored('one', tensorOf('i64', [1], [1n])),
      ],
    }),
  )
})

const loaded = async (folder: string): Promise<TextModel> => {
  const { load } = (await import(pathToFileURL(at(folder, 'model.js')).href)) as { load(): Promise<TextModel> }
  return load()
}
const compiled = async (folder: string, ...options: string[]): Promise<TextModel> => {
  expect(await attar('compile', at('m.onnx'), '-o', at(folder), ...options), err.join('\n')).toBe(0)
  return loaded(folder)
}

describe('a model that takes texts', () => {
  const scored = ['--classify', 'softmax', '--classes', 'praise,blame']
  it.each([[[]], [['--inline']]])('classifies them, compiled with %j', async (more) => {
    const m = await compiled(`out${more.length}`, '--tokenizer', at('vocab.txt'), ...scored, ...more)
    expect(out.join('\n')).toContain('no token has a capital')
    const { input_ids, attention_mask } = m.encode('Good films')
    expect(input_ids).toEqual(BigInt64Array.of(2n, 4n, 6n, 7n, 3n, 0n, 0n, 0n))
    expect(attention_mask).toEqual(BigInt64Array.of(1n, 1n, 1n, 1n, 1n, 0n, 0n, 0n))
    // Cut to the model's length.
    expect(m.encode('bad '.repeat(50)).input_ids).toEqual(BigInt64Array.of(2n, 5n, 5n, 5n, 5n, 5n, 5n, 3n))
    const [first, second] = m.classify!('BAD film')
    expect(first!.label).toBe('blame')
    expect(first!.score).toBeCloseTo(1 / (1 + Math.exp(-3)), 6)
    expect(second!.label).toBe('praise')
    expect(m.classify!('good', { top: 1 })).toHaveLength(1)
    expect(() => m.encode(7 as unknown as string)).toThrow('takes a text')
  })

  it('runs on a text from the command line', async () => {
    await compiled('run', '--tokenizer', at('vocab.txt'), ...scored)
    out.length = 0
    expect(await attar('run', at('run'), '--text', 'BAD films'), err.join('\n')).toBe(0)
    expect(out.join('\n')).toMatch(
      /^scores f32\[1,2\] 0\.000000, 3\.000000\nclass +softmax of scores\nblame +0\.9526\n/,
    )
    out.length = 0
    expect(await attar('run', at('run/model.wasm'), '--text', 'good', '--pair', 'good film', '--json')).toBe(0)
    expect(json()).toMatchObject({ outputs: { scores: { data: [6, 0], classes: ['praise', 'blame'] } } })
    await compiled('ids')
    writeFileSync(at('ids/other.wasm'), readFileSync(at('run/model.wasm')))
    await compiled('mixed', '--tokenizer', at('vocab.txt'))
    writeFileSync(at('mixed/model.js'), readFileSync(at('run/model.js')))
    for (const [args, message] of [
      [['run', '--input', 'input_ids=good'], /A501[^]*hint: a text goes into all inputs[^]*--text/],
      [['run', '--text', 'good', '--input', 'input_ids=1,2'], /"input_ids" is given by --input, too/],
      [['run', '--pair', 'good'], /--pair has no effect without --text/],
      [['ids/model.wasm', '--text', 'good'], /A501[^]*takes no texts[^]*--tokenizer/],
      [['ids/other.wasm', '--text', 'good'], /A502[^]*other\.js/],
      [['mixed', '--text', 'good'], /A502[^]*not the script that was compiled with the module/],
    ] as const) {
      err.length = 0
      expect(await attar('run', at(args[0]), ...args.slice(1)), args.join(' ')).toBe(2)
      expect(err.join('\n')).toMatch(message)
    }
  })

  it('is refused where it cannot be told what inputs take, and with pictures', async () => {
    writeFileSync(
      at('odd.onnx'),
      model({
        inputs: ['input_ids i64[1,8]', 'other i64[1,8]'],
        outputs: ['y i64[1,8]'],
        nodes: ['y = Add(input_ids, other)'],
      }),
    )
    writeFileSync(
      at('wide.onnx'),
      model({ inputs: ['ids i64[2,8]'], outputs: ['y i64[2,8]'], nodes: ['y = Neg(ids)'] }),
    )
    for (const [args, message] of [
      [['odd.onnx', '--tokenizer', at('vocab.txt')], 'what input "other" takes'],
      [['wide.onnx', '--tokenizer', at('vocab.txt')], 'is [2,8]'],
      [['m.onnx', '--tokenizer', at('vocab.txt'), '--pixels'], 'with --pcm or --tokenizer'],
      [['m.onnx', '--classify', 'none', '--classes', 'a,b'], 'without --pixels or --tokenizer'],
    ] as const) {
      err.length = 0
      expect(await attar('compile', at(args[0]), '-o', at('no'), ...args.slice(1))).toBe(2)
      expect(err.join('\n')).toContain(message)
    }
  })
})

describe('attar tokenizer', () => {
  it('writes a script that imports nothing', async () => {
    expect(await attar('tokenizer', at('vocab.txt'), '-o', at('alone'), '--json'), err.join('\n')).toBe(0)
    expect(json()).toMatchObject({ kind: 'WordPiece', ids: vocab.length, files: ['tokenizer.js', 'tokenizer.d.ts'] })
    const { encode } = (await import(pathToFileURL(at('alone', 'tokenizer.js')).href)) as {
      encode(text: string, options?: object): { ids: number[] }
    }
    expect(encode('good films').ids).toEqual([2, 4, 6, 7, 3])
    expect(encode('good films', { special: false }).ids).toEqual([4, 6, 7])
    expect(await attar('tokenizer', at('m.onnx'), '-o', at('no'))).toBe(2)
    expect(err.join('\n')).toContain('A502')
  })
})
