/** The main module of a child process that runs modules for its parent: `childInstance` in child-instance.ts. */
import type { ModuleSpec, Tensor } from '../index.ts'
import { localInstance, type Texts } from './instance.ts'

export type Request =
  | { readonly kind: 'load'; readonly module: Uint8Array; readonly spec: ModuleSpec }
  | { readonly kind: 'begin'; readonly values: Readonly<Record<string, Tensor>> | undefined }
  | { readonly kind: 'run'; readonly inputs: Readonly<Record<string, Tensor>>; readonly strings: Texts }

export type Reply =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'tensors'; readonly tensors: Record<string, Tensor>; readonly texts: Texts }
  | { readonly kind: 'failed'; readonly message: string }

const instance = localInstance()

async function answer(request: Request): Promise<Reply> {
  if (request.kind === 'run') {
    const tensors = await instance.run(request.inputs, request.strings)
    return { kind: 'tensors', tensors, texts: instance.texts() }
  }
  if (request.kind === 'begin') return { kind: 'tensors', tensors: await instance.begin(request.values), texts: {} }
  await instance.load(request.module, request.spec)
  return { kind: 'loaded' }
}

process.on('message', (request: Request) => {
  const failed = (error: unknown): Reply => ({ kind: 'failed', message: String(error) })
  void answer(request)
    .catch(failed)
    .then((reply) => process.send!(reply))
})
