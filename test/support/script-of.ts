import { compile, type CompileOptions } from '../../compiler/index.ts'
import { artefacts } from '../../compiler/package/index.ts'
import type { Model } from '../../runtime/index.ts'

/** A model by the script and module that ship, with the script's text and its types. */
export async function scriptOf<M extends Model = Model>(bytes: Uint8Array, options: CompileOptions = {}) {
  const compiled = await compile(bytes, { ...options, targets: ['simd'] })
  const files = artefacts(compiled, 'm', { inline: true })
  const address = `data:text/javascript;base64,${Buffer.from(files['m.js'] as string).toString('base64')}`
  const { instantiate } = (await import(address)) as { instantiate(): M }
  return { model: instantiate(), types: files['m.d.ts'] as string, script: files['m.js'] as string }
}
