import { describe, expect, it } from 'vitest'
import { evaluator } from '../../compiler/core/executor.ts'
import { bytesOf, tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { compile, importEach, quantizeEach, type Imported } from '../../compiler/index.ts'
import { modulePlaces } from '../../compiler/verify/module-engine.ts'
import { model, node, stored } from '../onnx/build.ts'
import { Random } from '../support/random.ts'
import { randomTensor } from '../support/run-graph.ts'

const random = new Random(11)
const weights = (name: string, shape: number[], scale = 1) => {
  const { data } = randomTensor(random, 'f32', shape)
  // Channels of different ranges, so that there is something to equalize.
  return stored(
    name,
    tensorOf(
      'f32',
      shape,
      [...data].map((w, i) => Number(w) * scale * (1 + (i % 7))),
    ),
  )
}

/** Of any size of picture and any batch. */
const network = model({
  inputs: ['x f32[n,3,h,w]'],
  outputs: ['y f32[n,10]'],
  nodes: [
    node('a = Conv(x, v, vb)', { attributes: { pads: [1, 1, 1, 1] } }),
    'r = Relu(a)',
    node('c = Conv(r, d, db)', { attributes: { pads: [1, 1, 1, 1], group: 8 } }),
    's = Relu(c)',
    'm = GlobalAveragePool(s)',
    'f = Flatten(m)',
    'y = MatMul(f, q)',
  ],
  initializers: [
    ...[weights('v', [8, 3, 3, 3]), weights('vb', [8]), weights('d', [8, 1, 3, 3]), weights('db', [8])],
    weights('q', [8, 10]),
  ],
})
const signatures = [
  [1, 3, 6, 6],
  [3, 3, 9, 5],
].map((x) => ({ shapes: { x } }))
const samples = Array.from({ length: 4 }, () => ({ x: randomTensor(random, 'f32', [1, 3, 6, 6]) }))
const models = importEach(network, { signatures })

describe.each(['int8', 'weights'] as const)('a model quantized at several shapes (%s)', (mode) => {
  it('has the same integers at all, and gives what each gives alone', async () => {
    const quantized = await quantizeEach(models, { mode, calibration: samples, executor: evaluator })
    const several = await compile(quantized)
    const [first, ...others] = several.report.signatures!
    // Where pixels are few and many, convolutions may be of other kernels, whose weights are packed in other ways.
    expect(others.flatMap(({ kernels }) => kernels.filter((kernel) => kernel.weights > 256))).toEqual([])
    expect(first!.integerMacs > 0).toBe(mode === 'int8')
    expect(several.report.quantization).toEqual(quantized[0]!.quantization)
    const places = modulePlaces()
    try {
      for (const [at, one] of quantized.entries()) {
        const alone = await compile(one)
        const { name, dtype, shape } = alone.spec.inputs[0]!
        const inputs = { [name]: randomTensor(new Random(at), dtype, shape) }
        const results: Tensor[][] = []
        for (const { modules, spec } of [alone, several])
          results.push(
            await Promise.all(places.runners(modules, spec).map(async (runner) => (await runner.run(inputs))['y']!)),
          )
        const bytes = results.map((tensors) => Buffer.concat(tensors.map(bytesOf)))
        expect(Buffer.compare(bytes[0]!, bytes[1]!), `shape ${at}`).toBe(0)
      }
    } finally {
      places.close()
    }
  })
})

it('is refused where a shape changes which operations there are', async () => {
  const changing = (n: number): Imported =>
    importEach(
      model({
        inputs: ['x f32[1,8]'],
        outputs: ['y f32[1,8]'],
        nodes: [
          ...Array.from(
            { length: n },
            (_, i) => `${i === n - 1 ? 'y' : `a${i}`} = MatMul(${i === 0 ? 'x' : `a${i - 1}`}, w)`,
          ),
        ],
        initializers: [stored('w', randomTensor(new Random(1), 'f32', [8, 8]))],
      }),
      {},
    )[0]!
  const calibration = samples.map(() => ({ x: randomTensor(random, 'f32', [1, 8]) }))
  await expect(
    quantizeEach([changing(1), changing(2)], { mode: 'int8', calibration, executor: evaluator }),
  ).rejects.toThrow('the model has other operations at one shape than at another')
})
