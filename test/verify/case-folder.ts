import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import onnxProto from 'onnx-proto'
import type { Tensor } from '../../compiler/core/tensor.ts'
import { stored } from '../onnx/build.ts'

const { onnx } = onnxProto

export interface DataSet {
  readonly inputs: readonly Tensor[]
  readonly outputs: readonly Tensor[]
}

/** Writes a case as ONNX lays it out. */
export function writeCase(folder: string, model: Uint8Array, sets: readonly DataSet[], meta?: object): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'model.onnx'), model)
  if (meta) writeFileSync(join(folder, 'meta.json'), JSON.stringify(meta))
  sets.forEach(({ inputs, outputs }, n) => {
    const set = join(folder, `test_data_set_${n}`)
    mkdirSync(set)
    const write = (kind: string) => (t: Tensor, i: number) =>
      writeFileSync(join(set, `${kind}_${i}.pb`), onnx.TensorProto.encode(stored('', t)).finish())
    inputs.forEach(write('input'))
    outputs.forEach(write('output'))
  })
}
