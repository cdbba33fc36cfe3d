import { Option, type Command } from 'commander'
import type { Activation, BoxPart, BoxSpec, Imported } from '../../index.ts'
import { classNames } from './class-names.ts'
import { givenClasses } from './score-options.ts'

/** What a detector's outputs hold. */
const formats = ['yolov8', 'yolov5', 'corners', 'centers', 'ssd', 'blazeface', 'nms'] as const
type Format = (typeof formats)[number]

/** What of `attar compile` is for pictures in and boxes out. */
export interface BoxOptions {
  detect?: Format
  scores?: Activation
  boxUnits?: 'pixels' | 'shares'
  anchors?: string
  variances?: readonly number[]
}

export const addBoxOptions = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--detect <format>',
        'the script has detect(picture), which gives boxes with labels and scores; the format says what the outputs hold',
      ).choices(formats),
    )
    .addOption(
      new Option(
        '--scores <activation>',
        'what makes scores of the numbers for --detect: softmax, sigmoid, or none, which is right where the model ends in one',
      ).choices(['softmax', 'sigmoid', 'none'] satisfies readonly Activation[]),
    )
    .addOption(
      new Option('--box-units <units>', 'whether boxes are in pixels of the input or in shares of its size').choices([
        'pixels',
        'shares',
      ]),
    )
    .option(
      '--anchors <anchors>',
      'anchors of ssd and blazeface: a file .npy [n, 4] of centre, width, height in shares of the input, or STRIDE:SIZE,SIZE;STRIDE:… in pixels',
    )
    .option(
      '--variances <list>',
      'what offsets from anchors are multiplied by, for centre and size: 0.1,0.2 unless given for ssd',
      (text: string) => text.split(',').map(Number),
    )

interface Size {
  readonly width: number
  readonly height: number
}

/** What of boxes stands in a specification. A501 where the options do not go with the model. */
export async function boxesOf(
  { graph, metadata }: Imported,
  { detect: format, ...options }: BoxOptions & { readonly classes?: string },
  size: Size,
  states: Readonly<Record<string, string>>,
): Promise<BoxSpec> {
  const { fail, formatType } = await import('../../index.ts')
  const hidden = new Set([
    ...Object.values(states),
    ...graph.outputs.flatMap(({ name, extents = [], limit }) => [
      ...extents.map(({ count }) => count),
      ...(limit ? [name] : []),
    ]),
  ])
  const outputs = graph.outputs
    .filter(({ name }) => !hidden.has(name))
    .map(({ name, value }) => ({ name, ...value.type, dims: value.type.shape.filter((d, i) => d !== 1 || i > 0) }))
  const listed = outputs.map((output) => `"${output.name}" ${formatType(output)}`).join(', ')
  const given = await givenClasses(options, 1)
  const named = given ?? (await classNames(metadata)) ?? ultralyticsNames(metadata)
  const names = (): readonly string[] =>
    named ?? fail('A501', '--detect: the model does not say what its classes are called: give --classes')
  const unfit = (wanted: string): never => fail('A501', `--detect ${format}: wanted ${wanted}; outputs are ${listed}`)

  const parts = (): BoxPart[] => {
    if (format === 'yolov8' || format === 'yolov5') {
      const first = format === 'yolov8' ? 4 : 5
      const width = first + names().length
      const along = format === 'yolov8' ? 0 : 1
      const found = outputs.filter(({ dims }) => dims.length === 2 && dims[along] === width)
      if (found.length !== 1)
        unfit(
          `one output ${format === 'yolov8' ? `[1, ${width}, n]` : `[1, n, ${width}]`}, for ${names().length} classes`,
        )
      const { name: output, dims } = found[0]!
      const count = dims[1 - along]!
      const [row, column] = along === 0 ? [1, count] : [width, 1]
      const field = (j: number) => ({ output, start: j * column, row, column })
      return [{ count, boxes: field(0), scores: field(first), ...(first > 4 && { objectness: field(4) }) }]
    }
    if (format === 'nms') {
      const rows = outputs.find(({ dims }) => dims.length === 2 && dims[1]! === 6)
      const field = (output: string, start: number, row: number) => ({ output, start, row, column: 1 })
      if (rows) {
        const { name, dims } = rows
        return [{ count: dims[0]!, boxes: field(name, 0, 6), scores: field(name, 4, 6), label: field(name, 5, 6) }]
      }
      const boxes = outputs.find(({ dims }) => dims.length === 2 && dims[1] === 4)
      const of = (isLabel: boolean) =>
        outputs.find(
          ({ dtype, dims }) => dims.length === 1 && dims[0] === boxes?.dims[0] && /^[iu]/.test(dtype) === isLabel,
        )
      const [scores, labels] = [of(false), of(true)]
      if (!boxes || !scores || !labels)
        return unfit(
          'rows of 6 numbers (left, top, right, bottom, score, class), or boxes [n, 4], scores [n] and labels [n] of integers',
        )
      const one = (name: string) => field(name, 0, 1)
      return [
        { count: boxes.dims[0]!, boxes: field(boxes.name, 0, 4), scores: one(scores.name), label: one(labels.name) },
      ]
    }
    const classes = names().length
    const scores = outputs.filter(({ dims }) => dims.length === 2 && dims[1] === classes && classes !== 4)
    const pairs = scores.flatMap(({ name, dims: [count = 0] }): BoxPart[] => {
      const boxes = outputs.filter(
        (o) => o.name !== name && o.dims.length === 2 && o.dims[0] === count && o.dims[1]! >= 4,
      )
      const field = (output: string, row: number) => ({ output, start: 0, row, column: 1 })
      return boxes.length === 1
        ? [{ count, boxes: field(boxes[0]!.name, boxes[0]!.dims[1]!), scores: field(name, classes) }]
        : []
    })
    if (pairs.length === 0 || pairs.length < scores.length)
      unfit(`scores [1, n, ${classes}], for ${classes} classes, and boxes [1, n, 4] beside each`)
    return pairs
  }

  const found = parts()
  const isAnchored = format === 'ssd' || format === 'blazeface'
  const isYolo = format === 'yolov8' || format === 'yolov5'
  const total = found.reduce((sum, { count }) => sum + count, 0)
  if (!isAnchored && (options.anchors ?? options.variances) !== undefined)
    fail('A501', `--${options.anchors === undefined ? 'variances' : 'anchors'} has no effect with --detect ${format}`)
  if (isAnchored && options.boxUnits !== undefined) fail('A501', `--box-units has no effect with --detect ${format}`)
  if (!isAnchored && !isYolo && options.boxUnits === undefined)
    fail('A501', `--detect ${format}: give --box-units pixels or --box-units shares, which outputs do not tell`)
  if (isAnchored && options.anchors === undefined) fail('A501', `--detect ${format}: give --anchors`)
  const anchors = isAnchored ? await anchorsOf(options.anchors!, size, total) : undefined
  const [centre, extent] = options.variances ?? (format === 'ssd' ? [0.1, 0.2] : [])
  if (options.variances && !(options.variances.length === 2 && options.variances.every((v) => v > 0 && v < Infinity)))
    fail('A501', `--variances: two numbers above 0 are wanted`)
  const [x, y] = [1 / size.width, 1 / size.height]
  const inPixels = isYolo ? options.boxUnits !== 'shares' : options.boxUnits === 'pixels'
  return {
    parts: found,
    coding:
      format === 'ssd'
        ? 'ssd'
        : format === 'blazeface'
          ? 'offsets'
          : format === 'corners' || format === 'nms'
            ? 'corners'
            : 'centers',
    scale: isAnchored ? [centre ?? x, centre ?? y, extent ?? x, extent ?? y] : inPixels ? [x, y, x, y] : [1, 1, 1, 1],
    ...(anchors && { anchors }),
    activation: options.scores ?? 'none',
    classes: names().map((name) => (name === 'background' ? null : name)),
    ...(format === 'nms' && { suppressed: true }),
  }
}

