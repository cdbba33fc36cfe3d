import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { compile, instantiate } from '../../compiler/index.ts'
import { model as onnx } from '../onnx/build.ts'
import { shippedSignatures } from '../support/shipped.ts'

const sum = onnx({
  inputs: ['x f32[n]', 'k f32[1]'],
  outputs: ['y f32[n]', 'z f32[n]'],
  nodes: ['y = Add(x, k)', 'z = Mul(x, k)'],
})
const signatures = [{ dims: { n: 2 } }, { dims: { n: 3 } }]
const { modules, spec } = await compile(sum, { targets: ['simd'], signatures })
const wasm = modules.simd as BufferSource
const k = [10]

describe.each(Object.entries({ library: instantiate, shipped: shippedSignatures.plain }))(
  'a model of several shapes, by the %s runtime',
  (_, bind) => {
    it('runs at the shape that the lengths fit', () => {
      const model = bind(wasm, spec)
      expect({ ...model.run({ x: [1, 2], k }) }).toEqual({ y: Float32Array.of(11, 12), z: Float32Array.of(10, 20) })
      expect({ ...model.run({ k, x: Float32Array.of(1, 2, 3) }) }).toEqual({
        y: Float32Array.of(11, 12, 13),
        z: Float32Array.of(10, 20, 30),
      })
      expect({ ...model.run({ x: [5, 6], k }, { copy: true }) }['y']).toEqual(Float32Array.of(15, 16))
    })

    it('says which lengths there are where none fits', () => {
      const model = bind(wasm, spec)
      const lengths = 'only k of 1, x of 2 or k of 1, x of 3'
      expect(() => model.run({ x: [1, 2, 3, 4], k })).toThrow(`attar: no shape takes k of 1, x of 4, ${lengths}`)
      expect(() => model.run({ x: [1, 2] })).toThrow(`no shape takes x of 2, ${lengths}`)
      expect(() => model.run({ x: [1, 2], k, q: [1] })).toThrow(`no shape takes k of 1, q of 1, x of 2, ${lengths}`)
      expect(() => model.run()).toThrow(`no shape takes no inputs, ${lengths}`)
      expect(() => model.run({ x: undefined as unknown as number[], k })).toThrow(TypeError)
      expect(() => model.run({ x: null as unknown as number[], k })).toThrow(TypeError)
      expect(() => model.run({ x: new Float64Array(2), k })).toThrow('takes a Float32Array of 2, got Float64Array of 2')
      expect(() => model.run({ x: [1, 'a'] as unknown as number[], k })).toThrow('takes no a')
    })

    it('has the inputs and outputs of each shape, and those of the last', () => {
      const model = bind(wasm, spec)
      const [two, three] = model.signatures!
      expect(model.signatures).toHaveLength(2)
      expect(model.inputs).toBe(two!.inputs)
      three!.inputs['x']!.set([1, 2, 3] as never)
      three!.inputs['k']!.set(k as never)
      expect(three!.run()['y']).toEqual(Float32Array.of(11, 12, 13))
      expect(model.inputs).toBe(three!.inputs)
      expect(model.outputs['z']).toEqual(Float32Array.of(10, 20, 30))
      two!.inputs['x']!.set([4, 5] as never)
      expect(model.run({ x: two!.inputs['x']!, k })['y']).toEqual(Float32Array.of(14, 15))
      expect(inspect(model)).not.toContain('Getter')
      expect(() => two!.run({ x: [1, 2, 3], k })).toThrow('takes a Float32Array of 2, got array of 3')
    })

    it('takes outputs of one shape as inputs of another, and is not run within a run', () => {
      const model = bind(wasm, spec)
      const { y, z } = model.run({ x: [1, 2, 3], k })
      expect(model.run({ x: (y as Float32Array).subarray(1), k: (z as Float32Array).subarray(0, 1) })['y']).toEqual(
        Float32Array.of(22, 23),
      )
      const within = {
        k,
        get x() {
          model.run({ x: [1, 2], k })
          return [1, 2, 3]
        },
      }
      expect(() => model.run(within)).toThrow('run within run')
      const proxy = new Proxy([1, 2, 3], {
        get: (list, key) => {
          if (key === '1') model.signatures![0]!.run({ x: [1, 2], k })
          return list[key as unknown as number]
        },
      })
      expect(() => model.run({ x: proxy, k })).toThrow('run within run')
    })
  },
)

describe.each(Object.entries({ library: instantiate, shipped: shippedSignatures.stateful }))(
  'states of a model of several shapes, by the %s runtime',
  async (_, bind) => {
    const sums = onnx({
      inputs: ['x f32[n]', 'h f32[1]'],
      outputs: ['y f32[n]', 'hn f32[1]'],
      nodes: ['s = ReduceMax(x)', 'hn = Add(s, h)', 'y = Add(x, h)'],
    })
    const { modules, spec } = await compile(sums, { targets: ['simd'], signatures, state: { h: 'hn' } })

    it('are the same for all shapes, written by assignment, and start anew by reset', () => {
      const model = bind(modules.simd as BufferSource, spec)
      expect(model.run({ x: [1, 2] })['y']).toEqual(Float32Array.of(1, 2))
      expect(model.run({ x: [1, 2, 3] })['y']).toEqual(Float32Array.of(3, 4, 5))
      expect(model.state['h']).toEqual(Float32Array.of(5))
      model.state['h'] = [7] as never
      expect(model.signatures![1]!.run({ x: [0, 0, 0] })['y']).toEqual(Float32Array.of(7, 7, 7))
      model.reset()
      expect(model.run({ x: [1, 1] })['y']).toEqual(Float32Array.of(1, 1))
    })
  },
)
