import { afterAll, describe, expect, it } from 'vitest'
import { importModel } from '../../compiler/index.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { model, node, stored, type GraphText } from './build.ts'
import { RunTimeLengths, type Bounds } from './run-time-lengths.ts'

const lengths = new RunTimeLengths()
afterAll(() => lengths.close())
const { floats } = lengths
const ints = (...values: number[]): Tensor => tensorOf('i64', [values.length], values)
const initial = (name: string, ...values: number[]) => stored(name, ints(...values))

const upTo = (n: number): number[] => Array.from({ length: n + 1 }, (_, i) => i)

describe('lengths that are known at run time', () => {
  const detector: GraphText = {
    inputs: ['x f32[1,6,20]', 'k i64[1]', 'most i64[1]'],
    outputs: ['best', 'boxes', 'selected'],
    nodes: [
      node('rows = Transpose(x)', { attributes: { perm: [0, 2, 1] } }),
      'corners = Slice(rows, zero, four, last)',
      'classes = Slice(rows, four, six, last)',
      node('score = ReduceMax(classes)', { attributes: { axes: [2], keepdims: 0 } }),
      'best, places = TopK(score, k)',
      node('flat = Squeeze(places, zero)'),
      node('boxes = Gather(corners, flat)', { attributes: { axis: 1 } }),
      'wide = Unsqueeze(best, one)',
      'selected = NonMaxSuppression(boxes, wide, most, half)',
    ],
    initializers: [
      initial('zero', 0),
      initial('one', 1),
      initial('four', 4),
      initial('six', 6),
      initial('last', 2),
      stored('half', tensorOf('f32', [1], [0.3])),
    ],
  }

  it('of what a detector finds: the k best boxes, and the most that are kept of them', async () => {
    const sets = upTo(12).map((k) => ({ x: floats(1, 6, 20), k: ints(k), most: ints(k % 5) }))
    // onnxruntime-web 1.30 has no answer for no boxes.
    await lengths.runs(detector, { k: [[0, 12]] }, sets.slice(1))
    expect(await lengths.refusal(detector, { k: [[0, 12]] }, { ...sets[0]!, k: ints(13) })).toContain(
      'element 0 of input "k" is 13; it was compiled for 0 to 12',
    )
    // Without a bound, the axis is one.
    expect(await lengths.refusal(detector, {}, { ...sets[0]!, k: ints(21) })).toContain(
      'is 21; it was compiled for 0 to 20',
    )
  })

  const speech: GraphText = {
    inputs: ['text f32[1,5,4]', 'durations i64[5]'],
    outputs: ['sound', 'weights', 'mean', 'frames'],
    nodes: [
      'ends = CumSum(durations, axis0)',
      node('total = ReduceSum(durations, zero)', { attributes: { keepdims: 0 } }),
      'frames = Range(start, total, step)',
      'times = Unsqueeze(frames, one)',
      'behind = GreaterOrEqual(times, ends)',
      node('counted = Cast(behind)', { attributes: { to: 7 } }),
      node('symbols = ReduceSum(counted, one)', { attributes: { keepdims: 0 } }),
      node('long = Gather(text, symbols)', { attributes: { axis: 1 } }),
      // Attention of every frame to all others, through a shape that is computed.
      'shape = Shape(long)',
      node('length = Gather(shape, axis1)', { attributes: { axis: 0 } }),
      node('wanted = Concat(one1, length, two, two)', { attributes: { axis: 0 } }),
      node('heads = Reshape(long, wanted)'),
      node('queries = Transpose(heads)', { attributes: { perm: [0, 2, 1, 3] } }),
      node('keys = Transpose(heads)', { attributes: { perm: [0, 2, 3, 1] } }),
      'scores = MatMul(queries, keys)',
      node('weights = Softmax(scores)', { attributes: { axis: -1 } }),
      'mixed = MatMul(weights, queries)',
      node('back = Transpose(mixed)', { attributes: { perm: [0, 2, 1, 3] } }),
      'joined = Reshape(back, flat)',
      node('mean = ReduceMean(joined)', { attributes: { axes: [1] } }),
      node('channels = Transpose(joined)', { attributes: { perm: [0, 2, 1] } }),
      node('sound = Conv(channels, kernel)', { attributes: { pads: [1, 1], strides: [2] } }),
    ],
    initializers: [
      stored('axis0', tensorOf('i64', [], [0])),
      stored('start', tensorOf('i64', [], [0])),
      stored('step', tensorOf('i64', [], [1])),
      initial('zero', 0),
      initial('one', 1),
      initial('one1', 1),
      initial('axis1', 1),
      initial('two', 2),
      initial('flat', 1, -1, 4),
      stored('kernel', floats(2, 4, 3)),
    ],
  }

  it('of a text that durations expand, through attention and convolution', async () => {
    const sets = upTo(14).map((total) => {
      // All lengths from 1 to 15.
      const durations = [0, 1, 2, 3, 4].map((i) => Math.floor((total + 1 + i) / 5))
      return { text: floats(1, 5, 4), durations: ints(...durations) }
    })
    await lengths.runs(speech, { durations: [[0, 3]] }, sets)
    // The same by a bound of a tensor in between, which is checked behind the run.
    const wide = { text: floats(1, 5, 4), durations: ints(9, 0, 0, 0, 1) }
    await lengths.runs(speech, { total: [[1, 10]] }, [wide])
    expect(await lengths.refusal(speech, { total: [[1, 10]] }, { ...wide, durations: ints(9, 0, 0, 0, 2) })).toContain(
      '"total" is 11; it was compiled for 1 to 10',
    )
  })

  const crop: GraphText = {
    inputs: ['image f32[1,2,5,7]', 'from i64[2]', 'to i64[2]'],
    outputs: ['part', 'brightest', 'size', 'rows'],
    nodes: [
      'part = Slice(image, from, to, axes)',
      node('brightest = ReduceMax(part)', { attributes: { axes: [2, 3], keepdims: 0 } }),
      'size = Size(part)',
      'rows = Reshape(part, flat)',
    ],
    initializers: [initial('axes', 2, 3), initial('flat', 2, -1)],
  }

  it('of a part of a picture', async () => {
    const corners = [0, 1, 4].flatMap((y) =>
      [0, 2, 6].flatMap((x) => [y + 1, 5].flatMap((d) => [x + 1, 7].map((r) => [y, x, d, r]))),
    )
    const sets = corners.map(([y, x, d, r]) => ({ image: floats(1, 2, 5, 7), from: ints(y!, x!), to: ints(d!, r!) }))
    const others = [
      [-3, -7, 100, -1],
      [2, 3, 2, 7],
    ].map(([y, x, d, r]) => ({ image: floats(1, 2, 5, 7), from: ints(y!, x!), to: ints(d!, r!) }))
    await lengths.runs(crop, {}, [...sets, others[0]!])
    expect(
      importModel(model(crop), { bounds: { from: [[0, 4]], to: [[0, 3]] } }).graph.outputs[0]!.value.type.shape,
    ).toEqual([1, 2, 3, 3])
  })

  it('of what repeats, expands and is put together', async () => {
    const text: GraphText = {
      inputs: ['x f32[2,3]', 'n i64[1]', 'y f32[1,4]'],
      outputs: ['tiled', 'wide', 'filled', 'joined', 'last'],
      nodes: [
        node('times = Concat(n, one)', { attributes: { axis: 0 } }),
        'tiled = Tile(x, times)',
        node('shape = Concat(n, four)', { attributes: { axis: 0 } }),
        'wide = Expand(y, shape)',
        'filled = ConstantOfShape(shape)',
        node('joined = Concat(wide, filled, wide)', { attributes: { axis: 0 } }),
        node('last = Gather(joined, minus)', { attributes: { axis: 0 } }),
      ],
      initializers: [initial('one', 1), initial('four', 4), initial('minus', -1)],
    }
    const sets = upTo(4)
      .slice(1)
      .map((n) => ({ x: floats(2, 3), n: ints(n), y: floats(1, 4) }))
    await lengths.runs(text, { n: [[1, 5]] }, sets)
    expect(() => importModel(model(text))).toThrow(/nothing tells how large it may become[^]*--bound NAME=N/)
  })

  it('fit bounds that fit something', () => {
    const bounded = (bounds: Bounds) => () => importModel(model(detector), { bounds })
    expect(bounded({ j: [[0, 1]] })).toThrow(/A106[^]*"j" has no bound/)
    expect(bounded({ x: [[0, 1]] })).toThrow(/"x" is f32; bounds are of integers/)
    expect(
      bounded({
        k: [
          [0, 1],
          [0, 2],
        ],
      }),
    ).toThrow(/"k" has 1 elements, and 2 bounds/)
    expect(bounded({ k: [[2, 1]] })).toThrow(/"k" cannot be bounded by 2\.\.1/)
  })
})
