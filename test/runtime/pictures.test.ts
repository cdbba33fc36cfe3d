import { gzipSync } from 'node:zlib'
import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { inspectModule, tensorOf } from '../../compiler/index.ts'
import {
  completePreprocess,
  imageTensor,
  readImage,
  writeNpz,
  writePng,
  type Image,
} from '../../compiler/data/index.ts'
import { picturesSource } from '../../compiler/package/runtime.generated.ts'
import { script } from '../../compiler/package/script.ts'
import type { Picture, PictureModel } from '../../runtime/pictures.ts'
import { model, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const { at, err, out, attar, json } = commandLine()

/** A picture of noise, as files have it and as a canvas would give it. */
function noise(width: number, height: number, channels: 1 | 3 = 3): { image: Image; picture: Picture } {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 2654435761) >>> 13)
  const rgba = Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
    i % 4 === 3 ? 7 : data[Math.floor(i / 4) * channels + (channels === 3 ? i % 4 : 0)]!,
  )
  return { image: { width, height, channels, data }, picture: { width, height, data: rgba } }
}

/** A model that gives its input back, compiled with the options; then `run` with pictures is the preprocessing. */
async function identity(name: string, type: string, ...options: string[]): Promise<PictureModel> {
  writeFileSync(
    at(`${name}.onnx`),
    model({ inputs: [`image ${type}`], outputs: [`y ${type}`], nodes: ['y = Identity(image)'] }),
  )
  expect(await attar('compile', at(`${name}.onnx`), '-o', at(name), '--pixels', ...options), err.join('\n')).toBe(0)
  return loaded(name)
}

const loaded = async (name: string): Promise<PictureModel> => {
  const { load } = (await import(pathToFileURL(at(name, 'model.js')).href)) as { load(): Promise<PictureModel> }
  return load()
}

const sizes = [
  ...([
    [1, 1],
    [5, 7],
    [7, 5],
    [13, 5],
    [64, 48],
    [6, 91],
    [200, 3],
  ] as const),
]

describe('pictures', () => {
  it.each([
    ['antialias', 'f32[1,3,5,7]', ['--mean', '0.485,0.456,0.406', '--std', '0.229,0.224,0.225']],
    ['bilinear', 'f32[1,5,7,3]', ['--resize', 'bilinear', '--fit', 'crop', '--channels', 'BGR']],
    ['nearest', 'f64[1,3,5,7]', ['--resize', 'nearest', '--scale', '1', '--mean', '127.5']],
    ['gray', 'f32[1,1,5,7]', ['--fit', 'crop']],
    ['letterbox', 'f32[1,3,5,7]', ['--fit', 'letterbox', '--std', '0.25']],
    ['gray letterbox', 'f32[1,5,7,1]', ['--fit', 'letterbox', '--resize', 'bilinear']],
    ['bytes', 'u8[1,5,7,3]', []],
    ['signed', 'i8[1,5,7,3]', ['--mean', '128']],
  ])('become the bits that calibration makes of them: %s', async (name, type, options) => {
    const { run } = await identity(name, type, ...options)
    const { spec } = inspectModule(await bytesOf(name))
    const input = spec.inputs[0]!
    const preprocess = completePreprocess(JSON.parse(spec.metadata.preprocess!) as object, input)
    for (const [width, height] of sizes) {
      for (const channels of [1, 3] as const) {
        const { image, picture } = noise(width, height, channels)
        const expected = imageTensor(image, preprocess, input).data
        expect(run({ image: picture as never }).y, `${width} × ${height}`).toEqual(expected)
      }
    }
  })

  it('stand in the middle of a letterbox, and gray beside them', async () => {
    const { run } = await identity('boxed', 'f64[1,3,6,9]', '--fit', 'letterbox', '--resize', 'nearest', '--scale', '1')
    // Of 6 × 9 pixels: width and height of the picture, and where it is to stand.
    for (const [width, height, left, top, w, h] of [
      [18, 12, 0, 0, 9, 6],
      [5, 5, 1, 0, 6, 6],
      [36, 4, 0, 2, 9, 1],
      [2, 9, 4, 0, 1, 6],
      [300, 1, 0, 2, 9, 1],
    ] as const) {
      const { image, picture } = noise(width, height)
      const expected = [0, 1, 2].flatMap((c) =>
        Array.from({ length: 54 }, (_, i) => {
          const [x, y] = [((i % 9) + 0.5 - left) / w, (Math.floor(i / 9) + 0.5 - top) / h]
          if (x < 0 || x > 1 || y < 0 || y > 1) return 114
          return image.data[(Math.floor(y * height) * width + Math.floor(x * width)) * 3 + c]!
        }),
      )
      expect([...(run({ image: picture as never }).y as Float64Array)], `${width} × ${height}`).toEqual(expected)
    }
  })

  it('weigh what a triangle covers, by the definition', async () => {
    const { run } = await identity('triangle', 'f64[1,3,4,3]', '--scale', '1')
    const [width, height, toWidth, toHeight] = [11, 9, 3, 4]
    const { image, picture } = noise(width, height)
    const weight = (x: number, target: number, step: number) =>
      Math.max(0, 1 - Math.abs(x + 0.5 - (target + 0.5) * step) / step)
    const values = [0, 1, 2].flatMap((c) =>
      Array.from({ length: toWidth * toHeight }, (_, i) => {
        let [sum, total] = [0, 0]
        for (let y = 0; y < height; y++)
          for (let x = 0; x < width; x++) {
            const w = weight(x, i % toWidth, width / toWidth) * weight(y, Math.floor(i / toWidth), height / toHeight)
            sum += w * image.data[(y * width + x) * 3 + c]!
            total += w
          }
        return sum / total
      }),
    )
    const found = [...(run({ image: picture as never }).y as Float64Array)]
    found.forEach((value, i) => expect(value).toBeCloseTo(values[i]!, 9))
  })

  it('are what the command line makes of a file', async () => {
    const { run } = await identity('file', 'f32[1,3,5,7]', '--fit', 'crop')
    const { image, picture } = noise(31, 17)
    writeFileSync(at('noise.png'), await writePng(image))
    expect((await readImage(await writePng(image), 'it')).data).toEqual(image.data)
    out.length = 0
    expect(await attar('run', at('file', 'model.wasm'), '--input', `image=${at('noise.png')}`, '--json')).toBe(0)
    const { outputs } = json() as { outputs: { y: { data: number[] } } }
    expect([...(run({ image: picture as never }).y as Float32Array)]).toEqual(outputs.y.data)
  })

  it('are no other than arrays for the rest', async () => {
    const { run, inputs } = await identity('rest', 'f32[1,1,1,2]')
    expect([...(run({ image: [1, 2] }).y as Float32Array)]).toEqual([1, 2])
    inputs.image!.set([3, 4] as never)
    expect([...(run().y as Float32Array)]).toEqual([3, 4])
    const wrong: unknown[] = [
      { width: 2, height: 1, data: new Uint8Array(7) },
      { width: 0, height: 0, data: new Uint8Array(0) },
      { width: 1, height: 1, data: new Float32Array(4) },
      { width: 1, height: 1 },
    ]
    for (const bad of wrong) expect(() => run({ image: bad as never })).toThrow(/takes a picture/)
    expect(() => run({ image: undefined as never })).toThrow(TypeError)
  })
})

