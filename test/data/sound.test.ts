import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { dataKind, openDataset, readDataset, readWav, type InputType } from '../../compiler/data/index.ts'
import { resampled } from '../../compiler/data/resample.ts'
import { Random } from '../support/random.ts'
import { riff, wav, wavChunk, wavFormat, type WavOptions } from '../support/wav.ts'

const heard = (bytes: Uint8Array): number[] => {
  const sound = readWav(bytes, '"a.wav"')
  return Array.from({ length: sound.length }, (_, i) => sound.at(i))
}

describe('a WAV file', () => {
  const samples = [0, 0.5, -0.5, -1, 0.25, 0.125]

  it.each<[string, WavOptions]>([
    ['8 bits', { bits: 8 }],
    ['16 bits', { bits: 16 }],
    ['24 bits', { bits: 24 }],
    ['32 bits', { bits: 32 }],
    ['floats', { bits: 32, code: 3 }],
    ['doubles', { bits: 64, code: 3 }],
  ])('may hold %s, extensible or not', (_, options) => {
    expect(heard(wav(samples, options))).toEqual(samples)
    expect(heard(wav(samples, { ...options, extensible: true }))).toEqual(samples)
  })

  it('has the mean of its channels', () => {
    expect(heard(wav(samples, { channels: 2 }))).toEqual([0.25, -0.75, 0.1875])
    expect(heard(wav(samples, { channels: 6, bits: 24 }))).toEqual([-0.625 / 6])
    expect(readWav(wav(samples, { rate: 44100 }), 'it').rate).toBe(44100)
  })

  it('may have other chunks, of odd length too', () => {
    expect(heard(wav(samples, { note: 'abc' }))).toEqual(samples)
  })
})

describe('a hostile WAV file', () => {
  const data = wavChunk('data', [0, 0, 1, 0])
  const format = (changes: Readonly<Record<number, number>>, options: WavOptions = {}): Uint8Array => {
    const chunk = wavFormat(options)
    for (const [at, byte] of Object.entries(changes)) chunk[8 + Number(at)] = byte
    return riff([chunk, data])
  }

  it.each<[string, Uint8Array, RegExp]>([
    ['is something else', Uint8Array.of(1, 2, 3), /not a WAV file/],
    ['has no channels', wav([], { channels: 0 }), /0 channels/],
    ['has 10^9 samples a second', wav([0], { rate: 10 ** 9 }), /1000000000 samples a second/],
    ['has 0 samples a second', wav([0], { rate: 0 }), /0 samples a second/],
    ['is coded in another way', format({ 0: 6 }), /format 6/],
    ['is of another extension', format({ 30: 9 }, { extensible: true }), /no type that is known/],
    ['has 12 bits', format({ 14: 12 }), /integers of 12 bits/],
    ['has frames of another size', format({ 12: 7 }), /do not take 7 bytes/],
    ['has a short format', riff([wavChunk('fmt ', [1, 0]), data]), /"fmt " has 2 bytes/],
    ['has no format', riff([data]), /before their format/],
    ['has no data', riff([wavFormat()]), /no chunk "data"/],
    ['says to hold more than it does', wav([0, 0]).subarray(0, -2), /"data" has 4 bytes, of which 2/],
    ['ends within a sample', riff([wavFormat(), wavChunk('data', [0, 0, 0])]), /within a sample/],
    ['has a chunk that goes beyond it', riff([wavFormat(), [76, 73, 83, 84, 255, 255, 255, 255]]), /no chunk "data"/],
  ])('that %s is refused by name', (_, bytes, message) => {
    const read = () => readWav(bytes, '"a.wav"')
    expect(read).toThrow(/A502[^]*"a\.wav"/)
    expect(read).toThrow(message)
  })

  it('that has samples that are no numbers is refused by name', () => {
    for (const bad of [NaN, Infinity])
      expect(() => heard(wav([0, bad], { bits: 32, code: 3 }))).toThrow(/A502[^]*"a\.wav": sample 1 is not finite/)
  })

  it('of any bytes ends in a diagnostic or a sound', () => {
    const random = new Random(5)
    const whole = wav([0, 0.5, -0.5], { channels: 3, extensible: true, note: 'abc' })
    for (let length = 0; length < whole.length; length++)
      expect(() => heard(whole.slice(0, length)), `${length}`).toThrow(CompileError)
    for (let i = 0; i < 3000; i++) {
      const bytes = whole.slice()
      for (let k = 0; k < 3; k++) bytes[Math.floor(random.float() * bytes.length)] = Math.floor(random.float() * 256)
      try {
        expect(heard(bytes).every(Number.isFinite)).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(CompileError)
      }
    }
  })
})

