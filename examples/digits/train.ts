// Trains the sample digit classifier and writes digits.onnx and test.npz. README.md says how to run it.
import { writeFileSync } from 'node:fs'
import * as tf from '@tensorflow/tfjs-core'
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm'
import * as ort from 'onnxruntime-web/wasm'
import { CLASSES, loadDigits, PIXELS, randomIntegers, SEED, select, shuffle, SIDE, split } from './data.ts'
import type { Digits } from './data.ts'
import { initialise, logits, snapshot } from './network.ts'
import type { Parameters } from './network.ts'
import { digitsModel, encode, valueInfo } from './onnx.ts'
import { writeNpz } from './npz.ts'

const EPOCHS = 10
const BATCH = 64
const LEARNING_RATE = 0.05
const MOMENTUM = 0.9
const MAX_SHIFT = 1
const SAMPLES = 300
const FOLDER = 'examples/digits'

const random = randomIntegers(SEED)

/** Writes the digit into `out`, moved by (dx, dy) pixels; what leaves the frame is lost, what enters is paper. */
function shifted(image: Uint8Array, dx: number, dy: number, out: Float32Array): void {
  out.fill(0)
  for (let y = Math.max(0, dy); y < Math.min(SIDE, SIDE + dy); y++) {
    for (let x = Math.max(0, dx); x < Math.min(SIDE, SIDE + dx); x++) {
      out[y * SIDE + x] = image[(y - dy) * SIDE + x - dx]!
    }
  }
}

function predict(parameters: Parameters, { images, labels }: Digits): Float32Array {
  const step = 250
  const out = new Float32Array(labels.length * CLASSES)
  for (let i = 0; i < labels.length; i += step) {
    const pixels = Float32Array.from(images.subarray(i * PIXELS, (i + step) * PIXELS))
    out.set(tf.tidy(() => logits(parameters, pixels, false).dataSync()) as Float32Array, i * CLASSES)
  }
  return out
}

function accuracy(scores: Float32Array, labels: Uint8Array): number {
  const right = labels.reduce((sum, label, i) => {
    const row = scores.subarray(i * CLASSES, (i + 1) * CLASSES)
    return sum + (row.indexOf(Math.max(...row)) === label ? 1 : 0)
  }, 0)
  return right / labels.length
}

/** One pass over the training digits in random order, each moved a little; returns the mean loss. */
function trainEpoch(parameters: Parameters, digits: Digits, epoch: number, optimizer: tf.MomentumOptimizer): number {
  const order = Uint32Array.from(digits.labels, (_, i) => i)
  shuffle(order, random)
  const steps = Math.floor(order.length / BATCH)
  const pixels = new Float32Array(BATCH * PIXELS)
  let total = 0
  for (let step = 0; step < steps; step++) {
    optimizer.setLearningRate(LEARNING_RATE * (1 - (epoch * steps + step) / (EPOCHS * steps)))
    const batch = select(digits, order.subarray(step * BATCH, (step + 1) * BATCH))
    for (let i = 0; i < BATCH; i++) {
      const [dx, dy] = [random(2 * MAX_SHIFT + 1) - MAX_SHIFT, random(2 * MAX_SHIFT + 1) - MAX_SHIFT]
      const [from, to] = [i * PIXELS, (i + 1) * PIXELS]
      shifted(batch.images.subarray(from, to), dx, dy, pixels.subarray(from, to))
    }
    total += tf.tidy(() => {
      const oneHot = tf.oneHot(tf.tensor1d(batch.labels, 'int32'), CLASSES)
      const loss = () => tf.losses.softmaxCrossEntropy(oneHot, logits(parameters, pixels, true)) as tf.Scalar
      return optimizer.minimize(loss, true)!.dataSync()[0]!
    })
  }
  return total / steps
}

/** Runs the ONNX file in onnxruntime-web and compares it with the network it was written from. */
async function verify(model: ReturnType<typeof digitsModel>, expected: Float32Array, test: Digits): Promise<void> {
  ort.env.wasm.numThreads = 1
  model.graph!.output!.push(valueInfo('logits', ['batch', CLASSES]))
  const session = await ort.InferenceSession.create(encode(model))
  const image = new ort.Tensor('float32', Float32Array.from(test.images), [test.labels.length, 1, SIDE, SIDE])
  const results = await session.run({ image })
  const [scores, probabilities] = [results['logits']!.data, results['probabilities']!.data] as Float32Array[]
  const difference = expected.reduce((max, value, i) => Math.max(max, Math.abs(value - scores![i]!)), 0)
  if (!(difference <= 1e-4)) throw new Error(`onnxruntime-web differs from the trainer by ${difference}`)
  const percent = (count: number) => (accuracy(probabilities!, test.labels.subarray(0, count)) * 100).toFixed(2)
  console.log(`onnxruntime-web: logits within ${difference.toExponential(1)} of the trainer's;`)
  console.log(`test accuracy ${percent(test.labels.length)} %, on the ${SAMPLES} of test.npz ${percent(SAMPLES)} %`)
}

setThreadsCount(1)
await tf.setBackend('wasm')
const digits = loadDigits()
const rows = split(digits.labels.length, SEED)
const [train, validation, test] = [rows.train, rows.validation, rows.test].map((part) => select(digits, part))

const parameters = initialise(CLASSES, SEED)
const optimizer = tf.train.momentum(LEARNING_RATE, MOMENTUM)
for (let epoch = 0; epoch < EPOCHS; epoch++) {
  const loss = trainEpoch(parameters, train!, epoch, optimizer)
  const validated = accuracy(predict(parameters, validation!), validation!.labels)
  console.log(`epoch ${epoch + 1}/${EPOCHS}: loss ${loss.toFixed(4)}, validation ${(validated * 100).toFixed(2)} %`)
}

const model = digitsModel(snapshot(parameters))
writeFileSync(`${FOLDER}/digits.onnx`, encode(model))
const samples = {
  image: { shape: [SAMPLES, 1, SIDE, SIDE], data: test!.images.slice(0, SAMPLES * PIXELS) },
  y: { shape: [SAMPLES], data: test!.labels.slice(0, SAMPLES) },
}
writeFileSync(`${FOLDER}/test.npz`, writeNpz(samples))
await verify(model, predict(parameters, test!), test!)
