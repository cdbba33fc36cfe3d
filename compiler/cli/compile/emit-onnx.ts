import { realpathSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import type { ImportOptions, Imported } from '../../index.ts'

/** The file itself where links lead to it. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return resolve(path)
  }
}

/**
 * Makes and writes the ONNX file of --emit-onnx; what keeps it from being written is found out first. A501 where it is no file for a
 * model, or the one that is compiled; A502 where nothing can be written there.
 */
export async function onnxFile(file: string, model: string) {
  const { checkWritable, writeFiles } = await import('../../data/files.ts')
  const { fail, importModel, writeModel } = await import('../../index.ts')
  const [folder, name] = [dirname(file), basename(file)]
  if (!name.endsWith('.onnx'))
    fail('A501', `--emit-onnx "${file}" is not called .onnx`, { hint: `--emit-onnx ${file}.onnx` })
  if (realPath(file) === realPath(model))
    fail('A501', `--emit-onnx "${file}" is the model itself`, { hint: 'give the file another name' })
  checkWritable(folder, [name])
  return {
    /** The bytes of what is compiled. A402 with everything that ONNX has no form for. */
    encode: (source: Uint8Array | Imported, options: ImportOptions): Promise<Uint8Array> => {
      const imported: Imported = source instanceof Uint8Array ? importModel(source, options) : source
      const { graph, metadata, names, tensorNames } = imported
      return writeModel(graph, { metadata, ...(names && { ports: names }), ...(tensorNames && { names: tensorNames }) })
    },
    write: (bytes: Uint8Array): void => writeFiles(folder, { [name]: bytes }),
  }
}
