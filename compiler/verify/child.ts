/** The main module of a child process that runs modules for its parent: `childInstance` in child-instance.ts. */
import type { ModuleSpec, Tensor } from '../index.ts'
import { localInstance } from './instance.ts'

export type Request =
  | { readonly kind: 'load'; readonly module: Uint8Array; readonly spec: ModuleSpec }
  | { readonly kind: 'run'; readonly inputs: Readonly<Record<string, Tensor>> }

export type Reply =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'outputs'; readonly outputs: Record<string, Tensor> }
  | { readonly kind: 'failed'; readonly message: string }

const instance = localInstance()

async function answer(request: Request): Promise<Reply> {
  if (request.kind === 'run') return { kind: 'outputs', outputs: await instance.run(request.inputs) }
  await instance.load(request.module, request.spec)
  return { kind: 'loaded' }
}

process.on('message', (request: Request) => {
  const failed = (error: unknown): Reply => ({ kind: 'failed', message: String(error) })
  void answer(request)
    .catch(failed)
    .then((reply) => process.send!(reply))
})
