import { expect } from 'vitest'
import { tensorOf, toNumbers, type Tensor } from '../../../../compiler/core/tensor.ts'
import type { AttributeValue } from '../../build.ts'
import { runNode } from '../../one-node.ts'

export const f32 = (shape: number[], values: readonly number[]): Tensor => tensorOf('f32', shape, values)

export interface Case {
  readonly attributes?: Readonly<Record<string, AttributeValue>>
  readonly outputs?: number
  readonly opset?: number
}

export const run = (operator: string, inputs: readonly Tensor[], rest: Case = {}): Tensor[] =>
  runNode({ operator, domain: 'ai.onnx.ml', opset: 3, inputs, ...rest })

export const floats = (...values: number[]): AttributeValue => ({ floats: values })
export const strings = (...values: string[]): AttributeValue => ({ strings: values })
export const close = (t: Tensor, values: readonly number[]): void => {
  expect(t.data.length).toBe(values.length)
  toNumbers(t).forEach((v, i) => expect(v).toBeCloseTo(values[i]!, 5))
}
export const logistic = (x: number): number => 1 / (1 + Math.exp(-x))
