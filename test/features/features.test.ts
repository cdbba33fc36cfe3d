import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { CompileError } from '../../compiler/core/diagnostics/diagnostic.ts'
import { tensorOf, toNumbers } from '../../compiler/core/tensor.ts'
import { clipGraph, completeFeatures, extentOf, type FeatureOptions } from '../../compiler/features/index.ts'
import { compiledExecutor } from '../../compiler/execute.ts'
import { compile, withSound } from '../../compiler/index.ts'
import { soundReader } from '../../compiler/data/index.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { instantiate } from '../../runtime/index.ts'

const rate = 1000
/** A chord that changes, with some noise. */
const chord = (length: number): number[] =>
  Array.from({ length }, (_, i) =>
    Math.fround(0.4 * Math.sin(i * (0.3 + i / 2000)) + 0.2 * Math.sin(2.1 * i) + 0.05 * (((i * 7919) % 101) / 50 - 1)),
  )

/** What is said of features, computed from their definitions in f64. */
function expected(options: FeatureOptions, samples: readonly number[], pieces: number): number[][] {
  const f = completeFeatures(options, rate)
  const { window, hop, fft } = f
  const half = window / 2
  const mirrored = (i: number): number => samples[i < 0 ? -i : i >= samples.length ? 2 * samples.length - 2 - i : i]!
  const at = (i: number): number =>
    f.padding === 'none' ? samples[i]! : f.padding === 'zeros' ? (samples[i - half] ?? 0) : mirrored(i - half)
  const mel = (hz: number): number =>
    f.melScale === 'htk'
      ? 2595 * Math.log10(1 + hz / 700)
      : hz < 1000
        ? (3 * hz) / 200
        : 15 + (27 * Math.log(hz / 1000)) / Math.log(6.4)
  const hertz = (m: number): number =>
    f.melScale === 'htk' ? 700 * (10 ** (m / 2595) - 1) : m < 15 ? (200 * m) / 3 : 1000 * 6.4 ** ((m - 15) / 27)
  const edges = Array.from({ length: f.mels + 2 }, (_, i) =>
    hertz(mel(f.low) + ((mel(f.high) - mel(f.low)) * i) / (f.mels + 1)),
  )
  const rows = Array.from({ length: pieces }, (_, t) => {
    let piece = Array.from({ length: window }, (_, j) => f.gain * at(t * hop + j))
    if (f.centered) {
      const mean = piece.reduce((a, b) => a + b) / window
      piece = piece.map((x) => x - mean)
    }
    piece = piece.map((x, j) => x - f.preemphasis * piece[Math.max(0, j - 1)]!)
    const period = f.taper.endsWith('symmetric') || f.taper === 'povey' ? window - 1 : window
    const tapered = piece.map((x, j) => {
      const wave = Math.cos((2 * Math.PI * j) / period)
      if (f.taper === 'rectangular') return x
      if (f.taper === 'povey') return x * (0.5 - 0.5 * wave) ** 0.85
      return x * (f.taper.startsWith('hann') ? 0.5 - 0.5 * wave : 0.54 - 0.46 * wave)
    })
    const spectrum = Array.from({ length: Math.floor(fft / 2) + 1 }, (_, k) => {
      let [re, im] = [0, 0]
      tapered.forEach((x, j) => {
        re += x * Math.cos((2 * Math.PI * j * k) / fft)
        im -= x * Math.sin((2 * Math.PI * j * k) / fft)
      })
      return f.power === 2 ? re * re + im * im : Math.hypot(re, im)
    })
    const bands = Array.from({ length: f.mels }, (_, m) => {
      const over = (hz: number): number => (f.triangles === 'mel' ? mel(hz) : hz)
      const [a, b, c] = edges.slice(m, m + 3).map(over) as [number, number, number]
      const norm = f.melNorm === 'area' ? 2 / (edges[m + 2]! - edges[m]!) : 1
      return spectrum.reduce((sum, p, k) => {
        const x = over((k * rate) / fft)
        return sum + norm * p * Math.max(0, Math.min((x - a) / (b - a), (c - x) / (c - b)))
      }, 0)
    })
    const all = f.mels ? bands : spectrum
    const logs = all.map((x) => {
      const y = Math.max(x + f.add, f.floor)
      return { none: y, ln: Math.log(y), log10: Math.log10(y), dB: 10 * Math.log10(y) }[f.log]
    })
    if (!f.coefficients) return logs
    return Array.from({ length: f.coefficients }, (_, q) => {
      const scale = Math.sqrt((q === 0 && f.dct === 'orthonormal' ? 1 : 2) / f.mels)
      return scale * logs.reduce((sum, x, m) => sum + x * Math.cos((Math.PI * q * (m + 0.5)) / f.mels), 0)
    })
  })
  const top = Math.max(...rows.flat())
  return rows.map((row) => row.map((x) => ((f.range ? Math.max(x, top - f.range) : x) - f.mean) / f.std))
}

