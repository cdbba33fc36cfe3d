import type { DType } from '../../compiler/core/scalar/dtype.ts'
import type { Value } from '../../compiler/core/graph.ts'
import type { ReduceKind } from '../../compiler/core/ops/reductions/reduce.ts'
import type { Tensor } from '../../compiler/core/tensor.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { Random } from '../support/random.ts'
import { graphOf, inputOf } from '../support/run-graph.ts'
import { expectWritten } from './judge.ts'

export const integers = ['i8', 'u8', 'i16', 'u16', 'i32', 'u32', 'i64', 'u64'] as const
export const types = ['f32', 'f64', 'bool', ...integers] as const

/** Expects of `make`'s results what the evaluator gives; its operands are inputs, and once more constants where those are weights. */
export async function expectOp(
  operands: readonly (readonly [DType, readonly number[]] | Tensor)[],
  make: (...values: Value[]) => Value | readonly Value[],
  seed = 1,
): Promise<Uint8Array> {
  const random = new Random(seed)
  const tensors = operands.map((o) => ('data' in o ? o : smallTensor(random, o[0], o[1])))
  const inputs = tensors.map((t, i) => inputOf(`x${i}`, t.dtype, t.shape))
  const given = Object.fromEntries(tensors.map((t, i) => [`x${i}`, t]))
  return expectWritten(graphOf(inputs, [make(...inputs)].flat()), given)
}

export const kinds = (dtype: DType): ReduceKind[] =>
  dtype === 'bool'
    ? ['and', 'or', 'max', 'min']
    : dtype.startsWith('f')
      ? ['add', 'mul', 'max', 'min']
      : ['add', 'mul', 'max', 'min', 'and', 'or']
