import { extname } from 'node:path'
import { readFile, readNpy, readNpz, writeNpy, writeNpz } from '../data/index.ts'
import { decodeTensor, fail, type Tensor } from '../index.ts'

/** The tensor in a `.npy` or `.pb` file. A501 for another kind of file, A1xx or A502 where it cannot be read. */
export function readTensor(path: string): Tensor {
  const kind = extname(path)
  if (kind === '.npy') return readNpy(readFile(path), `"${path}"`)
  if (kind === '.pb') return decodeTensor(readFile(path)).tensor
  fail('A501', `"${path}" is neither .npy nor .pb`)
}

/** The arrays in an `.npz` file. */
export function readArrays(path: string): Record<string, Tensor> {
  if (extname(path) !== '.npz') fail('A501', `"${path}" is not .npz`)
  return readNpz(readFile(path), `"${path}"`)
}

/** The file for tensors that `path` asks for: an `.npz` archive, or for one tensor an `.npy` file. */
export function encodeTensors(path: string, tensors: Readonly<Record<string, Tensor>>): Uint8Array {
  const values = Object.values(tensors)
  if (extname(path) === '.npz') return writeNpz(tensors)
  if (extname(path) !== '.npy') fail('A501', `"${path}" is neither .npz nor .npy`)
  return values.length === 1
    ? writeNpy(values[0]!)
    : fail('A501', `${values.length} outputs do not go into one .npy file: name an .npz`)
}
