import { describe, expect, it } from 'vitest'
import {
  augmented,
  background,
  colorJitter,
  crop,
  cutout,
  dropTokens,
  flip,
  frequencyMask,
  gain,
  layoutOf,
  noise,
  pictureLayout,
  randAugment,
  rotate,
  scale,
  shear,
  shift,
  swapTokens,
  timeMask,
  translate,
  type Augmentation,
  type Layout,
} from '../../compiler/train/augment/index.ts'
import { magnitudeFor } from '../../compiler/train/augment/pictures/rand-augment.ts'
import { samplesOf, type Sample } from '../../compiler/train/loop/samples.ts'

type Values = Float32Array | Int32Array | BigInt64Array

/** What `epochs` show of one sample. */
function shown(values: Values, layout: Layout, augmentation: Augmentation, epochs: number, seed = 7): number[][] {
  const sample: Sample = { inputs: { x: values }, target: [1] }
  const options = { augmentations: [augmentation], input: 'x', layout, parameters: 1e6, seed }
  const samples = augmented(samplesOf([sample]), options)
  return Array.from({ length: epochs }, (_, epoch) =>
    Array.from((samples.at(0, epoch) as Sample).inputs['x'] as ArrayLike<number>, Number),
  )
}

const plain = { scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1] }
const nhwc = (h: number, w: number, c: number, values = plain) =>
  pictureLayout([1, h, w, c], { ...values, layout: 'NHWC' })

