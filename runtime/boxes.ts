/** What scripts have beside `pictures.ts` whose models find boxes: `attar compile --pixels --detect`. */
import type { Model, Output, Source, Spec } from './index.ts'
import type { Picture } from './pictures.ts'
import { axesOf, type Preprocess } from './pixels.ts'
import { letterboxed } from './resize.ts'

/** Where numbers stand in an output: value j of box i is element start + i · row + j · column. */
export interface Field {
  readonly output: string
  readonly start: number
  readonly row: number
  readonly column: number
}

/** Boxes that stand in the same outputs. How many is the most that `scores` has rows for. */
export interface BoxPart {
  readonly count: number
  readonly boxes: Field
  /** One for each class; where there is `label`, one. */
  readonly scores: Field
  /** What the scores are multiplied by. */
  readonly objectness?: Field
  /** The number of the box's class. */
  readonly label?: Field
}

/** How numbers become boxes. In shares of the input's width and height after the multiplication by `scale`, unless they belong to anchors. */
export interface BoxSpec {
  readonly parts: readonly BoxPart[]
  /** Left, top, right, bottom; or centre, width and height; `ssd`: of an anchor (SSD, Liu et al. 2016); `offsets`: the same without exponentials (BlazeFace). */
  readonly coding: 'corners' | 'centers' | 'ssd' | 'offsets'
  readonly scale: readonly [x: number, y: number, width: number, height: number]
  /** Of the codings that have them, four numbers each: centre, width and height in shares of the input. */
  readonly anchors?: readonly number[]
  /** What makes scores, and objectness, of the numbers. */
  readonly activation: 'softmax' | 'sigmoid' | 'none'
  /** Names; null of a class that is no thing. */
  readonly classes: readonly (string | null)[]
  /** Whether the model has left out boxes that overlap better ones. */
  readonly suppressed?: boolean
}

/** In pixels of the picture; `x`, `y` is the upper left corner. */
export interface Detection {
  readonly label: string
  readonly score: number
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
}

export interface DetectOptions {
  /** Least score; 0.5 unless given. */
  readonly threshold?: number
  /** Boxes of one class that overlap a better one by more go: intersection over union, 0.45 unless given. */
  readonly iou?: number
  /** How many boxes at most; all unless given. */
  readonly top?: number
}

type Outputs = Readonly<Record<string, Output>>
type Corners = readonly [left: number, top: number, right: number, bottom: number]

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x))

/** Intersection over union. */
function overlap(a: Corners, b: Corners): number {
  const area = ([l, t, r, d]: Corners): number => Math.max(0, r - l) * Math.max(0, d - t)
  const [l, t, r, d] = a
  const common = area([Math.max(l, b[0]), Math.max(t, b[1]), Math.min(r, b[2]), Math.min(d, b[3])])
  return common === 0 ? 0 : common / (area(a) + area(b) - common)
}

/** Boxes in a model's outputs, the best first. The picture of this size became an input of `width` × `height`. */
export function boxesIn(
  outputs: Outputs,
  { parts, coding, scale, anchors = [], activation, classes, suppressed }: BoxSpec,
  picture: { readonly width: number; readonly height: number },
  [, height, width]: readonly [number, number, number],
  fit: Preprocess['fit'],
  { threshold = 0.5, iou = 0.45, top = Infinity }: DetectOptions = {},
): Detection[] {
  const found: { label: number; score: number; corners: Corners }[] = []
  let anchor = 0
  for (const { count, boxes, scores, objectness, label } of parts) {
    const at = (field: Field, i: number, j = 0): number =>
      Number((outputs[field.output] as Float32Array)[field.start + i * field.row + j * field.column])
    for (let i = 0; i < count; i++, anchor += 4) {
      let best = -1
      let most = -Infinity
      // Where one class is told, others are not asked.
      for (let j = 0; j < (label ? 1 : classes.length); j++) {
        const x = at(scores, i, j)
        if ((label || classes[j] !== null) && x > most) [best, most] = [j, x]
      }
      let score = most
      if (activation === 'sigmoid') score = sigmoid(most)
      if (activation === 'softmax') {
        let sum = 0
        for (let j = 0; j < classes.length; j++) sum += Math.exp(at(scores, i, j) - most)
        score = 1 / sum
      }
      if (objectness) score *= activation === 'sigmoid' ? sigmoid(at(objectness, i)) : at(objectness, i)
      if (label) best = at(label, i)
      // So are rows that are not there, whose scores are NaN.
      if (!(score >= threshold) || (classes[best] ?? null) === null) continue
      let [x, y, w, h] = scale.map((factor, j) => at(boxes, i, j) * factor) as [number, number, number, number]
      if (coding === 'ssd' || coding === 'offsets') {
        const [cx, cy, aw, ah] = anchors.slice(anchor, anchor + 4) as [number, number, number, number]
        const size = coding === 'ssd' ? Math.exp : (v: number) => v
        ;[x, y, w, h] = [cx + x * aw, cy + y * ah, aw * size(w), ah * size(h)]
      }
      if (coding !== 'corners') [x, y, w, h] = [x - w / 2, y - h / 2, x + w / 2, y + h / 2]
      found.push({ label: best, score, corners: [x, y, w, h] })
    }
  }
  found.sort((a, b) => b.score - a.score)
  const kept: typeof found = []
  for (const one of found) {
    if (kept.length >= top) break
    if (suppressed || !kept.some((k) => k.label === one.label && overlap(k.corners, one.corners) > iou)) kept.push(one)
  }
  // What the input shows of the picture, and where, as resize.ts puts it there.
  const ratio = Math.min(picture.width / width, picture.height / height)
  const inner = fit === 'letterbox' ? letterboxed(picture, { width, height }) : { left: 0, top: 0, width, height }
  const place = (share: number, size: number, start: number, length: number, whole: number): number => {
    const part = fit === 'crop' ? ratio * size : whole
    return Math.min(whole, Math.max(0, ((share * size - start) / length) * part + (whole - part) / 2))
  }
  const across = (share: number): number => place(share, width, inner.left, inner.width, picture.width)
  const down = (share: number): number => place(share, height, inner.top, inner.height, picture.height)
  return kept.map(({ label, score, corners: [l, t, r, d] }) => {
    const [x, y] = [across(l), down(t)]
    return { label: classes[label]!, score, box: { x, y, width: across(r) - x, height: down(d) - y } }
  })
}

interface BoxesSpec extends Spec {
  readonly pictures: { readonly input: string; readonly boxes: BoxSpec }
  readonly metadata: { readonly preprocess: string }
}

export interface DetectingModel extends Model {
  detect(picture: Picture, options?: DetectOptions): Detection[]
}

interface Exports {
  instantiate(source?: WebAssembly.Module | BufferSource): Model
  load(source?: Source | PromiseLike<Source>): Promise<Model>
}

/** What the script exports, of which `run` takes pictures, with models that find boxes. */
export function withBoxes<T extends Exports>(exports: T, spec: BoxesSpec) {
  const { input, boxes } = spec.pictures
  const { layout, fit } = JSON.parse(spec.metadata.preprocess) as Preprocess
  const size = axesOf(spec.inputs.find(({ name }) => name === input)!.shape, layout)
  const extended = (model: Model): DetectingModel => ({
    ...model,
    detect: (picture, options) => boxesIn(model.run({ [input]: picture as never }), boxes, picture, size, fit, options),
  })
  return {
    ...exports,
    instantiate: (source?: WebAssembly.Module | BufferSource) => extended(exports.instantiate(source)),
    load: async (source?: Source | PromiseLike<Source>) => extended(await exports.load(source)),
  }
}
