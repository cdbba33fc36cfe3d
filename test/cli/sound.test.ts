import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { completeFeatures, type FeatureOptions } from '../../compiler/features/index.ts'
import { model, node, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'
import { wav } from '../support/wav.ts'

const { at, out, err, clear, attar, json } = commandLine()

const rate = 1000
const features = { window: 40, hop: 20, mels: 8, log: 'ln', add: 1e-6, mean: -4, std: 4 }
/** Low and high tones. */
const tone = (pitch: number, i: number): number[] =>
  Array.from({ length: 300 }, (_, t) => 0.5 * Math.sin(2 * Math.PI * pitch * (t / rate) * (1 + i / 40)))
const text = {
  inputs: ['mel f32[1,9,8]', 'h f32[1,2]'],
  outputs: ['scores f32[1,2]', 'hn f32[1,2]'],
  nodes: [
    node('m = ReduceMean(mel)', { attributes: { axes: [1] } }),
    'f = Reshape(m, flat)',
    's = MatMul(f, w)',
    'scores = Add(s, h)',
    'hn = Mul(s, half)',
  ],
  initializers: [
    stored('flat', tensorOf('i64', [2], [1, 8])),
    stored('half', tensorOf('f32', [], [0.5])),
    stored(
      'w',
      tensorOf(
        'f32',
        [8, 2],
        Array.from({ length: 16 }, (_, i) => ((i % 2) * 2 - 1) * (i < 8 ? -1 : 1)),
      ),
    ),
  ],
}
const spotter = model(text)

beforeAll(() => {
  writeFileSync(at('m.onnx'), spotter)
  for (const [kind, pitch] of [
    ['low', 60],
    ['high', 390],
  ] as const) {
    mkdirSync(at('sounds', kind), { recursive: true })
    for (let i = 0; i < 4; i++) writeFileSync(at('sounds', kind, `${i}.wav`), wav(tone(pitch, i), { rate }))
  }
  writeFileSync(at('sound.json'), JSON.stringify({ rate, features }))
})

const compiled = (folder: string, ...more: string[]): Promise<number> =>
  attar('compile', at('m.onnx'), '-o', at(folder), '--target', 'simd', ...more)
const preprocess = ['--preprocess', at('sound.json')]
const bound = ['--bind', 'h=0,0']
const outputs = async (folder: string, sound: string): Promise<Record<string, { shape: number[]; data: number[] }>> => {
  clear()
  const run = [at(folder, 'model.wasm'), '--input', `mel=${at('sounds', sound)}`, '--json']
  expect(await attar('run', ...run), err.join()).toBe(0)
  return json()['outputs'] as Record<string, { shape: number[]; data: number[] }>
}

describe('compile --pcm', () => {
  it('quantized by sounds, answers for a sound as the model does for its features', async () => {
    const how = [...preprocess, ...bound, '--quantize', 'int8', '--calib', at('sounds'), '--no-sensitivity']
    expect(await compiled('plain', ...how), err.join()).toBe(0)
    const emitted = ['--emit-onnx', at('sound.onnx')]
    expect(await compiled('pcm', ...how, ...emitted, '--pcm', 'mel'), err.join()).toBe(0)
    expect(out.join('\n')).toMatch(/sound +"mel" takes a whole sound at 1000 Hz: \{"rate":1000,"features":\{"fft":64,/)
    expect(readFileSync(at('pcm', 'model.d.ts'), 'utf8')).toMatch(
      /f32\[200\], a sound at 1000 Hz, from -1 to 1 \*\/\n {2}readonly "mel": Float32Array/,
    )
    const found: number[][] = []
    for (const sound of ['low/0.wav', 'low/3.wav', 'high/1.wav']) {
      const { scores } = await outputs('pcm', sound)
      expect(scores).toEqual((await outputs('plain', sound))['scores'])
      found.push(scores!.data)
    }
    expect(found.map(([low, high]) => low! > high!)).toEqual([true, true, false])
    // The same as ONNX, by onnxruntime.
    clear()
    expect(await attar('verify', at('sound.onnx'), at('pcm'), '--val', at('sounds')), err.concat(out).join()).toBe(0)
    clear()
    expect(await attar('verify', at('m.onnx'), at('pcm'), ...bound)).toBe(2)
    expect(err.join()).toMatch(/A501.*takes sound, the model features of it.*--emit-onnx/s)
    clear()
    const run = [at('pcm', 'model.wasm'), '--input', `mel=${at('sounds/low/0.wav')}`, ...preprocess]
    expect(await attar('run', ...run)).toBe(2)
    expect(err.join()).toMatch(/rate, features: the module says itself how it takes sounds/)
  })

  it('takes a stream hop by hop, beside states of the model', async () => {
    expect(await compiled('whole', ...preprocess, ...bound, '--pcm'), err.join()).toBe(0)
    const stream = [...preprocess, '--state', 'h=hn', '--pcm', '--stream', '--emit-onnx', at('stream.onnx')]
    expect(await compiled('stream', ...stream), err.join()).toBe(0)
    expect(readFileSync(at('stream', 'model.d.ts'), 'utf8')).toMatch(
      /f32\[20\], the next samples of a stream at 1000 Hz/,
    )
    const { scores } = await outputs('stream', 'high/2.wav')
    // 300 samples, of which the last run ends with the last 200: what the module of whole sounds says, and what the state adds.
    expect(scores!.shape).toEqual([15, 1, 2])
    writeFileSync(at('sounds/end.wav'), wav(tone(390, 2).slice(100), { rate }))
    const { data } = (await outputs('whole', 'end.wav'))['scores']!
    rmSync(at('sounds/end.wav'))
    const alone: number[][] = []
    for (let i = 0; i < 15; i++)
      alone.push([0, 1].map((k) => scores!.data[2 * i + k]! - (i === 0 ? 0 : 0.5 * alone[i - 1]![k]!)))
    alone.at(-1)!.forEach((score, k) => expect(score).toBeCloseTo(data[k]!, 3))
    clear()
    expect(await attar('verify', at('stream.onnx'), at('stream')), err.concat(out).join()).toBe(0)
  })

  it('takes features from the model, and warns where it is told of others', async () => {
    const own = JSON.stringify({ rate, features: completeFeatures(features as FeatureOptions, rate) })
    writeFileSync(at('own.onnx'), model(text, { metadataProps: [{ key: 'preprocess', value: own }] }))
    writeFileSync(at('more.json'), JSON.stringify({ rate: 2000, features: { ...features, power: 1, samples: 200 } }))
    const args = ['compile', at('own.onnx'), '-o', at('own'), '--target', 'simd', ...bound, '--pcm']
    for (const more of [[], preprocess]) {
      expect(await attar(...args, ...more), err.join()).toBe(0)
      expect(err.join()).not.toContain('A511')
    }
    clear()
    expect(await attar(...args, '--preprocess', at('more.json'), '--json'), err.join()).toBe(0)
    expect(json()['warnings']).toMatchObject([{ code: 'A511' }])
    expect(err.join('\n')).toMatch(
      /warning A511 other-preprocessing\n.*another way: rate is 2000, not 1000; features: power is 1, not 2; features: high is 1000, not 500\n/,
    )
  })

  it('says what of a sound is left out', async () => {
    expect(await compiled('whole', ...preprocess, ...bound, '--pcm'), err.join()).toBe(0)
    clear()
    expect(await attar('run', at('whole'), '--input', `mel=${at('sounds/low/0.wav')}`)).toBe(0)
    expect(err.join('\n')).toMatch(/has 300 samples at 1000 Hz: the first 200 are taken/)
  })

  it.each<[string, readonly string[], RegExp]>([
    ['nothing that says how', ['--pcm'], /A501.*nothing says how sound becomes "mel".*"features"/s],
    ['an input that is not there', ['--pcm', 'x', ...preprocess], /no input "x"; it has "mel"/],
    ['options of pictures', ['--pcm', ...preprocess, '--resize', 'nearest'], /--resize has no effect/],
    ['a stream without sound', ['--stream', '2'], /--stream has no effect without --pcm/],
    ['pictures, too', ['--pcm', '--pixels', ...preprocess], /--pixels has no effect with --pcm/],
    ['more hops than there are', ['--pcm', '--stream', '10', ...preprocess], /10 hops in a run, more than the 9/],
    ['members that there are not', ['--pcm', '--preprocess', at('odd.json')], /features.*"hops"/],
  ])('refuses %s', async (_, more, message) => {
    writeFileSync(at('odd.json'), JSON.stringify({ rate, features: { ...features, hops: 3 } }))
    expect(await compiled('none', ...bound, ...more)).toBe(2)
    expect(err.join('\n')).toMatch(message)
    expect(existsSync(at('none'))).toBe(false)
  })
})
