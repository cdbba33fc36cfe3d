import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { compile } from '../../compiler/index.ts'
import type { Model } from '../../runtime/index.ts'
import { graph, model, node } from '../onnx/build.ts'
import { scriptOf } from '../support/script-of.ts'

type Values = Parameters<Model['run']>[0]

const opset = { opsetImport: [{ domain: '', version: 18 }] }

describe('sequences at the boundary', () => {
  const bytes = model(
    {
      inputs: ['x seq(f32[N])', 'y f32[2]'],
      outputs: ['z seq(f32)', 'n i64'],
      nodes: ['z = SequenceInsert(x, y)', 'n = SequenceLength(z)'],
    },
    opset,
  )

  it('are arrays of tensors, of the lengths that were given', async () => {
    const { model: own, types } = await scriptOf(bytes, { shapes: { 'x.0': [1], 'x.1': [3] } })
    const results = own.run({ x: [[7], new Float32Array([1, 2, 3])], y: [8, 9] } as unknown as Values)
    expect(results).toEqual({
      z: [new Float32Array([7]), new Float32Array([1, 2, 3]), new Float32Array([8, 9])],
      n: new BigInt64Array([3n]),
    })
    expect(inspect(results)).not.toContain('Getter')
    expect(own.outputs).toBe(results)
    const kept = own.run({ x: [[1], [2, 3, 4]], y: [5, 6] } as unknown as Values, { copy: true })
    own.run({ x: [[0], [0, 0, 0]], y: [0, 0] } as unknown as Values)
    expect(kept['z']).toEqual([new Float32Array([1]), new Float32Array([2, 3, 4]), new Float32Array([5, 6])])
    expect(types).toContain('readonly "z": readonly [Float32Array, Float32Array, Float32Array]')
    expect(types).toContain('/** sequence of 2: f32[1], f32[3] */')
  })

  it('refuse another number of tensors, and a tensor of another length', async () => {
    const { model: own } = await scriptOf(bytes, { shapes: { 'x.0': [1], 'x.1': [3] } })
    const run = (x: unknown) => () => own.run({ x, y: [8, 9] } as unknown as Values)
    expect(run([[7]])).toThrow(new TypeError('attar: input "x" takes an array of 2 tensors'))
    expect(run(undefined)).toThrow('takes an array of 2 tensors')
    expect(run([[7], [1, 2]])).toThrow(TypeError)
  })

  it('may be empty, and need a length that is known', async () => {
    const { model: own } = await scriptOf(bytes, { shapes: { x: [0] } })
    expect(own.run({ x: [], y: [8, 9] } as unknown as Values)['z']).toEqual([new Float32Array([8, 9])])
    await expect(compile(bytes)).rejects.toThrow('the length of the sequence "x" is not bound')
    await expect(compile(bytes, { shapes: { x: [1e9] } })).rejects.toThrow('the limit is 4096')
  })
})

describe('optionals at the boundary', () => {
  const choice = node('y = If(has)', {
    attributes: {
      then_branch: { graph: graph({ outputs: ['v'], nodes: ['v = OptionalGetElement(x)'] }) },
      else_branch: { graph: graph({ outputs: ['w'], nodes: ['w = Neg(d)'] }) },
    },
  })
  const bytes = model(
    {
      inputs: ['x optional(f32[2])', 'd f32[2]'],
      outputs: ['y f32[2]', 'o optional(f32[2])', 'has bool'],
      nodes: ['has = OptionalHasElement(x)', choice, 'o = Identity(x)'],
    },
    opset,
  )

  it('may be left out of each run', async () => {
    const { model: own, types } = await scriptOf(bytes)
    const expected = (y: number[], o: number[] | undefined) => ({
      ...{ y: new Float32Array(y), has: new Uint8Array([o ? 1 : 0]), o: o && new Float32Array(o) },
    })
    for (let i = 0; i < 2; i++) {
      expect(own.run({ d: [1, 2] })).toEqual(expected([-1, -2], undefined))
      expect(own.run({ x: [3, 4], d: [1, 2] })).toEqual(expected([3, 4], [3, 4]))
      for (const x of [undefined, null])
        expect(own.run({ x, d: [1, 2] } as unknown as Values)).toEqual(expected([-1, -2], undefined))
    }
    expect(() => own.run({ x: [3, 4], d: null } as unknown as Values)).toThrow(TypeError)
    expect(() => own.run(null as unknown as Values)).toThrow(TypeError)
    expect(types).toMatch(/readonly "x"\?: .* \| null \| undefined/)
    expect(types).toContain('readonly "o"?: Float32Array | undefined')
  })

  it('of sequences may be, too; outputs lack a value where the branch that is taken has none', async () => {
    const { model: own } = await scriptOf(
      model(
        {
          inputs: ['s optional(seq(f32[2]))', 'c bool[]'],
          outputs: ['t optional(seq(f32[2]))'],
          nodes: [
            node('t = If(c)', {
              attributes: {
                then_branch: { graph: graph({ outputs: ['v'], nodes: ['v = Identity(s)'] }) },
                else_branch: { graph: graph({ outputs: ['w'], nodes: ['w = Optional()'] }) },
              },
            }),
          ],
        },
        opset,
      ),
      { shapes: { s: [1] } },
    )
    expect(own.run({ s: [[1, 2]], c: [true] } as unknown as Values)).toEqual({ t: [new Float32Array([1, 2])] })
    expect(own.run({ s: [[1, 2]], c: [false] } as unknown as Values)).toEqual({ t: undefined })
    expect(own.run({ c: [true] })).toEqual({ t: undefined })
  })

  it('cost models without them nothing', async () => {
    const plain = await scriptOf(model({ inputs: ['x f32[2]'], outputs: ['y'], nodes: ['y = Neg(x)'] }))
    expect(plain.script).not.toContain('structures')
    const { script } = await scriptOf(bytes)
    expect(script).toContain('structures(attar(')
  })
})
