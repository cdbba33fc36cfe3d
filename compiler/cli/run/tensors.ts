import { extname } from 'node:path'
import {
  isLiteral,
  parseLiteral,
  readFile,
  readNpy,
  writeNpy,
  writeNpyStrings,
  writeNpz,
  type LiteralType,
  type StringArray,
} from '../../data/index.ts'
import { decodeTensor, fail, type Tensor } from '../../index.ts'

/**
 * The value of input `name`: of a `.npy` or `.pb` file, by its ending alone, or the numbers themselves, in the input's type.
 * A501 for another kind of file, with `hint`, or numbers that do not go into the input, A1xx or A502 where a file cannot be read.
 */
export function readTensor(value: string, type: () => LiteralType, name: string, hint?: string): Tensor {
  const kind = extname(value)
  if (kind === '.npy') return readNpy(readFile(value), `"${value}"`)
  if (kind === '.pb') return decodeTensor(readFile(value)).tensor
  if (isLiteral(value)) return parseLiteral(value, type(), `the value of input "${name}"`)
  fail(
    'A501',
    `"${value}" is neither .npy nor .pb, nor a number or a list of numbers`,
    hint === undefined ? {} : { hint },
  )
}

/** The file for tensors that `path` asks for: an `.npz` archive, or for one tensor an `.npy` file. */
export function encodeTensors(path: string, tensors: Readonly<Record<string, Tensor | StringArray>>): Uint8Array {
  const values = Object.values(tensors)
  if (extname(path) === '.npz') return writeNpz(tensors)
  if (extname(path) !== '.npy') fail('A501', `"${path}" is neither .npz nor .npy`)
  const [only] = values
  return values.length === 1
    ? 'strings' in only!
      ? writeNpyStrings(only)
      : writeNpy(only!)
    : fail('A501', `${values.length} outputs do not go into one .npy file: name an .npz`)
}