describe('pictures', () => {
  const pixels = Float32Array.from({ length: 24 }, (_, i) => i + 1)

  it.each(['horizontal', 'vertical'] as const)('flip %s about every second time', (direction) => {
    for (const layout of ['NHWC', 'NCHW'] as const) {
      const [h, w, c] = [3, 4, 2]
      const at = (y: number, x: number, k: number): number =>
        layout === 'NHWC' ? (y * w + x) * c + k : (k * h + y) * w + x
      const flipped = new Array<number>(24)
      for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++)
          for (let k = 0; k < c; k++)
            flipped[at(y, x, k)] = pixels[direction === 'horizontal' ? at(y, w - 1 - x, k) : at(h - 1 - y, x, k)]!
      const shape = layout === 'NHWC' ? [1, h, w, c] : [1, c, h, w]
      const all = shown(pixels, pictureLayout(shape, { ...plain, layout }), flip(direction), 100)
      const count = all.filter((p) => p.join() === flipped.join()).length
      expect(count + all.filter((p) => p.join() === pixels.join()).length).toBe(100)
      expect(count).toBeGreaterThan(30)
      expect(count).toBeLessThan(70)
    }
  })

  it('are cropped to every place, with black around, whatever black is', () => {
    const layout = nhwc(3, 4, 2, { scale: 1, mean: [5, 6, 0], std: [1, 2, 1] })
    expect(layout.black).toEqual([-5, -3])
    expect(layout.white).toEqual([250, 124.5])
    const all = shown(pixels, layout, crop({ padding: 1 }), 300)
    expect(new Set(all.map((p) => p.join())).size).toBe(9)
    for (const picture of all)
      picture.forEach((value, i) => {
        const channel = i % 2
        expect(value === layout.black[channel] || (value > 0 && (value - 1 - channel) % 2 === 0)).toBe(true)
      })
  })

  /** A bright dot off the centre of 21 × 21 pixels, and where its light is afterwards. */
  const size = 21
  const dot = (x: number, y: number): Float32Array => {
    const picture = new Float32Array(size * size)
    for (const [dy, dx] of [
      [0, 0],
      [0, 1],
      [1, 0],
      [1, 1],
    ] as const)
      picture[(y + dy) * size + x + dx] = 1
    return picture
  }
  const centreOf = (picture: readonly number[]) => {
    let [sum, x, y] = [0, 0, 0]
    picture.forEach((light, i) => {
      sum += light
      x += light * ((i % size) - 10)
      y += light * (Math.floor(i / size) - 10)
    })
    return { sum, x: x / sum, y: y / sum }
  }

  it('turn around the centre, both ways, up to the angle', () => {
    const angles = shown(dot(15, 10), nhwc(size, size, 1), rotate({ degrees: 40 }), 60).map((picture) => {
      const { x, y } = centreOf(picture)
      expect(Math.hypot(x, y)).toBeCloseTo(Math.hypot(5.5, 0.5), 0)
      return (Math.atan2(y, x) - Math.atan2(0.5, 5.5)) * (180 / Math.PI)
    })
    expect(Math.min(...angles)).toBeLessThan(-25)
    expect(Math.max(...angles)).toBeGreaterThan(25)
    expect(Math.max(...angles.map(Math.abs))).toBeLessThan(44)
  })

  it('grow and shrink, move, and lean', () => {
    const layout = nhwc(size, size, 1)
    const all = (augmentation: Augmentation) => shown(dot(14, 10), layout, augmentation, 60).map(centreOf)
    const sizes = all(scale({ by: 0.5 })).map(({ x }) => x / 4.5)
    expect(Math.min(...sizes)).toBeGreaterThan(0.64)
    expect(Math.min(...sizes)).toBeLessThan(0.75)
    expect(Math.max(...sizes)).toBeLessThan(1.53)
    expect(Math.max(...sizes)).toBeGreaterThan(1.35)
    const moves = all(translate({ by: 0.2 })).map(({ x, y }) => [x - 4.5, y - 0.5])
    for (const axis of [0, 1]) {
      const along = moves.map((move) => move[axis]!)
      expect(Math.max(...along.map(Math.abs))).toBeLessThan(0.2 * size + 0.01)
      expect(Math.max(...along)).toBeGreaterThan(2.5)
      expect(Math.min(...along)).toBeLessThan(-2.5)
    }
    const leans = shown(dot(10, 4), layout, shear({ degrees: 30 }), 60).map(centreOf)
    for (const { x, y } of leans) {
      expect(y).toBeCloseTo(-5.5, 5)
      expect(Math.abs(x - 0.5)).toBeLessThan(5.5 * Math.tan(Math.PI / 6) + 0.1)
    }
    expect(Math.max(...leans.map(({ x }) => x))).toBeGreaterThan(2)
  })

  it('change their colours and stay between black and white', () => {
    const values = { scale: 1 / 255, mean: [0.5, 0.4, 0.3], std: [0.2, 0.3, 0.4] }
    const layout = nhwc(1, 2, 3, values)
    const from = [0.2, 0.4, 0.9, 0.6, 0.6, 0.6].map((u, i) => (u - values.mean[i % 3]!) / values.std[i % 3]!)
    const unit = (picture: readonly number[]) => picture.map((v, i) => v * values.std[i % 3]! + values.mean[i % 3]!)
    const units = (options: Parameters<typeof colorJitter>[0]) =>
      shown(Float32Array.from(from), layout, colorJitter(options), 50).map(unit)
    for (const [r, , , gray] of units({ brightness: 0.5 })) expect(gray! / r!).toBeCloseTo(3, 4)
    for (const picture of units({ saturation: 1 })) {
      expect(picture[3]).toBeCloseTo(0.6, 5)
      const luma = 0.299 * picture[0]! + 0.587 * picture[1]! + 0.114 * picture[2]!
      if (picture.every((v) => v > 0.001 && v < 0.999)) expect(luma).toBeCloseTo(0.3972, 4)
    }
    const contrasts = units({ contrast: 0.8 }).map(([r, , , gray]) => gray! - r!)
    expect(Math.min(...contrasts)).toBeLessThan(0.2)
    expect(Math.max(...contrasts)).toBeGreaterThan(0.6)
    const strong = units({ brightness: 1, contrast: 1, saturation: 1 }).flat()
    expect(Math.min(...strong)).toBeGreaterThan(-1e-6)
    expect(Math.max(...strong)).toBeLessThan(1 + 1e-6)
  })

  it('get noise of the deviation asked for at most', () => {
    const deviations = shown(new Float32Array(900), nhwc(30, 30, 1), noise({ deviation: 0.1 }), 40).map((picture) =>
      Math.sqrt(picture.reduce((sum, v) => sum + v * v, 0) / 900),
    )
    expect(Math.max(...deviations)).toBeLessThan(0.105)
    expect(Math.max(...deviations)).toBeGreaterThan(0.08)
    expect(Math.min(...deviations)).toBeLessThan(0.03)
  })

  it('lose a square', () => {
    for (const picture of shown(new Float32Array(300).fill(1), nhwc(10, 10, 3), cutout({ size: 4 }), 40)) {
      const gone = picture.filter((v) => v === 0.5).length
      expect(gone % 3).toBe(0)
      expect(gone).toBeGreaterThanOrEqual(3 * 4)
      expect(gone).toBeLessThanOrEqual(3 * 16)
      expect(picture.filter((v) => v !== 0.5 && v !== 1)).toEqual([])
    }
  })

  it('change more under RandAugment the stronger it is, and by the size of the model', () => {
    const picture = Float32Array.from({ length: 21 * 21 }, (_, i) => ((i * 37) % 100) / 100)
    const change = (magnitude?: number): number =>
      shown(picture, nhwc(21, 21, 1), randAugment({ ...(magnitude !== undefined && { magnitude }) }), 60)
        .flatMap((p) => p.map((v, i) => Math.abs(v - picture[i]!)))
        .reduce((a, b) => a + b, 0)
    expect(change(0)).toBeLessThan(1e-3)
    expect(change(1)).toBeLessThan(change(5))
    expect(change()).toBe(change(magnitudeFor(1e6)))
    expect([20_000, 1e6, 1e8].map(magnitudeFor).map(Math.round)).toEqual([1, 5, 10])
  })
})

