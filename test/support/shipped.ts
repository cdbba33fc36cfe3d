import { runInThisContext } from 'node:vm'
import {
  runtimeSource,
  signaturesRuntimeSource,
  statefulRuntimeSource,
  statefulSignaturesRuntimeSource,
} from '../../compiler/package/runtime.generated.ts'
import type { Model, Spec } from '../../runtime/index.ts'

type Instantiate = (source: WebAssembly.Module | BufferSource, spec: Spec) => Model

/** `instantiate` of the runtime as scripts carry it. */
function shipped(source: string): Instantiate {
  const attar = runInThisContext(`(() => { ${source}; return attar })()`) as (spec: Spec) => {
    instantiate(source: WebAssembly.Module | BufferSource): Model
  }
  return (source, spec) => attar(spec).instantiate(source)
}

/** Of models without states, and of those with. */
export const shippedRuntimes = { plain: shipped(runtimeSource), stateful: shipped(statefulRuntimeSource) }

/** The same of models of several shapes. */
export const shippedSignatures = {
  plain: shipped(signaturesRuntimeSource),
  stateful: shipped(statefulSignaturesRuntimeSource),
}