describe('features are what their definitions give', () => {
  it.each<[string, FeatureOptions, readonly number[]]>([
    ['a spectrum of 24 points, without logarithm', { window: 20, hop: 12, fft: 24 }, [1, 5, 13]],
    ['of a prime', { window: 13, hop: 13, fft: 13, taper: 'rectangular', power: 1 }, [4, 7]],
    [
      'speech commands (TensorFlow)',
      {
        window: 40,
        hop: 20,
        fft: 64,
        power: 1,
        mels: 10,
        low: 20,
        high: 400,
        triangles: 'mel',
        log: 'ln',
        add: 1e-6,
        coefficients: 5,
        dct: 'htk',
      },
      [1, 9, 5, 1],
    ],
    [
      'librosa',
      {
        window: 50,
        hop: 20,
        fft: 50,
        mels: 8,
        melScale: 'slaney',
        melNorm: 'area',
        padding: 'reflect',
        log: 'dB',
        floor: 1e-10,
        range: 30,
        layout: 'bands',
      },
      [1, 1, 8, 7],
    ],
    [
      'Kaldi',
      {
        window: 25,
        hop: 10,
        taper: 'povey',
        gain: 32768,
        centered: true,
        preemphasis: 0.97,
        mels: 9,
        low: 20,
        triangles: 'mel',
        log: 'ln',
        floor: 1.1920928955078125e-7,
      },
      [6, 9],
    ],
    [
      'MFCC, hops longer than windows, mean and std',
      {
        window: 16,
        hop: 30,
        taper: 'hamming-symmetric',
        padding: 'zeros',
        mels: 6,
        log: 'log10',
        floor: 1e-10,
        coefficients: 6,
        mean: -4,
        std: 2,
      },
      [6 * 4],
    ],
  ])('%s', async (_, options, shape) => {
    const features = completeFeatures(options, rate)
    const input = { name: 'x', dtype: 'f32', shape } as const
    const { samples, pieces } = extentOf({ rate, features }, input)
    const sound = chord(samples)
    const run = await compiledExecutor.prepare(clipGraph({ rate, features }, input))
    const found = run({ sound: tensorOf('f32', [samples], sound) })['features']!
    const rows = expected(options, sound, pieces)
    const wanted = (features.layout === 'time' ? rows : rows[0]!.map((_, i) => rows.map((row) => row[i]!))).flat()
    expect(found.shape).toEqual(shape)
    const scale = Math.max(...wanted.map(Math.abs))
    expect(Math.max(...toNumbers(found).map((x, i) => Math.abs(x - wanted[i]!)))).toBeLessThan(1e-5 * scale)
  })

  it.each<[string, FeatureOptions, readonly number[], RegExp]>([
    ['other bands', { window: 20, hop: 10, mels: 8, log: 'ln', add: 1 }, [5, 9], /takes no features of 8 bands/],
    [
      'the axes the other way round',
      { window: 20, hop: 10, mels: 8, log: 'ln', add: 1 },
      [8, 5],
      /takes no features of 8 bands/,
    ],
    [
      'other samples',
      { window: 20, hop: 10, mels: 8, samples: 100 },
      [4, 8],
      /100 samples have 9 pieces, the input takes 4/,
    ],
    ['a logarithm of silence', { window: 20, hop: 10, log: 'ln' }, [4, 17], /minus infinity/],
    ['a band above half of the rate', { window: 20, hop: 10, mels: 8, high: 600 }, [4, 8], /no band of frequencies/],
    ['more coefficients than bands', { window: 20, hop: 10, mels: 8, coefficients: 9 }, [4, 9], /9 of 8 mels/],
    ['a large prime', { window: 16384, hop: 8192, fft: 32749 }, [2, 16375], /no two factors/],
    ['hops of one sample', { window: 400, hop: 1 }, [2, 257], /hop is 1, less than/],
    ['more than memory holds', { window: 400, hop: 160, fft: 2 ** 15, mels: 8 }, [4000, 8], /A301|limit is 2\^26/],
    ['fewer points than samples', { window: 20, hop: 10, fft: 16 }, [4, 9], /fft is 16/],
  ])('refuses %s', (_, options, shape, message) => {
    const input = { name: 'x', dtype: 'f32', shape } as const
    const sound = { rate, features: completeFeatures(options, rate) }
    expect(() => extentOf(sound, input)).toThrow(message)
    expect(() => extentOf(sound, input)).toThrow(CompileError)
  })
})

