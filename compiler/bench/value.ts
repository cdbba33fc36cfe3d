import { bytesOf, type Tensor } from '../index.ts'
import { ortTypes } from '../verify/onnxruntime.ts'
import type { Value } from './task.ts'

/** A tensor for the task. onnxruntime-web has no name for bf16 and refuses it. */
export const toValue = ([name, tensor]: [string, Tensor]): Value => ({
  name,
  array: tensor.data[Symbol.toStringTag],
  base64: Buffer.from(bytesOf(tensor)).toString('base64'),
  type: ortTypes[tensor.dtype] ?? tensor.dtype,
  shape: tensor.shape,
})
