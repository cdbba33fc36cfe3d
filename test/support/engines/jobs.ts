import { expect } from 'vitest'
import type { Compiled, Target } from '../../../compiler/core/artefact/artefact.ts'
import { byteSize } from '../../../compiler/core/scalar/dtype.ts'
import { elementCount } from '../../../compiler/core/shape.ts'
import { bytesOf, type Tensor } from '../../../compiler/core/tensor.ts'
import type { Job } from './run-over.ts'

/** Memory that is zeroed, that is full of NaN and of the largest bytes, and that is full of anything. */
export const fills: Job['fills'] = [{ byte: 0 }, { byte: 0xff }, { seed: 1 }]

/** A run of one of the modules over each of the fills. */
export function jobOf(
  { modules, spec, report }: Compiled,
  target: Target,
  inputs: Readonly<Record<string, Tensor>>,
): Job {
  return {
    module: modules[target]!,
    inputs: spec.inputs.map(({ name, address }) => ({ address, bytes: bytesOf(inputs[name]!) })),
    outputs: spec.outputs.map(({ dtype, shape, address }) => ({
      address,
      length: elementCount(shape) * byteSize(dtype),
    })),
    arena: report.weights + (report.prepared ?? 0),
    fills,
  }
}

/** Expects the same bytes of every output over every fill. */
export function expectSameBytes(actual: readonly Uint8Array[][], expected: readonly Uint8Array[], where: string): void {
  actual.forEach((outputs, fill) =>
    outputs.forEach((output, o) => {
      if (Buffer.compare(output, expected[o]!) === 0) return
      const differing = output.filter((byte, i) => byte !== expected[o]![i]).length
      const first = output.findIndex((byte, i) => byte !== expected[o]![i])
      expect.fail(
        `${where}, memory ${JSON.stringify(fills[fill])}: output ${o} differs in ${differing} of ${output.length} bytes from ${first} on`,
      )
    }),
  )
}