it('is said how on a model that is calibrated with arrays', async () => {
  const type = 'f32[1,3,2,2]'
  writeFileSync(
    at('conv.onnx'),
    model({
      inputs: [`image ${type}`],
      outputs: ['y f32[1,2,2,2]'],
      nodes: ['y = Conv(image, w)'],
      initializers: [stored('w', tensorOf('f32', [2, 3, 1, 1], [1, 2, 3, 4, 5, 6]))],
    }),
  )
  const values = Array.from({ length: 96 }, (_, i) => (i % 17) / 17)
  writeFileSync(at('data.npz'), writeNpz({ image: tensorOf('f32', [8, 3, 2, 2], values) }))
  const options = ['--quantize', 'int8', '--calib', at('data.npz'), '--pixels', '--scale', '0.5']
  expect(await attar('compile', at('conv.onnx'), '-o', at('conv'), ...options), err.join('\n')).toBe(0)
  const { spec } = inspectModule(await bytesOf('conv'))
  expect(JSON.parse(spec.metadata.preprocess!)).toMatchObject({ scale: 0.5, layout: 'NCHW' })
  expect(spec.pictures).toEqual({ input: 'image' })
})

const bytesOf = async (name: string): Promise<Uint8Array> => {
  const { readFile } = await import('../../compiler/data/index.ts')
  return readFile(at(name, 'model.wasm'))
}

/** Three numbers, the mean of each channel; the operator behind them makes scores. */
function means(file: string, last: string): void {
  const nodes = ['m = GlobalAveragePool(image)', `f = Flatten(m)`, `y = ${last}(f)`]
  writeFileSync(at(file), model({ inputs: ['image f32[1,3,2,2]'], outputs: ['y f32[1,3]'], nodes }))
}

/** A pixel of one colour. */
const colour = (...rgb: number[]): Picture => ({ width: 1, height: 1, data: Uint8Array.of(...rgb, 255) })

