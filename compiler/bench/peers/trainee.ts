import type { Graph } from '../../index.ts'
import { lowerToNetwork } from '../network/lower.ts'
import type { Network } from '../network/network.ts'
import { unsupported } from '../network/unsupported.ts'

/** What other systems are to train: classes of one input's samples by cross-entropy and AdamW. */
export interface Trainee {
  /** From a batch to what the loss takes, with the parameters' first values as constants. */
  readonly graph: Graph
  /** How many numbers are trained. */
  readonly parameters: number
  /** The step's input that has the number of each sample's class. */
  readonly target: string
  readonly adamw: AdamWSettings
  /** What of the training they are not given here. */
  readonly beyond: string | undefined
  /** A folder for files that a peer needs; it stays as long as the peer is used. */
  readonly folder: string
}

export interface AdamWSettings {
  readonly learningRate: number
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  readonly weightDecay: number
}

/** How a network is trained. */
export interface TrainingSettings {
  /** Indices of tensors. Kernels and weights decay, biases do not. */
  readonly trained: readonly { readonly tensor: number; readonly decays: boolean }[]
  readonly target: string
  readonly classes: number
  readonly adamw: AdamWSettings
}

/**
 * The network of a training, and how it is trained.
 * @throws Unsupported where other systems have no equivalent, or would train something else.
 */
export function trainedNetwork(trainee: Trainee): { readonly network: Network; readonly training: TrainingSettings } {
  const { graph, target, adamw, beyond } = trainee
  if (beyond !== undefined) unsupported(beyond)
  const network = lowerToNetwork(graph)
  const { tensors } = network
  const trained = network.layers
    .filter(({ op }) => op === 'conv2d' || op === 'depthwiseConv2d' || op === 'dense')
    .flatMap(({ inputs: [, kernel, bias] }) => [
      { tensor: kernel!, decays: true },
      { tensor: bias!, decays: false },
    ])
  const count = trained.reduce((sum, { tensor }) => sum + tensors[tensor]!.data!.length, 0)
  const isOnce = new Set(trained.map(({ tensor }) => tensor)).size === trained.length
  if (count !== trainee.parameters || !isOnce)
    unsupported('parameters that are not the kernel or bias of one convolution or dense layer')
  const [classes] = tensors[network.outputs[0]!.tensor]!.shape.slice(-1)
  return { network, training: { trained, target, classes: classes!, adamw } }
}

/** Constants of a network in one array, and where each stands in it, in elements. */
export function storedConstants({ tensors }: Network): {
  readonly data: Float32Array
  readonly places: readonly { readonly shape: readonly number[]; readonly offset?: number }[]
} {
  let elements = 0
  const places = tensors.map(({ shape, data }) => {
    if (!data) return { shape }
    elements += data.length
    return { shape, offset: elements - data.length }
  })
  const all = new Float32Array(elements)
  tensors.forEach(({ data }, i) => data && all.set(data, places[i]!.offset))
  return { data: all, places }
}
