import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../../compiler/core/tensor.ts'
import { writeNpz } from '../../../compiler/data/index.ts'
import { importModel } from '../../../compiler/index.ts'
import { commandLine } from '../../support/command-line.ts'
import { Random } from '../../support/random.ts'
import { wav } from '../../support/wav.ts'

const { at, err, attar, json, clear } = commandLine()

const put = (name: string, content: Uint8Array | string): void => {
  mkdirSync(dirname(at(name)), { recursive: true })
  writeFileSync(at(name), content)
}

interface Report {
  readonly test: { readonly accuracy: number }
}

/** Trains, compiles, and compares with onnxruntime-web on the test data. */
async function endToEnd(config: string, name: string, test: string): Promise<number> {
  const report = async (...args: string[]) => {
    clear()
    expect(await attar(...args, '--json'), err.join('\n')).toBe(0)
    return json()
  }
  const { test: score } = (await report('train', at(config), '-o', at(name))) as unknown as Report
  await report('compile', at(name, 'model.onnx'), '--dim', 'batch=1', '-o', at(name, 'out'))
  const compared = await report('verify', at(name, 'model.onnx'), at(name, 'out'), '--val', at(test), '--rtol', '0')
  expect(compared).toMatchObject({ status: 'pass', tolerance: { atol: 1e-4 } })
  return score.accuracy
}

describe('a network of sounds', () => {
  const kinds = ['chirp', 'noise', 'tone']
  beforeAll(() => {
    const random = new Random(9)
    const clip = (kind: string, rate: number): number[] => {
      const [pitch, loud, rise] = [300 + 600 * random.float(), 0.2 + 0.6 * random.float(), 1200]
      return Array.from({ length: Math.round(rate * (0.4 + 0.2 * random.float())) }, (_, i) => {
        const t = i / rate
        if (kind === 'noise') return loud * (2 * random.float() - 1)
        const turns = kind === 'tone' ? pitch * t : pitch * t + rise * t * t
        return loud * Math.sin(2 * Math.PI * turns) + 0.02 * (2 * random.float() - 1)
      })
    }
    for (const [split, count] of [
      ['sounds', 30],
      ['heard', 10],
    ] as const)
      for (const kind of kinds)
        for (let i = 0; i < count; i++) {
          const rate = i % 8 === 0 ? 8000 : 4000
          put(`${split}/${kind}/${i}.wav`, wav(clip(kind, rate), { rate }))
        }
    put(
      'sound.config.ts',
      `import { batchNorm, conv, defineConfig, dense, globalAveragePool, logMel, maxPool, relu, sequential } from 'attar/config'
export default defineConfig({
  network: sequential([logMel({ rate: 4000, window: 128, hop: 64, bins: 16 }), batchNorm(),
    conv(8, 5), batchNorm(), relu(), maxPool(2), conv(16, 3), batchNorm(), relu(), globalAveragePool(), dense(3)]),
  input: [2000],
  data: { train: 'sounds', val: '15%', test: 'heard' },
  train: { epochs: 24, batch: 8, learningRate: 0.01 },
})`,
    )
  })

  it('is trained from nothing, takes samples and agrees with onnxruntime-web', async () => {
    expect(await endToEnd('sound.config.ts', 'sound', 'heard')).toBeGreaterThan(0.95)
    const { graph, metadata } = importModel(readFileSync(at('sound', 'model.onnx')), { dims: { batch: 1 } })
    expect(graph.inputs.map(({ value }) => value.type)).toEqual([{ dtype: 'f32', shape: [1, 2000] }])
    expect(metadata).toMatchObject({ preprocess: '{"rate":4000}', classes: JSON.stringify(kinds) })
    clear()
    const sound = at('heard', 'noise', '0.wav')
    expect(await attar('run', at('sound', 'out', 'model.wasm'), '--input', `input=${sound}`, '--json')).toBe(0)
    const { output } = json()['outputs'] as { output: { data: number[] } }
    expect(output.data.indexOf(Math.max(...output.data))).toBe(kinds.indexOf('noise'))
    // Its tables are no parameters, and what it says of itself is what data is read by.
    clear()
    const further = ['--train', at('sounds'), '--epochs', '1', '-o', at('further'), '--json']
    expect(await attar('train', at('sound', 'model.onnx'), ...further), err.join('\n')).toBe(0)
    expect((json()['parameters'] as { all: number }).all).toBeLessThan(1600)
  })

  it.each<[string, string, string[], string]>([
    ['another rate', 'preprocess: { rate: 16000 },', [], 'A702[^]*16000 Hz, that of the network 4000 Hz'],
    [
      'how pictures are read',
      'preprocess: { scale: 2 },',
      [],
      'A702[^]*scale: has no effect on data that is not pictures',
    ],
    ['an option of pictures', '', ['--scale', '2'], 'A702[^]*scale: has no effect'],
    ['how rows are filled up', 'preprocess: { pad: 1 },', [], 'A702[^]*pad: has no effect'],
    ['a rate that is none', "preprocess: { rate: 'high' },", [], 'A501[^]*"rate" is "high"'],
    ['labels by name', '', ['--label', 'z'], 'A501[^]*names of their folders'],
  ])('refuses %s', async (_, more, args, message) => {
    const text = readFileSync(at('sound.config.ts'), 'utf8')
    put('other.config.ts', text.replace('input: [2000],', `input: [2000], ${more}`))
    expect(await attar('train', at('other.config.ts'), '-o', at('none'), ...args)).toBe(2)
    expect(err.join('\n')).toMatch(new RegExp(message))
  })

  it('names the file that cannot be read', async () => {
    put('broken/a/a.wav', wav([0, 0.5]))
    put('broken/b/b.wav', wav([0, 0.5]).subarray(0, 40))
    const broken = at('broken')
    const data = ['--train', broken, '--val', broken, '--test', broken]
    expect(await attar('train', at('sound.config.ts'), '-o', at('none'), ...data)).toBe(2)
    expect(err.join('\n')).toMatch(/A502[^]*b\.wav/)
  })
})

