import { expect } from 'vitest'
import { compile } from '../../compiler/index.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { childInstance, findCurrentNode } from '../../compiler/verify/child-instance.ts'
import { localInstance, openReference } from '../../compiler/verify/index.ts'
import type { Instance } from '../../compiler/verify/instance.ts'
import { Random } from '../support/random.ts'
import { model, type GraphText } from './build.ts'

export type Bounds = Readonly<Record<string, readonly (readonly [number, number])[]>>

/** A model that may have operators of onnxruntime's own. */
export const modelOf = (text: GraphText): Uint8Array =>
  model(text, {
    opsetImport: [
      { domain: '', version: 17 },
      { domain: 'com.microsoft', version: 1 },
    ],
  })

/** Runs models in both modules, beside onnxruntime. */
export class RunTimeLengths {
  private readonly random = new Random(11)
  private readonly node26 = findCurrentNode()
  private readonly child = this.node26 && childInstance(this.node26)

  readonly floats = (...shape: number[]): Tensor =>
    tensorOf(
      'f32',
      shape,
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => this.random.float()),
    )

  /** Runs the model's baseline here, and the relaxed module in the Node that has relaxed SIMD. */
  async runs(text: GraphText, bounds: Bounds, sets: readonly Readonly<Record<string, Tensor>>[]): Promise<void> {
    const bytes = modelOf(text)
    const { modules, spec } = await compile(bytes, { bounds })
    const reference = await openReference(bytes, () => new Uint8Array(0))
    const instances: [Instance, Uint8Array][] = [[localInstance(), modules.simd!]]
    if (this.child) instances.push([this.child, modules['relaxed-simd']!])
    for (const [instance, module] of instances) await instance.load(module, spec)
    for (const inputs of sets) {
      const expected = await reference.run(inputs)
      for (const [instance] of instances) {
        const found = await instance.run(inputs)
        for (const name of text.outputs) {
          expect(found[name]!.shape, name).toEqual(expected[name]!.shape)
          const [own, other] = [toNumbers(found[name]!), toNumbers(expected[name]!)]
          own.forEach((x, i) => expect(x).toBeCloseTo(other[i]!, 4))
        }
      }
    }
    await reference.close()
  }

  /** The message of the error that a run ends in. */
  async refusal(text: GraphText, bounds: Bounds, inputs: Readonly<Record<string, Tensor>>): Promise<string> {
    const { modules, spec } = await compile(modelOf(text), { bounds, targets: ['simd'] })
    const instance = localInstance()
    await instance.load(modules.simd!, spec)
    return instance.run(inputs).then(
      () => 'ran',
      (error: Error) => error.message,
    )
  }

  close(): void {
    this.child?.close()
  }
}