/** What Ultralytics' exporter writes: a dictionary of Python, {0: 'person', 1: 'bicycle'}. */
function ultralyticsNames({ names = '' }: Readonly<Record<string, string>>): readonly string[] | undefined {
  const pairs = [...names.matchAll(/(\d+): (?:'([^']*)'|"([^"]*)")/g)]
  const list = pairs.map(([, , single, double]) => single ?? double!)
  return list.length > 0 && pairs.every(([, place], i) => Number(place) === i) ? list : undefined
}

/** Four numbers for each anchor. A501 where there are not `count` of them. */
async function anchorsOf(text: string, { width, height }: Size, count: number): Promise<readonly number[]> {
  const { fail, toNumbers } = await import('../../index.ts')
  const values: number[] = []
  if (/\.npy$/i.test(text)) {
    const { readTensor } = await import('../run/tensors.ts')
    const tensor = readTensor(text, () => ({ dtype: 'f32', shape: [undefined, 4] }), '--anchors')
    if (tensor.shape.at(-1) !== 4) fail('A501', `--anchors: "${text}" is [${tensor.shape.join(',')}], not [n, 4]`)
    values.push(...toNumbers(tensor))
  } else {
    for (const level of text.split(';')) {
      const [, stride = 0, sizes = ''] = /^(\d+):([\d.,]+)$/.exec(level) ?? []
      const sides = sizes.split(',').map(Number)
      if (!(Number(stride) > 0) || !sides.every((side) => side > 0))
        fail('A501', `--anchors: "${level}" is neither a file .npy nor STRIDE:SIZE,SIZE`)
      const [rows, columns] = [Math.ceil(height / Number(stride)), Math.ceil(width / Number(stride))]
      if (values.length + 4 * rows * columns * sides.length > 4 * count) break
      for (let row = 0; row < rows; row++)
        for (let column = 0; column < columns; column++)
          for (const side of sides)
            values.push((column + 0.5) / columns, (row + 0.5) / rows, side / width, side / height)
    }
  }
  if (values.length !== 4 * count)
    fail('A501', `--anchors: ${values.length / 4} or more anchors for ${count} boxes in the outputs`)
  return values
}
