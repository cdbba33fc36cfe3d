import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import { nodesOf, type Value } from '../../compiler/core/graph.ts'
import { logSoftmax, softmax } from '../../compiler/onnx/shared/nn/softmax.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import { expectGradients, weightedSum } from '../support/differences.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'

const b = new Builder(undefined)

/** Whether the maximum that `make` takes has a gradient of its own. */
function differentiatesMaximum(make: (x: Value) => Value): boolean {
  const x = inputOf('x', 'f64', [2, 3, 4])
  const [dx] = gradients(weightedSum([make(x)], new Random(1)), [x])
  return nodesOf(graphOf([x], [dx!])).some((node) => node.op === 'argreduce')
}

function check(make: (x: Value) => Value, differentiates: boolean): void {
  expect(differentiatesMaximum(make)).toBe(differentiates)
  const x = inputOf('x', 'f32', [2, 3, 4])
  expectGradients(graphOf([x], [make(x)]), new Random(1))
}

const powers = (x: Value, axes: readonly number[]): Value =>
  b.map([x, b.reduce('max', x, axes, true)], (e, m) => f.exp(f.sub(e!, m!)))

describe('the maximum of a softmax is a constant', () => {
  it.each([[[2]], [[1]], [[0, 2]], [[0, 1, 2]]])('over axes %j', (axes) => {
    check((x) => softmax(b, x, axes), false)
    check((x) => logSoftmax(b, x, axes), false)
  })

  it('between views', () => {
    const view = (x: Value): Value => b.transpose(b.reshape(x, [2, 1, 3, 4]), [3, 0, 1, 2])
    check((x) => {
      const e = powers(x, [2])
      const total = b.transpose(b.reshape(b.reduce('add', e, [2]), [1, 2, 1, 3]), [0, 1, 2, 3])
      return b.binary('div', view(e), total)
    }, false)
  })
})

describe('any other is none', () => {
  it.each<[string, (x: Value) => Value]>([
    ['that is an output as well', (x) => b.concatenate([softmax(b, x, [2]), b.reduce('max', x, [2], true)], 2)],
    ['powers without their sum', (x) => powers(x, [2])],
    [
      'a sum of powers of several rows',
      (x) => b.binary('div', powers(x, [2]), b.reduce('add', powers(x, [2]), [1, 2], true)),
    ],
    [
      'sums that meet other rows',
      (x) => {
        const e = powers(b.slice(x, [0, 0, 0], [2, 3, 3]), [2])
        return b.binary('div', e, b.reshape(b.reduce('add', e, [2]), [2, 1, 3]))
      },
    ],
    [
      'sums over several rows that are divided by one another',
      (x) => {
        const e = powers(x, [2])
        const weighted = b.reduce('add', b.binary('mul', e, x), [1, 2])
        return b.binary('div', weighted, b.reduce('add', e, [1, 2]))
      },
    ],
    [
      'twice the shift',
      (x) => {
        const e = powers(x, [2])
        return b.binary('div', b.binary('mul', e, e), b.reduce('add', e, [2], true))
      },
    ],
    [
      'a sum with what is not scaled',
      (x) => {
        const e = powers(x, [2])
        return b.binary(
          'div',
          e,
          b.map([b.reduce('add', e, [2], true)], (t) => f.add(t!, 1)),
        )
      },
    ],
    ['the difference to the maximum', (x) => b.binary('sub', x, b.reduce('max', x, [1], true))],
  ])('%s', (_, make) => {
    check(make, true)
  })

  it('one that the loss shifts with', () => {
    const x = inputOf('x', 'f64', [5])
    const loss = b.unary('log', b.reduce('add', powers(x, [0]), [0]))
    const [dx] = gradients(loss, [x])
    expect(nodesOf(graphOf([x], [dx!])).some((node) => node.op === 'argreduce')).toBe(true)
  })
})
