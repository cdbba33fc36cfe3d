import { describe, expect, it } from 'vitest'
import { evaluate } from '../../../compiler/core/evaluate.ts'
import { tensorOf, toNumbers } from '../../../compiler/core/tensor.ts'
import { importModel } from '../../../compiler/onnx/import.ts'
import { scriptOf } from '../../support/script-of.ts'
import { model, node } from '../build.ts'

const opset = { opsetImport: [{ version: 20 }] }
const decoder = (format?: string) =>
  node('y = ImageDecoder(x)', format === undefined ? {} : { attributes: { pixel_format: format } })
const bytes = (format?: string) => model({ inputs: ['x u8[N]'], outputs: ['y'], nodes: [decoder(format)] }, opset)
const shapes = { x: [1, 2, 3] }
const pixels = [255, 0, 0, 10, 20, 30]

const decoded = (format?: string): number[] => {
  const { graph, names } = importModel(bytes(format), { shapes })
  expect(names.inputs['x']).toEqual({ encoded: true })
  return toNumbers(evaluate(graph, { x: tensorOf('u8', [1, 2, 3], pixels) })['y']!)
}

describe('ImageDecoder', () => {
  it('takes pixels that the caller decoded, in either order or as grays', () => {
    expect(decoded()).toEqual(pixels)
    expect(decoded('BGR')).toEqual([0, 0, 255, 30, 20, 10])
    expect(decoded('Grayscale')).toEqual([76, 18])
    expect(() => decoded('CMYK')).toThrow('A205')
  })

  it('needs the size of pictures, and an input that nothing else reads', () => {
    expect(() => importModel(bytes())).toThrow('A105')
    const both = model({ inputs: ['x u8[6]'], outputs: ['y', 'z'], nodes: [decoder(), 'z = Shape(x)'] }, opset)
    expect(() => importModel(both)).toThrow('that only it reads')
  })

  it('has a script that decodes in pages', async () => {
    const { types, script } = await scriptOf(bytes(), { shapes })
    expect(script).toContain('encoded(attar(')
    expect(types).toContain('decode(file: Blob | BufferSource, input?: string): Promise<Uint8Array>')
  })
})