describe('sounds', () => {
  const sound = Float32Array.from({ length: 100 }, (_, i) => (i + 1) / 200)
  const layout = layoutOf('f32', [1, 100])!

  it('are shifted, with silence before or after', () => {
    const all = shown(sound, layout, shift({ by: 0.2 }), 100)
    const shifts = all.map((moved) => moved.findIndex((v) => v !== 0) - moved.toReversed().findIndex((v) => v !== 0))
    expect(Math.max(...shifts)).toBe(20)
    expect(Math.min(...shifts)).toBe(-20)
    all.forEach((moved, k) => moved.forEach((v, i) => expect(v).toBe(sound[i - shifts[k]!] ?? 0)))
  })

  it('get louder and softer by decibels', () => {
    const factors = shown(sound, layout, gain({ decibels: 6 }), 100).map((louder) => louder[99]! / 0.5)
    expect(Math.max(...factors)).toBeLessThanOrEqual(1.9953)
    expect(Math.max(...factors)).toBeGreaterThan(1.8)
    expect(Math.min(...factors)).toBeLessThan(0.55)
  })

  it('get noise of a loudness', () => {
    const loudness = shown(new Float32Array(4000), layoutOf('f32', [1, 4000])!, background({ decibels: 20 }), 40).map(
      (noisy) => 10 * Math.log10(noisy.reduce((sum, v) => sum + v * v, 0) / 4000),
    )
    expect(Math.max(...loudness)).toBeLessThan(-19.5)
    expect(Math.max(...loudness)).toBeGreaterThan(-26)
    expect(Math.min(...loudness)).toBeGreaterThan(-50.5)
  })
})

