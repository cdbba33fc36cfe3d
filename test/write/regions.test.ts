import { describe, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { regionArgument } from '../../compiler/core/region.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { expectOp } from './expect-op.ts'

const b = new Builder(undefined)

describe('regions as ONNX', () => {
  const loop =
    (trips: number, conditional: boolean, scan: { axis: number; reverse: boolean }) =>
    (x: Value, xs: Value, limit: Value) => {
      const [state, slice, iteration] = [
        regionArgument('f32', [2, 3]),
        regionArgument('f32', [2, 3]),
        regionArgument('i32', []),
      ]
      const next = b.binary('add', b.binary('add', state, slice), b.convert(iteration, 'f32'))
      const { carried, stacked, count } = b.while({
        trips,
        iteration,
        ...(conditional && {
          condition: {
            initial: b.binary('gt', limit, b.scalar(0, 'i32')),
            next: b.binary('lt', b.binary('add', iteration, b.scalar(1, 'i32')), limit),
          },
        }),
        carried: [
          { initial: x, argument: state, next },
          { initial: x, argument: regionArgument('f32', [2, 3]), next: x },
        ],
        scanInputs: [{ value: xs, argument: slice, ...scan }],
        scanOutputs: [
          { slice: next, ...scan },
          { slice: state, axis: 0, reverse: !scan.reverse },
          { slice: x, axis: 1, reverse: false },
        ],
      })
      return [...carried, ...stacked, count]
    }

  it.each([
    [4, false, 0, false],
    [4, false, 2, true],
    [4, true, 1, false],
    [4, true, 0, true],
    [0, false, 0, false],
    [1, true, 1, true],
  ] as const)(
    'loops of %i iterations (ended by a condition: %s) over axis %i, reversed: %s',
    async (trips, conditional, axis, reverse) => {
      const xs = [2, 3].toSpliced(axis, 0, trips)
      for (const limit of conditional ? [0, 1, 3, 9] : [0])
        await expectOp(
          [['f32', [2, 3]], ['f32', xs], tensorOf('i32', [], [limit])],
          loop(trips, conditional, { axis, reverse }),
        )
    },
  )

  it('loops that a condition alone ends', async () => {
    await expectOp([['i32', [3]], tensorOf('i32', [], [7])], (x, limit) => {
      const [state, iteration] = [regionArgument('i32', [3]), regionArgument('i32', [])]
      const { carried, count } = b.while({
        trips: 2 ** 31 - 1,
        iteration,
        condition: { initial: b.scalar(1, 'bool'), next: b.binary('lt', iteration, limit) },
        carried: [{ initial: x, argument: state, next: b.binary('add', state, x) }],
        scanInputs: [],
        scanOutputs: [],
      })
      return [...carried, count]
    })
  })

  it.each([0, 1])('branches where the condition is %i', async (holds) => {
    await expectOp([tensorOf('bool', [], [holds]), ['f32', [2]], ['f32', [2]]], (c, x, y) => {
      const [sum, product] = [b.binary('add', x, y), b.binary('mul', x, y)]
      const outside = new Set([x, y])
      return [...b.if(c, [sum, x, x, product], [y, y, product, product], (v) => outside.has(v))]
    })
  })

  it('loops within branches within loops', async () => {
    await expectOp([tensorOf('bool', [], [1]), ['f32', [2]]], (c, x) => {
      const [outer, inner, i, j] = [
        regionArgument('f32', [2]),
        regionArgument('f32', [2]),
        regionArgument('i32', []),
        regionArgument('i32', []),
      ]
      const within = b.while({
        trips: 2,
        iteration: j,
        carried: [{ initial: outer, argument: inner, next: b.binary('add', inner, x) }],
        scanInputs: [],
        scanOutputs: [],
      })
      const outside = new Set([x, outer])
      const [chosen] = b.if(c, within.carried, [b.binary('sub', outer, x)], (v) => outside.has(v))
      const { carried } = b.while({
        trips: 3,
        iteration: i,
        carried: [{ initial: x, argument: outer, next: chosen! }],
        scanInputs: [],
        scanOutputs: [],
      })
      return carried
    })
  })
})
