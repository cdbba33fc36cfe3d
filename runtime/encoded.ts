/** What scripts have beside the runtime whose models decode files of pictures themselves: pages decode them. */
import type { Model, Port, Source, Spec } from './index.ts'

interface EncodedSpec extends Spec {
  readonly inputs: readonly (Port & { readonly encoded?: boolean })[]
}

export interface DecodingModel extends Model {
  /** The pixels of a file of a picture, as the input takes them. */
  decode(file: Blob | BufferSource, input?: string): Promise<Uint8Array>
}

interface Exports {
  instantiate(source?: WebAssembly.Module | BufferSource): Model
  load(source?: Source | PromiseLike<Source>): Promise<Model>
}

/** What the script exports, with models that decode files of pictures. */
export function withEncoded<T extends Exports>(exports: T, spec: EncodedSpec) {
  const ports = spec.inputs.filter(({ encoded }) => encoded)

  async function decode(file: Blob | BufferSource, input = ports[0]!.name): Promise<Uint8Array> {
    const port = ports.find(({ name }) => name === input)
    if (!port)
      throw new TypeError(
        `attar: no input "${input}" takes a picture, only "${ports.map(({ name }) => name).join('", "')}"`,
      )
    const [height, width] = port.shape as [number, number, number]
    const blob = file instanceof Blob ? file : new Blob([file])
    const bitmap = await createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' })
    if (bitmap.width !== width || bitmap.height !== height)
      throw new TypeError(
        `attar: input "${input}" takes a picture of ${width} × ${height} pixels, got ${bitmap.width} × ${bitmap.height}`,
      )
    const context = new OffscreenCanvas(width, height).getContext('2d')!
    context.drawImage(bitmap, 0, 0)
    const { data } = context.getImageData(0, 0, width, height)
    return Uint8Array.from({ length: width * height * 3 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)]!)
  }

  return {
    ...exports,
    instantiate: (source?: WebAssembly.Module | BufferSource) => ({ ...exports.instantiate(source), decode }),
    load: async (source?: Source | PromiseLike<Source>) => ({ ...(await exports.load(source)), decode }),
  }
}