describe('a network of words', () => {
  /** Whether word 5 stands before word 6, among others; and how often words below 10 come. */
  const sentences = (count: number, seed: number) => {
    const random = new Random(seed)
    const below = (n: number): number => Math.floor(random.float() * n)
    return Array.from({ length: count }, () => {
      const words = Array.from({ length: 5 + below(8) }, () => 7 + below(13))
      const first = below(words.length - 1)
      const second = first + 1 + below(words.length - 1 - first)
      const y = below(2)
      ;[words[first], words[second]] = y === 1 ? [5, 6] : [6, 5]
      return { words, y }
    })
  }
  const lines = (count: number, seed: number): string =>
    sentences(count, seed)
      .map(({ words, y }) => JSON.stringify({ input: words, y }))
      .join('\n')
  const config = (layers: string, more = '', epochs = 12): string => `
import { defineConfig, dense, embedding, globalAveragePool, gru, lstm, positionEmbedding, relu, residual, selfAttention, sequential } from 'attar/config'
export default defineConfig({
  network: sequential([embedding(20, 8), ${layers}, dense(2)]),
  input: { shape: [12], dtype: 'i32' },
  preprocess: { pad: 0 },
  data: { train: 'train.jsonl', val: 'val.jsonl', test: 'words.jsonl' },
  train: { epochs: ${epochs}, batch: 32, learningRate: 0.02 },
  ${more}
})`
  beforeAll(() => {
    put('train.jsonl', lines(600, 1))
    put('val.jsonl', lines(100, 2))
    put('words.jsonl', lines(100, 3))
    // Whether a word below 12 is among them, which no order matters for.
    const bag = (count: number, seed: number): string => {
      const random = new Random(seed)
      return Array.from({ length: count }, (_, i) => {
        const words = Array.from({ length: 3 + (i % 7) }, () => 12 + Math.floor(random.float() * 8))
        if (i % 2 === 1) words[Math.floor(random.float() * words.length)] = 7 + Math.floor(random.float() * 5)
        return JSON.stringify({ input: words, y: i % 2 })
      }).join('\n')
    }
    put('bag-train.jsonl', bag(400, 1))
    put('bag-val.jsonl', bag(100, 2))
    put('bag.jsonl', bag(100, 3))
  })

  it('with a recurrent layer tells an order', async () => {
    put('gru.config.ts', config('gru(12)'))
    expect(await endToEnd('gru.config.ts', 'gru', 'words.jsonl')).toBeGreaterThan(0.95)
    const { metadata } = importModel(readFileSync(at('gru', 'model.onnx')), { dims: { batch: 1 } })
    expect(metadata['preprocess']).toBe('{"pad":0}')
  })

  it('with a recurrent layer tells an order before much padding', async () => {
    const long = config('gru(12)').replace('shape: [12]', 'shape: [40]')
    put('padded.config.ts', long.replace('embedding(20, 8)', 'embedding(20, 8, { padding: 0 })'))
    expect(await endToEnd('padded.config.ts', 'padded', 'words.jsonl')).toBeGreaterThan(0.95)
  })

  it('with attention, and with a memory that is read at every step', async () => {
    const bags = (text: string): string =>
      text
        .replace('train.jsonl', 'bag-train.jsonl')
        .replace('val.jsonl', 'bag-val.jsonl')
        .replace('words.jsonl', 'bag.jsonl')
    put('attention.config.ts', bags(config('residual([selfAttention({ heads: 2 })]), globalAveragePool()', '', 8)))
    expect(await endToEnd('attention.config.ts', 'attention', 'bag.jsonl')).toBeGreaterThan(0.95)
    put('lstm.config.ts', bags(config('lstm(8, { sequence: true }), globalAveragePool()', '', 6)))
    expect(await endToEnd('lstm.config.ts', 'lstm', 'bag.jsonl')).toBeGreaterThan(0.95)
  })

  it('reads ids of 64 bits', async () => {
    const all = sentences(64, 4).map(({ words, y }) => ({
      row: [...words, ...new Array<number>(12 - words.length).fill(0)],
      y,
    }))
    const ids = tensorOf('i64', [64, 12], all.flatMap(({ row }) => row).map(BigInt))
    put(
      'ids.npz',
      writeNpz({
        input: ids,
        y: tensorOf(
          'i64',
          [64],
          all.map(({ y }) => BigInt(y)),
        ),
      }),
    )
    put(
      'ids.csv',
      ['y,', ...all.map(({ row, y }) => `${y},${row.join()}`)]
        .join('\n')
        .replace('y,', `y,${Array.from({ length: 12 }, (_, i) => `input.${i}`).join()}`),
    )
    put('ids.config.ts', config('globalAveragePool()', '', 1))
    const scores = []
    for (const file of ['ids.npz', 'ids.csv']) {
      clear()
      const args = ['--train', at(file), '--val', at(file), '--test', at(file), '-o', at('ids'), '--json']
      expect(await attar('train', at('ids.config.ts'), ...args), err.join('\n')).toBe(0)
      scores.push(json()['test'])
    }
    expect(scores[1]).toEqual(scores[0])
  })

  it('says which sample has a word that is not in its table', async () => {
    put('small.config.ts', config('globalAveragePool()').replace('embedding(20', 'embedding(19'))
    expect(await attar('train', at('small.config.ts'), '-o', at('none'))).toBe(2)
    expect(err.join('\n')).toMatch(/A704[^]*sample \d+ of "[^]*train\.jsonl": element \d+ of input "input" is 19/)
    put('pad.config.ts', config('globalAveragePool()').replace('pad: 0', 'pad: 20'))
    expect(await attar('train', at('pad.config.ts'), '-o', at('none'))).toBe(2)
    expect(err.join('\n')).toMatch(/A704[^]*is 20, outside/)
  })

  it.each([
    ['lstm(4, { sequences: true })', 'lstm: sequences: there is no such field; did you mean "sequence"?'],
    ['gru(4, { layers: 2 })', 'gru: layers: there is no such field'],
    ['selfAttention({ heads: 3 })', '8 channels do not divide among 3 heads'],
    ['selfAttention({ head: 2 })', 'selfAttention: head: there is no such field; did you mean "heads"?'],
    ['positionEmbedding({ size: 2 })', 'positionEmbedding: size: there is no such field. There is only initializer'],
    ['globalAveragePool(), lstm(4)', 'it takes a sequence'],
    ['globalAveragePool(), selfAttention({ heads: 2 })', 'it takes a sequence'],
  ])('refuses %s', async (layers, message) => {
    put('wrong.config.ts', config(layers))
    expect(await attar('train', at('wrong.config.ts'), '-o', at('none'))).toBe(2)
    expect(err.join('\n')).toContain('A702')
    expect(err.join('\n')).toContain(message)
  })
})
