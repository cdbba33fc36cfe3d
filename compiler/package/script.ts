import { targets, type ModuleSpec, type Target } from '../core/artefact.ts'
import { runtimeSource } from './runtime.generated.ts'

/** File names of the modules beside `NAME.js`. */
export const moduleFile = (name: string, target: Target): string =>
  target === 'simd' ? `${name}.wasm` : `${name}.relaxed.wasm`

/** The ES module `NAME.js`: the runtime and `spec`, nothing to import. `present` are the targets that were compiled. */
export function script(spec: ModuleSpec, name: string, present: readonly Target[]): string {
  // Bundlers find the files by this very form, with a literal.
  const urls = present.map((target) => {
    const address = `./${encodeURIComponent(moduleFile(name, target))}`
    return `new URL(${JSON.stringify(address)}, import.meta.url)`
  })
  const locate = urls.length === targets.length ? `(t) => t === 'simd' ? ${urls.join(' : ')}` : `() => ${urls[0]}`
  return `// Compiled by attar ${spec.attar}; types in ${name}.d.ts
${runtimeSource}
export const spec = JSON.parse(${singleQuoted(JSON.stringify(spec))})
export const { target, instantiate, load } = attar(spec, ${locate})
`
}

/** As a literal that stands safely in a script, even in one inside HTML. JSON has no raw line breaks. */
const singleQuoted = (json: string): string => `'${json.replaceAll(/[\\']/g, '\\$&').replaceAll('<', '\\x3c')}'`