describe('spectrograms', () => {
  const values = Float32Array.from({ length: 60 }, (_, i) => i)
  const layout = layoutOf('f32', [1, 10, 6, 1])!

  it('lose frames', () => {
    const counts = shown(values, layout, timeMask({ frames: 4 }), 60).map((masked) => {
      const frames = Array.from({ length: 10 }, (_, t) => masked.slice(6 * t, 6 * t + 6))
      const gone = frames.map((frame) => frame.every((v) => v === 29.5))
      frames.forEach((frame, t) => {
        if (!gone[t]) expect(frame).toEqual([...values.slice(6 * t, 6 * t + 6)])
      })
      const places = gone.flatMap((is, t) => (is ? [t] : []))
      expect(places.length === 0 || places.at(-1)! - places[0]! + 1 === places.length).toBe(true)
      return places.length
    })
    expect([...new Set(counts)].sort()).toEqual([0, 1, 2, 3, 4])
  })

  it('lose frequencies', () => {
    for (const masked of shown(values, layout, frequencyMask({ bins: 2 }), 30)) {
      const gone = Array.from({ length: 6 }, (_, f) => f).filter((f) =>
        Array.from({ length: 10 }, (_, t) => masked[6 * t + f]!).every((v) => v === 29.5),
      )
      expect(gone.length).toBeLessThanOrEqual(2)
      expect(masked.filter((v) => v === 29.5)).toHaveLength(10 * gone.length)
    }
  })
})

describe('tokens', () => {
  const text = Int32Array.from([101, 5, 6, 7, 8, 9, 102, 0, 0, 0])
  const layout = layoutOf('i32', [1, 10])!

  it('are left out, and those behind move up', () => {
    for (const tokens of shown(text, layout, dropTokens({ share: 0.3, keep: [101, 102] }), 60)) {
      const left = tokens.filter((t) => t !== 0)
      expect(tokens.slice(0, left.length)).toEqual(left)
      expect(left[0]).toBe(101)
      expect(left.at(-1)).toBe(102)
      expect(left.slice(1, -1)).toEqual([5, 6, 7, 8, 9].filter((t) => left.includes(t)))
    }
    const lengths = shown(text, layout, dropTokens({ share: 0.3, keep: [101, 102] }), 60).map(
      (tokens) => tokens.filter((t) => t !== 0).length,
    )
    expect(Math.min(...lengths)).toBeLessThan(6)
    expect(Math.max(...lengths)).toBe(7)
    expect(shown(text, layout, dropTokens({ share: 1 }), 1)[0]).toEqual([...text])
  })

  it('change places, also 64-bit ones', () => {
    const wide = BigInt64Array.from(text, BigInt)
    const all = shown(wide, layoutOf('i64', [1, 10])!, swapTokens({ share: 0.3, keep: [101, 102] }), 60)
    for (const tokens of all) {
      expect(tokens.toSorted((a, b) => a - b)).toEqual([...text].sort((a, b) => a - b))
      expect([tokens[0], ...tokens.slice(6)]).toEqual([101, 102, 0, 0, 0])
    }
    expect(new Set(all.map((tokens) => tokens.join())).size).toBeGreaterThan(5)
  })
})

describe('any', () => {
  it('is the same for the same seed, epoch and sample, and leaves the sample alone', () => {
    const picture = Float32Array.from({ length: 300 }, (_, i) => i / 300)
    const before = [...picture]
    const all = [randAugment(), cutout({ size: 3 }), noise({ deviation: 0.1 }), colorJitter({ contrast: 0.5 })]
    for (const augmentation of all) {
      const [a, b, c] = [7, 7, 8].map((seed) => shown(picture, nhwc(10, 10, 3), augmentation, 20, seed))
      expect(b).toEqual(a)
      expect(c).not.toEqual(a)
    }
    expect([...picture]).toEqual(before)
  })

  it('is refused for data of another kind', () => {
    expect(() => shown(new Float32Array(100), layoutOf('f32', [1, 100])!, flip('horizontal'), 1)).toThrow(
      'flip horizontal is for pictures; the data is sounds',
    )
  })
})
