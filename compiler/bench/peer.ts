import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { decodeModel, fail, type DType, type Tensor } from '../index.ts'
import { readerBeside, readFile } from '../data/index.ts'
import { sizesOf, type Sizes } from './sizes.ts'
import type { PeerFiles } from './task.ts'

export type PeerName = 'onnxruntime-web'

/** A peer and the model it runs. */
export interface Peer {
  readonly name: PeerName
  readonly files: PeerFiles
  /** Paths of those files. */
  readonly paths: Readonly<Record<string, string>>
  /** Inputs of the model that are constants in attar's module. */
  readonly bound: Readonly<Record<string, Tensor>>
  /** What a user downloads: all of the files. */
  bytes(): Promise<Sizes>
}

/** Element types as onnxruntime-web names them, where it takes them. */
export const typeNames: Readonly<Partial<Record<DType, string>>> = {
  bool: 'bool',
  i8: 'int8',
  i16: 'int16',
  i32: 'int32',
  i64: 'int64',
  u8: 'uint8',
  u16: 'uint16',
  u32: 'uint32',
  u64: 'uint64',
  f16: 'float16',
  f32: 'float32',
  f64: 'float64',
}

const script = 'ort.wasm.min.mjs'
const loader = 'ort-wasm-simd-threaded.mjs'
const wasm = 'ort-wasm-simd-threaded.wasm'

/**
 * onnxruntime-web, which must be installed, on the ONNX model at a path. A501 where the package is missing, A1xx or A502
 * where the model can't be read.
 */
export function onnxruntimeWeb(path: string, bound: Readonly<Record<string, Tensor>>): Peer {
  const require = createRequire(import.meta.url)
  const name = 'onnxruntime-web'
  const dist = require.resolve.paths(name)?.map((folder) => join(folder, name, 'dist'))
  const folder = dist?.find((candidate) => existsSync(join(candidate, wasm)))
  if (!folder) fail('A501', `${name} is not installed`, { hint: `npm install --save-dev ${name}` })
  const external = externalFiles(path)
  const names = Object.fromEntries(external.map((file, i) => [file, `external${i}`]))
  const paths = {
    ...Object.fromEntries([script, loader, wasm].map((file) => [file, join(folder, file)])),
    'model.onnx': resolve(path),
    ...Object.fromEntries(external.map((file) => [names[file]!, resolve(dirname(path), file)])),
  }
  let sizes: Promise<Sizes> | undefined
  return {
    name,
    files: { script, loader, wasm, model: 'model.onnx', external: names },
    paths,
    bound,
    bytes: () => (sizes ??= sizesOf(Object.values(paths))),
  }
}

/** Names of the files beside the model that hold tensors of it: what decoding them reads. */
function externalFiles(path: string): string[] {
  const read = readerBeside(path)
  const names = new Set<string>()
  const { graph } = decodeModel(readFile(path), (name) => {
    names.add(name)
    return read(name)
  })
  for (const tensor of graph.initializers.values()) tensor()
  return [...names]
}
