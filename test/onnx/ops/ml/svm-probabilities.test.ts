import { expect, it } from 'vitest'
import { tensorOf, toNumbers } from '../../../../compiler/core/tensor.ts'
import { openReference } from '../../../../compiler/verify/index.ts'
import { Random } from '../../../support/random.ts'
import { feeds, modelOf, runNode } from '../../one-node.ts'

const nothing = (): Uint8Array => new Uint8Array()

it.each([
  [2, 'NONE'],
  [2, 'LOGISTIC'],
  [4, 'NONE'],
  [4, 'SOFTMAX'],
])('couples the probabilities of %i classes as onnxruntime does, %s', async (classes, transform) => {
  const random = new Random(classes)
  const numbers = (count: number, range: number) => ({
    floats: Array.from({ length: count }, () => Math.fround((random.float() - 0.5) * range)),
  })
  const [vectors, features, pairs] = [2 * classes, 3, (classes * (classes - 1)) / 2]
  const node = {
    operator: 'SVMClassifier',
    domain: 'ai.onnx.ml',
    inputs: [tensorOf('f32', [4, features], numbers(4 * features, 4).floats)],
    outputs: 2,
    attributes: {
      classlabels_ints: Array.from({ length: classes }, (_, i) => 10 + i),
      coefficients: numbers(vectors * (classes - 1), 3),
      kernel_type: 'RBF',
      kernel_params: { floats: [0.5, 0, 3] },
      prob_a: { floats: numbers(pairs, 1).floats.map((v) => v - 1.5) },
      post_transform: transform,
      prob_b: numbers(pairs, 0.2),
      rho: numbers(pairs, 0.3),
      support_vectors: numbers(vectors * features, 4),
      vectors_per_class: new Array<number>(classes).fill(2),
    },
  }
  const reference = await openReference(modelOf(node), nothing)
  const expected = await reference.run(feeds(node))
  await reference.close()
  const [labels, probabilities] = runNode(node)
  expect(labels).toEqual(expected['o0'])
  toNumbers(probabilities!).forEach((p, i) => expect(p).toBeCloseTo(toNumbers(expected['o1']!)[i]!, 6))
})

it('wants a sigmoid for each pair', () => {
  const attributes = {
    ...{ classlabels_ints: [0, 1, 2], vectors_per_class: [1, 1, 1], support_vectors: { floats: [1, 2, 3] } },
    ...{ coefficients: { floats: [1, 1, 1, 1, 1, 1] }, rho: { floats: [0, 0, 0] }, prob_a: { floats: [1] } },
    prob_b: { floats: [1] },
  }
  const inputs = [tensorOf('f32', [1, 1], [1])]
  expect(() => runNode({ operator: 'SVMClassifier', domain: 'ai.onnx.ml', inputs, attributes, outputs: 2 })).toThrow(
    'A205',
  )
})
