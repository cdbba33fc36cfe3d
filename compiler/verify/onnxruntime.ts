import type { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-web/wasm'
import type { Labels } from './engine.ts'
import {
  decodeModel,
  missingPackage,
  reasonOf,
  toNumbers,
  type CompileOptions,
  type DType,
  type Tensor,
} from '../index.ts'
import { notBound, referenceCannotLoad, referenceCannotRun, referenceLacksType, unknownType } from './errors.ts'

/** Types at the boundary of onnxruntime-web. */
export const ortTypes: Readonly<Partial<Record<DType, OrtTensor.Type>>> = {
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

/** onnxruntime-web on a model: outputs by name from inputs by name, none of which may be missing. */
export interface Reference {
  readonly inputs: readonly string[]
  run(inputs: Readonly<Record<string, Tensor>>): Promise<Record<string, Tensor>>
  close(): Promise<void>
}

/**
 * A session of onnxruntime-web (WebAssembly, one thread, without its optimizations), which is loaded here. Strings come as i32
 * places in the lists that `labels` has for them. A503 where the
 * package is not installed, A507 where it cannot run the model.
 */
export async function openReference(
  model: Uint8Array,
  readExternal: NonNullable<CompileOptions['readExternal']>,
  labels: { readonly inputs: Labels; readonly outputs: Labels } = { inputs: new Map(), outputs: new Map() },
): Promise<Reference> {
  const ort = await import('onnxruntime-web/wasm').catch(() =>
    missingPackage('the reference, onnxruntime-web,', 'onnxruntime-web'),
  )
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'fatal'
  let session: InferenceSession
  try {
    session = await ort.InferenceSession.create(new Uint8Array(model), {
      executionProviders: ['wasm'],
      graphOptimizationLevel: 'disabled',
      externalData: externalFiles(model, readExternal),
    })
  } catch (error) {
    referenceCannotLoad(failureOf(error))
  }
  return {
    inputs: session.inputNames,
    run: async (inputs) => {
      const feeds = session.inputNames.map((name) => {
        const t = Object.hasOwn(inputs, name) ? inputs[name] : undefined
        if (!t) notBound(name)
        const list = labels.inputs.get(name)
        if (list)
          return [
            name,
            new ort.Tensor(
              'string',
              toNumbers(t).map((i) => list[i] ?? ''),
              t.shape,
            ),
          ] as const
        const type = ortTypes[t.dtype]
        if (!type) referenceLacksType(name, t.dtype)
        return [name, new ort.Tensor(type, t.data as OrtTensor['data'] & Float32Array, t.shape)] as const
      })
      const results = await session
        .run(Object.fromEntries(feeds))
        .catch((error: unknown) => referenceCannotRun(failureOf(error)))
      return Object.fromEntries(
        Object.entries(results).map(([name, t]) => [name, fromOrt(name, t, labels.outputs.get(name))] as const),
      )
    },
    close: () => session.release(),
  }
}

/** What onnxruntime found, without its codes and places in its sources. */
function failureOf(error: unknown): string {
  const [line = ''] = reasonOf(error)
    .replace(/^[^]*ERROR_MESSAGE: */, '')
    .split('\n')
  return line.replace(/^(Load model .*? failed:)?\/\S+\.(cc|h):\d+ .*?\)( const)? /, '')
}

function fromOrt(name: string, { type, dims, data }: OrtTensor, labels: readonly string[] | undefined): Tensor {
  if (labels && Array.isArray(data)) {
    return { dtype: 'i32', shape: dims, data: Int32Array.from(data, (text) => labels.indexOf(text)) }
  }
  const dtype = Object.entries(ortTypes).find(([, t]) => t === type)?.[0] as DType | undefined
  if (!dtype || Array.isArray(data)) unknownType(`output "${name}"`, type)
  // Where the engine has Float16Array, that is what float16 comes as.
  const bits = dtype === 'f16' ? new Uint16Array(data.buffer, data.byteOffset, data.length) : data
  return { dtype, shape: dims, data: bits as Tensor['data'] }
}

/** The files that hold tensors of the model: what decoding them reads. */
export function externalFiles(
  model: Uint8Array,
  read: (name: string) => Uint8Array,
): { path: string; data: Uint8Array }[] {
  const files = new Map<string, Uint8Array>()
  const record = (name: string): Uint8Array => {
    const data = read(name)
    files.set(name, data)
    return data
  }
  for (const tensor of decodeModel(model, record).graph.initializers.values()) tensor()
  return [...files].map(([path, data]) => ({ path, data }))
}
