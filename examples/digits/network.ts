import * as tf from '@tensorflow/tfjs-core'
import '@tensorflow/tfjs-layers' // registers the gradients of tfjs-core's kernels
import { PIXELS, SIDE } from './data.ts'

/** Channels going into and out of each 3×3 convolution; the image has one. */
export const CHANNELS = [1, 8, 16, 16]
export const BLOCKS = CHANNELS.length - 1
export const EPSILON = 1e-5

// What the last block leaves of an image: two poolings halve its sides twice.
const FEATURES = CHANNELS[BLOCKS]! * (SIDE / 4) ** 2

/** A float32 tensor outside of TensorFlow.js, row-major. */
export interface Weight {
  shape: number[]
  data: Float32Array
}

/**
 * The parameters under the names and in the layouts that PyTorch would give them, so that they go into an ONNX file as
 * they are: `conv1.weight` [out, in, 3, 3], `bn1.weight|bias|running_mean|running_var` [out], …, `fc.weight` [10, in].
 */
export type Parameters = Record<string, tf.Variable>

/** Fresh parameters: He et al.'s normal initialisation (2015), the same for the same seed. */
export function initialise(classes: number, seed: number): Parameters {
  const parameters: Parameters = {}
  const normal = (shape: number[], fanIn: number, gain: number, salt: number) =>
    tf.variable(tf.randomNormal(shape, 0, Math.sqrt(gain / fanIn), 'float32', seed + salt))
  for (let block = 1; block <= BLOCKS; block++) {
    const [channelsIn, channels] = [CHANNELS[block - 1]!, CHANNELS[block]!]
    parameters[`conv${block}.weight`] = normal([channels, channelsIn, 3, 3], 9 * channelsIn, 2, block)
    parameters[`bn${block}.weight`] = tf.variable(tf.ones([channels]))
    parameters[`bn${block}.bias`] = tf.variable(tf.zeros([channels]))
    parameters[`bn${block}.running_mean`] = tf.variable(tf.zeros([channels]), false)
    parameters[`bn${block}.running_var`] = tf.variable(tf.ones([channels]), false)
  }
  parameters['fc.weight'] = normal([classes, FEATURES], FEATURES, 1, 0)
  parameters['fc.bias'] = tf.variable(tf.zeros([classes]))
  return parameters
}

/**
 * `images` [batch × 28 × 28] of 0 … 255 → logits [batch, classes]. In training, batch normalisation takes its statistics
 * from the batch and moves the running ones towards them; otherwise it uses the running ones.
 */
export function logits(parameters: Parameters, images: Float32Array, training: boolean): tf.Tensor2D {
  const batch = images.length / PIXELS
  let side = SIDE
  // Channels go first and the batch second: then a convolution is one matrix product, and every slice and
  // concatenation that prepares it copies long runs.
  let x: tf.Tensor = tf.div(tf.tensor(images, [1, batch, side, side]), 255)
  for (let block = 1; block <= BLOCKS; block++) {
    const channels = CHANNELS[block]!
    x = convolve(x, parameters[`conv${block}.weight`]!)
    x = tf.relu(normalise(x, parameters, `bn${block}`, training))
    if (block < BLOCKS) {
      x = maxPool(tf.reshape(x, [channels, batch, side, side]))
      side /= 2
    }
  }
  const perImage = tf.transpose(tf.reshape(x, [CHANNELS[BLOCKS]!, batch, side * side]), [1, 0, 2])
  const features = tf.reshape(perImage, [batch, FEATURES])
  return tf.add(tf.matMul(features, parameters['fc.weight']!, false, true), parameters['fc.bias']!)
}

// x [in, batch, h, w], weight [out, in, 3, 3], padding 1 → [out, batch × h × w].
// TensorFlow.js has no filter gradient for convolutions on its WebAssembly backend, and one that takes seconds a step
// in JavaScript; slices, concatenations and products have theirs.
function convolve(x: tf.Tensor, weight: tf.Tensor): tf.Tensor {
  const [channels, batch, h, w] = x.shape as [number, number, number, number]
  const planes = channels * batch
  const borders = [0, 0, 1, 1].map((width): [number, number] => [width, width])
  const rows = tf.reshape(tf.pad(x, borders), [planes * (h + 2), w + 2])
  const across = tf.concat([0, 1, 2].map((dx) => tf.slice(rows, [0, dx], [planes * (h + 2), w])))
  const images = tf.reshape(across, [3 * planes, (h + 2) * w])
  const patches = tf.concat([0, 1, 2].map((dy) => tf.slice(images, [0, dy * w], [3 * planes, h * w])))
  const kernel = tf.reshape(tf.transpose(weight, [0, 2, 3, 1]), [weight.shape[0]!, 9 * channels])
  return tf.matMul(kernel, tf.reshape(patches, [9 * channels, batch * h * w]))
}

// x [channels, positions] → the same shape.
function normalise(x: tf.Tensor, parameters: Parameters, name: string, training: boolean): tf.Tensor {
  const column = (v: tf.Tensor) => tf.reshape(v, [-1, 1])
  const [runningMean, runningVariance] = [parameters[`${name}.running_mean`]!, parameters[`${name}.running_var`]!]
  const mean = training ? tf.mean(x, 1, true) : column(runningMean)
  const centred = tf.sub(x, mean)
  const variance = training ? tf.mean(tf.square(centred), 1, true) : column(runningVariance)
  if (training) {
    const move = (running: tf.Variable, now: tf.Tensor) =>
      running.assign(tf.add(tf.mul(running, 0.9), tf.mul(tf.reshape(now, [-1]), 0.1)))
    move(runningMean, mean)
    move(runningVariance, variance)
  }
  const scale = tf.mul(column(parameters[`${name}.weight`]!), tf.rsqrt(tf.add(variance, EPSILON)))
  return tf.add(tf.mul(centred, scale), column(parameters[`${name}.bias`]!))
}

// x [channels, batch, h, w] → [channels, batch, h / 2, w / 2].
function maxPool(x: tf.Tensor): tf.Tensor {
  const [channels, batch, h, w] = x.shape as [number, number, number, number]
  const windows = tf.reshape(x, [(channels * batch * h) / 2, 2, w / 2, 2])
  return tf.reshape(tf.max(tf.max(windows, 3), 1), [channels, batch, h / 2, w / 2])
}

/** Copies the parameters out of TensorFlow.js. */
export function snapshot(parameters: Parameters): Record<string, Weight> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, variable]) => [
      name,
      { shape: variable.shape, data: Float32Array.from(variable.dataSync()) },
    ]),
  )
}