describe('classify', () => {
  beforeAll(() => {
    means('logits.onnx', 'Identity')
    means('shares.onnx', 'Softmax')
    writeFileSync(at('names.txt'), 'red\ngreen\nblue\n')
    writeFileSync(at('names.json'), '["red","green","blue"]')
  })
  const compiled = async (file: string, name: string, ...options: string[]): Promise<PictureModel> => {
    expect(await attar('compile', at(file), '-o', at(name), '--pixels', ...options), err.join('\n')).toBe(0)
    return loaded(name)
  }

  it('gives softmax of the output, the best first', async () => {
    const { classify } = await compiled(
      'logits.onnx',
      'softmax',
      '--classify',
      'softmax',
      '--classes',
      'red,green,blue',
    )
    const found = classify!(colour(51, 255, 0))
    const parts = [0.2, 1, 0].map(Math.exp)
    const sum = parts.reduce((a, b) => a + b)
    expect(found.map(({ label }) => label)).toEqual(['green', 'red', 'blue'])
    found.forEach(({ score }, i) => expect(score).toBeCloseTo(parts[[1, 0, 2][i]!]! / sum, 6))
    expect(classify!(colour(51, 255, 0), { top: 2 })).toEqual(found.slice(0, 2))
    expect(classify!(colour(51, 255, 0), { threshold: found[0]!.score })).toEqual(found.slice(0, 1))
  })

  it('gives the sigmoid of each', async () => {
    const { classify } = await compiled('logits.onnx', 'sigmoid', '--classify', 'sigmoid', '--classes', at('names.txt'))
    expect(classify!(colour(0, 0, 255)).map(({ label, score }) => [label, Number(score.toFixed(6))])).toEqual([
      ['blue', 0.731059],
      ['red', 0.5],
      ['green', 0.5],
    ])
  })

  it('gives what a model’s own softmax gives', async () => {
    const { classify, run } = await compiled('shares.onnx', 'own', '--classify', '--classes', at('names.json'))
    const scores = run({ image: colour(255, 0, 51) as never }).y as Float32Array
    expect(classify!(colour(255, 0, 51))).toEqual(
      [
        ['red', 0],
        ['blue', 2],
        ['green', 1],
      ].map(([label, i]) => ({ label, score: scores[i as number] })),
    )
  })

  it.each([
    [
      'logits.onnx',
      ['--classify', '--classes', 'a,b,c'],
      'ends in GlobalAveragePool, which does not tell what its numbers are',
    ],
    ['shares.onnx', ['--classify', 'softmax', '--classes', 'a,b,c'], 'its numbers are scores already'],
    ['shares.onnx', ['--classify'], 'give --classes'],
    ['shares.onnx', ['--classify', '--classes', 'a,b'], 'output "y" has 3'],
    ['shares.onnx', ['--classify', '--classes', 'a,b,a'], 'name 3 is "a" once more'],
  ])('of %s with %j is refused', async (file, options, message) => {
    expect(await attar('compile', at(file), '-o', at('no'), '--pixels', ...options)).toBe(2)
    expect(err.join('\n')).toContain(message)
  })

  it('takes a model of one input, and one that pictures go into', async () => {
    const nodes = ['y = Add(a, b)']
    writeFileSync(
      at('two.onnx'),
      model({ inputs: ['a f32[1,3,1,1]', 'b f32[1,3,1,1]'], outputs: ['y f32[1,3,1,1]'], nodes }),
    )
    for (const [options, message] of [
      [['--pixels'], 'name one of "a", "b"'],
      [['--pixels', 'c'], 'no input "c"'],
      [['--pixels', 'a', '--classify', 'none', '--classes', 'p,q,r'], 'a picture is all that classify takes'],
    ] as const) {
      err.length = 0
      expect(await attar('compile', at('two.onnx'), '-o', at('no'), ...options)).toBe(2)
      expect(err.join('\n')).toContain(message)
    }
    writeFileSync(
      at('flat.onnx'),
      model({
        inputs: ['x f32[1,8]'],
        outputs: ['y f32[1,4]'],
        nodes: ['y = MatMul(x, w)'],
        initializers: [stored('w', tensorOf('f32', [8, 4], new Array<number>(32).fill(1)))],
      }),
    )
    err.length = 0
    expect(await attar('compile', at('flat.onnx'), '-o', at('no'), '--pixels')).toBe(2)
    expect(err.join('\n')).toContain('A504')
  })
})

it('is paid for only by models that ask for it, in less than 1.75 KB', () => {
  const bytes = gzipSync(picturesSource, { level: 9 }).length
  console.log(`pictures: ${bytes} bytes gzipped`)
  expect(bytes).toBeLessThan(1792)
  const spec = { abi: 2, hash: '0123456789abcdef', attar: '0.1.0', inputs: [], outputs: [], metadata: {} }
  expect(script(spec, 'model', ['simd'])).not.toContain('classify')
})