describe('a module that takes sound', () => {
  const options: FeatureOptions = { window: 50, hop: 20, fft: 64, mels: 10, log: 'ln', add: 1e-6, coefficients: 6 }
  const shape = [1, 1, 12, 6]
  const b = new Builder(undefined)
  const x = inputOf('x', 'f32', shape)
  // What it saw itself, and of the model a sum of it.
  const imported = { graph: graphOf([x], [b.unary('neg', x), b.reduce('add', x, [0, 1, 2, 3])]), metadata: {} }
  const samples = 50 + 11 * 20
  const sound = chord(2000)

  const made = async (hops?: number) => {
    const { model, options: how } = await withSound(imported, { input: 'x', rate, features: options, hops })
    const { modules, spec, report } = await compile(model, { ...how, targets: ['simd'] })
    return { model: instantiate(modules.simd! as BufferSource, spec), spec, report }
  }

  it('sees the very features that data sets have', async () => {
    const { model, spec } = await made()
    expect(spec.inputs).toMatchObject([{ name: 'x', dtype: 'f32', shape: [samples] }])
    expect(spec.sound).toEqual({ input: 'x', rate })
    const { read } = await soundReader(
      { rate, features: completeFeatures(options, rate) },
      { name: 'x', dtype: 'f32', shape },
    )
    const heard = { rate, length: sound.length, at: (i: number) => sound[i]! }
    const features = toNumbers(read(heard, 'it'))
    const { y0 } = model.run({ x: sound.slice(0, samples) })
    expect(Array.from(y0 as Float32Array, (v) => -v)).toEqual(features)
    expect(new Set(features).size).toBeGreaterThan(60)
  })

  it.each([1, 3])('of a stream, %i hops a run, says of its end what it says of a whole sound', async (hops) => {
    const [{ model: whole }, { model, spec }] = await Promise.all([made(), made(hops)])
    expect(spec.inputs).toMatchObject([{ name: 'x', shape: [20 * hops] }])
    expect(spec.sound).toEqual({ input: 'x', rate, hops })
    // As if there had been silence before.
    const before = new Array<number>(samples).fill(0)
    const all = [...before, ...sound]
    const answers = (): number[][] =>
      Array.from({ length: 10 }, (_, i) => {
        const { y0, y1 } = model.run({ x: sound.slice(20 * hops * i, 20 * hops * (i + 1)) })
        return [...(y0 as Float32Array), ...(y1 as Float32Array)]
      })
    const first = answers()
    first.forEach((answer, i) => {
      const end = samples + 20 * hops * (i + 1)
      const { y0, y1 } = whole.run({ x: all.slice(end - samples, end) })
      const wanted = [...(y0 as Float32Array), ...(y1 as Float32Array)]
      // Products of one row may be summed in another order than those of several.
      if (hops > 1) expect(answer, `run ${i}`).toEqual(wanted)
      else answer.forEach((x, k) => expect(Math.abs(x - wanted[k]!)).toBeLessThan(1e-6 * Math.max(20, Math.abs(x))))
    })
    expect(answers()).not.toEqual(first)
    model.reset!()
    expect(answers()).toEqual(first)
  })

  it('is refused of a stream where features look at all of a sound', async () => {
    const of = (features: FeatureOptions, hops = 1) => withSound(imported, { input: 'x', rate, features, hops })
    await expect(of({ ...options, padding: 'reflect' })).rejects.toThrow(/padding: reflect is of the end of a sound/)
    await expect(of({ ...options, range: 8 })).rejects.toThrow(/greatest value of a sound/)
    await expect(of(options, 13)).rejects.toThrow(/13 hops in a run, more than the 12 pieces/)
    await expect(withSound(imported, { input: 'z', rate, features: options })).rejects.toThrow(/no input "z"/)
  })
})
