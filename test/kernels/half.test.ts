import { describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { DType } from '../../compiler/core/scalar/dtype.ts'
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from '../../compiler/core/scalar/half.ts'
import { tensorOf, type Tensor } from '../../compiler/core/tensor.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { graphOf, inputOf, runModule } from '../support/run-graph.ts'

const formats = {
  f16: { narrow: toHalf, widen: fromHalf },
  bf16: { narrow: toBfloat16, widen: fromBfloat16 },
} as const

/** What a module makes of elements by one conversion: `odd` elements more than vectors have go through scalar code. */
async function converted(x: Tensor, to: DType): Promise<Tensor> {
  const b = new Builder(undefined)
  const input = inputOf('x', x.dtype, x.shape)
  const { modules, spec } = await compileGraph(graphOf([input], [b.convert(input, to)]), { targets: ['simd'] })
  return runModule(modules.simd!, spec, { x })['y0']!
}

const all = Uint16Array.from({ length: 65536 }, (_, i) => i)

const float = new Float32Array(1)
const bits = new Uint32Array(float.buffer)
const floatOf = (pattern: number): number => {
  bits[0] = pattern
  return float[0]!
}

/** The f32 on both sides of every number of the format, and of the middle between it and the next, which are themselves among them. */
function boundaries(widen: (bits: number) => number): Float32Array {
  const values: number[] = []
  for (let i = 0; i < 65536; i++) {
    const [value, next] = [widen(i), widen(i + 1)]
    if (!Number.isFinite(value)) continue
    // Beyond the greatest, the middle is that to the number that would come next.
    const middle = Number.isFinite(next) ? (value + next) / 2 : value + (value - widen(i - 1)) / 2
    for (const at of [value, middle]) {
      float[0] = at
      const pattern = bits[0]!
      values.push(floatOf(pattern - 1), floatOf(pattern), floatOf(pattern + 1))
    }
  }
  values.push(0, -0, Infinity, -Infinity, NaN, floatOf(1), floatOf(0x80000001), floatOf(0x7f7fffff))
  return Float32Array.from(values)
}

describe.each(['f16', 'bf16'] as const)('%s', (dtype) => {
  const { narrow, widen } = formats[dtype]

  it.each([0, 3])('reads all 65,536, by vectors and with %i elements by scalars', async (odd) => {
    const data = Uint16Array.from([...all, ...all.subarray(1000, 1000 + odd)])
    const { data: found } = await converted({ dtype, shape: [data.length], data }, 'f32')
    const wrong = data.findIndex((half, i) => !Object.is(Number(found[i]), widen(half)))
    expect(wrong < 0 ? 'none' : `${data[wrong]} is ${found[wrong]}, not ${widen(data[wrong]!)}`).toBe('none')
  })

  it('rounds half to even around every number, subnormal ones and overflow included', async () => {
    const data = boundaries(widen)
    const { data: found } = await converted({ dtype: 'f32', shape: [data.length], data }, dtype)
    const wrong = data.findIndex((x, i) => found[i] !== narrow(x))
    expect(wrong < 0 ? 'none' : `${data[wrong]} is ${found[wrong]}, not ${narrow(data[wrong]!)}`).toBe('none')
  })

  it('weights are stored in two bytes, and the same to the bit when the module runs', async () => {
    // All finite numbers of the format, as weights; a kernel of f32 reads them.
    const values = [...all].map(widen).filter((v) => Number.isFinite(v))
    const shape = [values.length]
    const b = new Builder(undefined)
    const x = inputOf('x', 'f32', shape)
    const graph = (weights: readonly number[]) =>
      graphOf([x], [b.binary('mul', x, b.constant(tensorOf('f32', shape, weights)))])
    const { modules, spec, report } = await compileGraph(graph(values))
    const plain = await compileGraph(graph(values.map((v, i) => (i === 1 ? 1 + 2 ** -20 : v))))
    const saved = plain.modules.simd!.length - modules.simd!.length
    expect(saved).toBeGreaterThan(2 * values.length - 1000)
    expect(report.kernels.map(({ weights }) => weights)).toEqual([values.length * 2])
    const one = tensorOf(
      'f32',
      shape,
      values.map(() => 1),
    )
    for (const wasm of [modules.simd!, ...(process.versions.node >= '26' ? [modules['relaxed-simd']!] : [])]) {
      const { data } = runModule(wasm, spec, { x: one })['y0']!
      expect(values.findIndex((v, i) => !Object.is(v, Number(data[i])))).toBe(-1)
    }
  })
})
