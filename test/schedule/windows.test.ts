import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import * as f from '../../compiler/core/scalar/formula.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { isNonNegative } from '../../compiler/core/analysis/non-negative.ts'
import type { ReduceKind } from '../../compiler/core/ops/reductions/reduce.ts'
import { trivialWindow, type WindowAxis } from '../../compiler/core/ops/window.ts'
import { elementCount } from '../../compiler/core/shape.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { schedule } from '../../compiler/schedule/lower/index.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf, randomTensor, runModule } from '../support/run-graph.ts'

const b = new Builder(undefined)
const x = inputOf('x', 'f32', [1, 9, 7, 10])
const relu = (v: Value): Value => b.map([v], (e) => f.max(e!, 0))

const axis = (size: number, rest: Partial<WindowAxis> = {}): WindowAxis => ({ ...trivialWindow, size, ...rest })
const over = (height: WindowAxis, width: WindowAxis): WindowAxis[] => [trivialWindow, height, width, trivialWindow]

/** Numbers of which some are what maxima treat in ways of their own. */
function special(seed: number): Tensor {
  const random = new Random(seed)
  const odd = [NaN, -NaN, Infinity, -Infinity, 0, -0, 3e38, 1e-42]
  return tensorOf(
    'f32',
    x.type.shape,
    Array.from({ length: elementCount(x.type.shape) }, () =>
      random.int(12) === 0 ? odd[random.int(odd.length)]! : random.float() * 4 - 3,
    ),
  )
}

/** Types that reductions of the graph are computed in. */
const typesOf = (output: Value): string[] =>
  schedule(graphOf([x], [output])).kernels.flatMap((k) =>
    k.kind === 'nest' && k.combine ? [`${k.combine} ${k.body.dtype}`] : [],
  )

const windows: Readonly<Record<string, WindowAxis[]>> = {
  '2 × 2': over(axis(2, { stride: 2 }), axis(2, { stride: 2 })),
  '3 × 3 with padding': over(axis(3, { stride: 2, low: 1, high: 1 }), axis(3, { stride: 2, low: 1, high: 1 })),
  '3 × 3, wide apart': over(axis(3, { dilation: 2 }), axis(3, { dilation: 2, low: 1 })),
  '4 × 5': over(axis(4), axis(5, { low: 2, high: 2 })),
  '1 × 7': over(trivialWindow, axis(7)),
  'more padding than window': over(axis(2, { low: 2 }), axis(2, { high: 3 })),
}

describe('windows', () => {
  const kinds: readonly ReduceKind[] = ['max', 'min', 'add']
  it.each(Object.entries(windows))('of %s give what the evaluator gives', async (_, window) => {
    const values = [x, relu(x)]
    const outputs = values.flatMap((v) => kinds.map((kind) => b.reduceWindow(kind, v, window)))
    // With what follows in the kernel: a map, another order of axes, and 16 bits.
    const last = outputs[3]!
    outputs.push(
      b.transpose(
        b.convert(
          b.map([last], (e) => f.mul(e!, 0.5)),
          'f16',
        ),
        [0, 3, 1, 2],
      ),
    )
    const graph = graphOf([x], outputs)
    const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
    const inputs = { x: special(3) }
    const found = runModule(modules.simd!, spec, inputs)
    for (const [name, expected] of Object.entries(evaluate(graph, inputs))) {
      const own = toNumbers(found[name]!)
      toNumbers(expected).forEach((value, i) => {
        const sum = name === 'y2' || name === 'y5'
        if (sum && Number.isFinite(value)) expect(own[i]).toBeCloseTo(value, 4)
        else expect(own[i], `${name} ${i}`).toBe(value)
      })
    }
  })

  it.each(['u8', 'i8', 'i32', 'f16'] as const)('of %s do', async (dtype) => {
    const v = inputOf('x', dtype, [2, 9, 7, 6])
    const wide = dtype === 'f16' ? b.convert(v, 'f32') : v
    const graph = graphOf([v], [b.reduceWindow('max', wide, windows['3 × 3 with padding']!)])
    const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
    const inputs = { x: randomTensor(new Random(5), dtype, v.type.shape) }
    const found = runModule(modules.simd!, spec, inputs)
    expect(toNumbers(found['y0']!)).toEqual(toNumbers(evaluate(graph, inputs)['y0']!))
  })

  it('take the greatest of floats without a sign by their bits', () => {
    const window = windows['3 × 3 with padding']!
    expect(typesOf(b.reduceWindow('max', relu(x), window))).toEqual(['max u32'])
    expect(typesOf(b.reduce('max', relu(x), [1, 2]))).toEqual(['max u32'])
    expect(typesOf(b.reduceWindow('max', x, window))).toEqual(['max f32'])
    expect(typesOf(b.reduceWindow('min', relu(x), window))).toEqual(['min f32'])
    // Some windows have no element: -∞.
    expect(typesOf(b.reduceWindow('max', relu(x), windows['more padding than window']!))).toEqual(['max f32'])
  })
})

describe('a float without a sign', () => {
  const of = (body: Parameters<typeof b.map>[1], ...operands: Value[]): Value => b.map(operands, body)
  it.each<[string, Value]>([
    ['relu', relu(x)],
    ['relu6', of((e) => f.clamp(e!, 0, 6), x)],
    ['sigmoid', of((e) => f.sigmoid(e!), x)],
    ['square', of((e) => f.square(e!), x)],
    ['sum of two', of((p, q) => f.add(p!, q!), relu(x), b.transpose(relu(x), [0, 1, 2, 3]))],
    ['concatenation', b.concatenate([relu(x), b.unary('abs', x)], 3)],
    ['greatest of windows', b.reduceWindow('max', relu(x), windows['2 × 2']!)],
    ['unsigned integer', b.convert(inputOf('n', 'u8', [4]), 'f32')],
  ])('is seen: %s', (_, value) => {
    expect(isNonNegative(value)).toBe(true)
  })

  it.each<[string, Value]>([
    ['any input', x],
    ['relu from -0 on', of((e) => f.max(e!, -0), x)],
    ['negated relu', b.unary('neg', relu(x))],
    ['difference', of((p, q) => f.sub(p!, q!), relu(x), b.unary('abs', x))],
    [
      'greatest of windows, some of which are empty',
      b.reduceWindow('max', relu(x), windows['more padding than window']!),
    ],
    ['least of relu and any', of((e, any) => f.min(f.max(e!, 0), any!), x, x)],
    ['signed integer', b.convert(inputOf('n', 'i8', [4]), 'f32')],
  ])('is not taken for one: %s', (_, value) => {
    expect(isNonNegative(value)).toBe(false)
  })
})