describe('a sound at another rate', () => {
  const tone = (hertz: number, rate: number, length: number): number[] =>
    Array.from({ length }, (_, i) => 0.5 * Math.sin((2 * Math.PI * hertz * i) / rate + 1))
  const soundOf = (samples: readonly number[], rate: number) => ({
    rate,
    length: samples.length,
    at: (i: number) => samples[i]!,
  })
  /** Away from the ends, where half of what a sample is made of is silence. */
  const worst = (found: Float32Array, expected: readonly number[]): number =>
    Math.max(...expected.map((x, i) => Math.abs(found[i]! - x)).slice(100, -100))

  it.each([
    [16000, 8000],
    [8000, 16000],
    [44100, 16000],
    [16001, 16000],
    [11025, 8000],
  ])('keeps what both rates can hold: %i to %i Hz', (from, to) => {
    for (const hertz of [100, 1000, 3200]) {
      const found = resampled(soundOf(tone(hertz, from, from / 10), from), to, to / 10, 'it')
      expect(worst(found, tone(hertz, to, to / 10)), `${hertz} Hz`).toBeLessThan(2e-3)
    }
  })

  it('loses what the lower one cannot hold', () => {
    const found = resampled(soundOf(tone(5000, 16000, 1600), 16000), 8000, 800, 'it')
    expect(worst(found, new Array<number>(800).fill(0))).toBeLessThan(2e-3)
  })

  it('is cut or filled up with zeros, and a constant stays one', () => {
    const found = resampled(soundOf(new Array<number>(400).fill(0.5), 16000), 8000, 300, 'it')
    expect(Math.abs(found[100]! - 0.5)).toBeLessThan(1e-6)
    expect([...found.subarray(200)]).toEqual(new Array<number>(100).fill(0))
    expect([...resampled(soundOf([1, 2, 3], 8000), 8000, 2, 'it')]).toEqual([1, 2])
    expect([...resampled(soundOf([1], 8000), 8000, 3, 'it')]).toEqual([1, 0, 0])
  })

  it('is refused where the rates are far apart', () => {
    expect(() => resampled(soundOf([1], 1), 8000, 10, '"a.wav"')).toThrow(/A504[^]*"a\.wav" has 1 samples a second/)
  })
})

describe('a folder of sounds', () => {
  let folder: string
  const at = (...parts: string[]): string => join(folder, ...parts)
  const put = (path: string, content: Uint8Array | string): void => {
    mkdirSync(join(at(path), '..'), { recursive: true })
    writeFileSync(at(path), content)
  }
  const input: InputType = { name: 'x', dtype: 'f32', shape: [1, 4] }
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'attar-'))
    put('set/no/b.wav', wav([0.5, 0.25]))
    put('set/no/a.WAV', wav([0.125, 0.25, 0.375, 0.5, 0.625]))
    put(
      'set/yes/c.wav',
      wav(
        [1, 0, 1, 0, -1, -1, -1, -1].map((x) => x / 2),
        { channels: 2 },
      ),
    )
    put('set/yes/.hidden.wav', 'no sound')
    put('set/yes/notes.txt', 'no sound')
    put('set/.hidden/d.wav', 'no sound')
    put('lazy/a/a.wav', wav([0]))
    put('lazy/b/b.wav', 'no sound')
    put('rates/a.wav', wav(new Array<number>(400).fill(0.5), { rate: 8000 }))
    put('rates/b.wav', wav(new Array<number>(800).fill(0.5), { rate: 16000 }))
    put('mixed/a.wav', wav([0]))
    put('mixed/b.png', 'no picture')
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('has a class for each folder, and hidden files are left out', async () => {
    const { samples, labels, classes, preprocess } = await readDataset(at('set'), [input])
    expect(samples.map(({ x }) => [...(x!.data as Float32Array)])).toEqual([
      [0.125, 0.25, 0.375, 0.5],
      [0.5, 0.25, 0, 0],
      [0.25, 0.25, -0.5, -0.5],
    ])
    expect([labels, classes, preprocess]).toEqual([[[0], [0], [1]], ['no', 'yes'], { rate: 8000 }])
    expect([dataKind(at('set')), samples[0]!['x']!.shape]).toEqual(['sounds', [1, 4]])
  })

  it('is read by need', async () => {
    const source = await openDataset(at('lazy'), [input])
    expect(source.count).toBe(2)
    await source.sample(0)
    expect(() => source.sample(1)).toThrow(/A502[^]*b\.wav/)
  })

  it('is brought to one rate: that which is asked for, or of the first file', async () => {
    const long = { ...input, shape: [1, 400] }
    const { samples, preprocess } = await readDataset(at('rates'), [long])
    expect(preprocess).toEqual({ rate: 8000 })
    for (const { x } of samples) expect(Math.abs((x!.data as Float32Array)[200]! - 0.5)).toBeLessThan(1e-4)
    const fast = await readDataset(at('rates'), [long], { preprocess: { rate: 32000 } })
    expect(fast.preprocess).toEqual({ rate: 32000 })
  })

  it('must go with the input, and hold nothing else', async () => {
    await expect(readDataset(at('set'), [{ ...input, shape: [1, 2, 2] }])).rejects.toThrow(/A504[^]*f32\[1,n\]/)
    await expect(readDataset(at('set'), [{ ...input, dtype: 'i16' }])).rejects.toThrow(/A504/)
    await expect(readDataset(at('set'), [input, input])).rejects.toThrow(/A504[^]*one input/)
    await expect(readDataset(at('mixed'), [input])).rejects.toThrow(/A502[^]*both pictures and sounds/)
    await expect(readDataset(at('set'), [input], { label: 'z' })).rejects.toThrow(/A501[^]*names of their folders/)
  })
})
