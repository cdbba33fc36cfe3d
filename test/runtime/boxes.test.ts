import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { describe, expect, it } from 'vitest'
import { tensorOf, type Tensor } from '../../compiler/index.ts'
import { writeNpy, writePng } from '../../compiler/data/index.ts'
import type { Detection, DetectingModel } from '../../runtime/boxes.ts'
import { model, node, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'

const { at, err, out, attar, json } = commandLine()

/** A detector for pictures of 20 × 10 that finds the same in each: outputs are these tensors. */
async function detector(name: string, outputs: Readonly<Record<string, Tensor>>, ...options: string[]) {
  const names = Object.keys(outputs)
  const text = {
    inputs: ['image f32[1,3,10,20]'],
    outputs: names,
    nodes: [
      node('sum = ReduceSum(image)', { attributes: { keepdims: 0 } }),
      'none = Mul(sum, zero)',
      ...names.flatMap((each) => [
        node(`${each}_none = Cast(none)`, { attributes: { to: outputs[each]!.dtype === 'i64' ? 7 : 1 } }),
        `${each} = Add(${each}_stored, ${each}_none)`,
      ]),
    ],
    initializers: [
      stored('zero', tensorOf('f32', [], [0])),
      ...names.map((each) => stored(`${each}_stored`, outputs[each]!)),
    ],
  }
  writeFileSync(at(`${name}.onnx`), model(text))
  const code = await attar('compile', at(`${name}.onnx`), '-o', at(name), '--target', 'simd', '--pixels', ...options)
  expect(code, err.join('\n')).toBe(0)
  const { load } = (await import(pathToFileURL(at(name, 'model.js')).href)) as { load(): Promise<DetectingModel> }
  return load()
}

const picture = (width: number, height: number) => ({ width, height, data: new Uint8ClampedArray(width * height * 4) })
const f32 = (shape: number[], values: number[]): Tensor => tensorOf('f32', shape, values)

/** As `label score: x y width height`. */
const shown = (found: readonly Detection[]): string[] =>
  found.map(({ label, score, box }) => {
    const numbers = [box.x, box.y, box.width, box.height].map((n) => Number(n.toFixed(2)))
    return `${label} ${score.toFixed(2)}: ${numbers.join(' ')}`
  })

// Centre 5, 5, size 4 × 2; the same moved by a half; centre 15, 2, size 2 × 2.
const rows = [
  [5, 5, 4, 2],
  [5.5, 5, 4, 2],
  [15, 2, 2, 2],
] as const
const cats = [0.6, 0.9, 0.1]
const dogs = [0.2, 0.3, 0.7]

describe('boxes', () => {
  it('of one tensor of columns, as YOLOv8 gives them, in pixels of a picture of another size', async () => {
    const columns = [...[0, 1, 2, 3].map((j) => rows.map((row) => row[j]!)), cats, dogs]
    const output = f32([1, 6, 3], columns.flat())
    const { detect } = await detector('v8', { y: output }, '--detect', 'yolov8', '--classes', 'cat,dog')
    // Of two cats that overlap by 7/9 the better one is left.
    expect(shown(detect(picture(20, 10)))).toEqual(['cat 0.90: 3.5 4 4 2', 'dog 0.70: 14 1 2 2'])
    expect(shown(detect(picture(40, 50)))).toEqual(['cat 0.90: 7 20 8 10', 'dog 0.70: 28 5 4 10'])
    expect(shown(detect(picture(20, 10), { iou: 0.8, top: 2 }))).toEqual(['cat 0.90: 3.5 4 4 2', 'dog 0.70: 14 1 2 2'])
    expect(shown(detect(picture(20, 10), { iou: 0.8 }))).toHaveLength(3)
    expect(shown(detect(picture(20, 10), { threshold: 0.8 }))).toEqual(['cat 0.90: 3.5 4 4 2'])
    expect(() => detect({ width: 1, height: 1, data: new Uint8Array(3) })).toThrow(TypeError)
  })

  it('of rows with objectness, as YOLOv5 gives them, of the middle of the picture', async () => {
    const output = f32(
      [1, 3, 7],
      rows.flatMap((row, i) => [...row, 0.5 + i / 4, cats[i]!, dogs[i]!]),
    )
    const options = ['--detect', 'yolov5', '--classes', 'cat,dog', '--fit', 'crop']
    const { detect } = await detector('v5', { y: output }, ...options)
    // 20 × 20 pixels: the input is rows 5 to 15. Scores are 0.3, 0.675, 0.7.
    expect(shown(detect(picture(20, 20)))).toEqual(['dog 0.70: 14 6 2 2', 'cat 0.67: 3.5 9 4 2'])
  })

  it('of a picture in a letterbox, as YOLO’s exporters have it', async () => {
    // A box from 5, 2 to 15, 8 in the input of 20 × 10 pixels.
    const output = f32([1, 1, 6], [10, 5, 10, 6, 1, 0.9])
    const options = ['--detect', 'yolov5', '--classes', 'cat', '--fit', 'letterbox']
    const { detect } = await detector('letterbox', { y: output }, ...options)
    expect(shown(detect(picture(20, 10)))).toEqual(['cat 0.90: 5 2 10 6'])
    // 10 pixels of 40 × 40 become one of the input's: 10 × 10 pixels from 5 on.
    expect(shown(detect(picture(40, 40)))).toEqual(['cat 0.90: 0 8 40 24'])
    // 20 × 3 pixels, 3 above.
    expect(shown(detect(picture(40, 6)))).toEqual(['cat 0.90: 10 0 20 6'])
  })

  it('of corners and scores beside each other, with a background and softmax', async () => {
    const boxes = f32([1, 2, 4], [0.1, 0.2, 0.5, 0.6, -0.5, 0, 0.25, 2])
    const scores = f32([1, 2, 3], [0, Math.log(2), Math.log(5), Math.log(0.5), Math.log(6), 0])
    const options = ['--detect', 'corners', '--box-units', 'shares', '--scores', 'softmax']
    const { detect } = await detector('corners', { boxes, scores }, ...options, '--classes', 'background,cat,dog')
    // Inside of the picture.
    expect(shown(detect(picture(100, 100)))).toEqual(['cat 0.80: 0 0 25 100', 'dog 0.63: 10 20 40 40'])
  })

  it('of anchors: with exponentials as SSD has them, without as BlazeFace, of a file or of strides', async () => {
    const offsets = f32([1, 2, 4], [1, -1, 0, 5 * Math.log(2), 0, 0, 0, 0])
    const scores = f32([1, 2, 1], [2, -9])
    const anchors = f32([2, 4], [0.25, 0.5, 0.5, 0.4, 0.75, 0.5, 0.5, 1])
    writeFileSync(at('anchors.npy'), writeNpy(anchors))
    const ssd = ['--detect', 'ssd', '--scores', 'sigmoid', '--classes', 'face', '--anchors', at('anchors.npy')]
    const found = (await detector('ssd', { offsets, scores }, ...ssd)).detect(picture(100, 100))
    // Centre 0.25 + 0.1 · 0.5, 0.5 − 0.1 · 0.4; size 0.5, 0.4 · e^(0.2 · 5 ln 2).
    expect(shown(found)).toEqual(['face 0.88: 5 6 50 80'])
    // Two cells of 10 pixels, anchors as large as 20.
    const plain = f32([1, 2, 4], [2, 1, 10, 5, 0, 0, 0, 0])
    const options = ['--detect', 'blazeface', '--scores', 'sigmoid', '--classes', 'face', '--anchors', '10:20']
    // Anchor of 20 × 20 pixels at 5, 5; offsets are in pixels of it: centre 7, 6 × (20 / 10), size 10 × 10.
    const blaze = (await detector('blaze', { plain, scores }, ...options)).detect(picture(20, 10))
    expect(shown(blaze)).toEqual(['face 0.88: 2 2 10 8'])
  })

  it('of a model that ends in the suppression itself, and in what attar run prints', async () => {
    const outputs = {
      boxes: f32([2, 4], [2, 1, 6, 3, 2, 1, 6, 4]),
      labels: tensorOf('i64', [2], [1, 0]),
      scores: f32([2], [0.8, 0.6]),
    }
    const options = ['--detect', 'nms', '--box-units', 'pixels', '--classes', 'cat,dog']
    const { detect } = await detector('nms', outputs, ...options)
    expect(shown(detect(picture(20, 10)))).toEqual(['dog 0.80: 2 1 4 2', 'cat 0.60: 2 1 4 3'])
    const data = new Uint8Array(40 * 20 * 3)
    writeFileSync(at('photo.png'), await writePng({ width: 40, height: 20, channels: 3, data }))
    out.length = 0
    expect(await attar('run', at('nms', 'model.wasm'), '--input', `image=${at('photo.png')}`)).toBe(0)
    expect(out.join('\n')).toMatch(/boxes +score +x +y +width +height\ndog +0\.800 +4\.0 +2\.0 +8\.0 +4\.0\ncat/)
    out.length = 0
    expect(await attar('run', at('nms', 'model.wasm'), '--input', `image=${at('photo.png')}`, '--json')).toBe(0)
    expect((json() as { boxes: Detection[] }).boxes.map(({ label }) => label)).toEqual(['dog', 'cat'])
  })

  it.each([
    [['--detect', 'yolov8', '--classes', 'a,b,c'], /wanted one output \[1, 7, n\], for 3 classes; outputs are "y"/],
    [['--detect', 'yolov8'], /give --classes/],
    [['--detect', 'corners', '--classes', 'a,b'], /give --box-units pixels or --box-units shares/],
    [['--detect', 'ssd', '--classes', 'a,b'], /give --anchors/],
    [['--detect', 'yolov8', '--classes', 'a,b', '--anchors', '8:8'], /--anchors has no effect with --detect yolov8/],
  ])('that do not go with the model are refused: %j', async (options, message) => {
    await detector(
      'fits',
      {
        y: f32([1, 6, 3], new Array(18).fill(0)),
        z: f32([1, 5, 2], new Array(10).fill(0)),
        w: f32([1, 5, 4], new Array(20).fill(0)),
      },
      '--detect',
      'yolov8',
      '--classes',
      'a,b',
    )
    expect(await attar('compile', at('fits.onnx'), '-o', at('refused'), '--pixels', ...options)).toBe(2)
    expect(err.join('\n')).toMatch(message)
  })
})
