import { hasEncoded, hasLengths, targets, type ModuleSpec, type Target } from '../core/artefact/artefact.ts'
import {
  boxesSource,
  decodeSource,
  encodedSource,
  lengthsSource,
  picturesSource,
  runtimeSource,
  signaturesRuntimeSource,
  statefulRuntimeSource,
  statefulSignaturesRuntimeSource,
  stringsSource,
  structuresSource,
  textsSource,
} from './runtime.generated.ts'

/** File names of the modules beside `NAME.js`. */
export const moduleFile = (name: string, target: Target): string =>
  target === 'simd' ? `${name}.wasm` : `${name}.relaxed.wasm`

/** The ES module `NAME.js`: the runtime and `spec`, nothing to import. `present` are the targets that were compiled, `encoder` declares what a model for texts has. */
export function script(spec: ModuleSpec, name: string, present: readonly Target[], encoder?: string): string {
  // Bundlers find the files by this very form, with a literal.
  const urls = present.map((target) => {
    const address = `./${encodeURIComponent(moduleFile(name, target))}`
    return `new URL(${JSON.stringify(address)}, import.meta.url)`
  })
  return text(
    spec,
    name,
    runtimeFor(spec, encoder),
    urls.length === targets.length ? `(t) => t === 'simd' ? ${urls.join(' : ')}` : `() => ${urls[0]}`,
  )
}

/** The ES module `NAME.js` that carries its one module in base64. */
export const inlineScript = (spec: ModuleSpec, name: string, module: Uint8Array, encoder?: string): string =>
  text(spec, name, `${runtimeFor(spec, encoder)}\n${decodeSource}`, `() => decode('${base64(module)}')`)

const base = ({ states, signatures }: ModuleSpec): string => {
  if (signatures) return states ? statefulSignaturesRuntimeSource : signaturesRuntimeSource
  return states ? statefulRuntimeSource : runtimeSource
}

const runtimeFor = (spec: ModuleSpec, encoder: string | undefined): string =>
  [
    base(spec),
    ...(hasLengths(spec) ? [lengthsSource] : []),
    ...(spec.structures ? [structuresSource] : []),
    ...(spec.strings ? [stringsSource] : []),
    ...(hasEncoded(spec) ? [encodedSource] : []),
    ...(spec.pictures ? [picturesSource] : []),
    ...(spec.pictures?.boxes ? [boxesSource] : []),
    ...(encoder === undefined ? [] : [textsSource, encoder]),
  ].join('\n')

/** What the script exports, as an expression; each companion adds to what is inside. */
function exportsOf(spec: ModuleSpec, locate: string): string {
  const plain = `attar(spec, ${locate})`
  const sized = hasLengths(spec) ? `lengths(${plain}, spec)` : plain
  const gathered = spec.structures ? `structures(${sized}, spec)` : sized
  const computed = spec.strings ? `strings(${gathered}, spec)` : gathered
  const whole = hasEncoded(spec) ? `encoded(${computed}, spec)` : computed
  const seeing = spec.pictures ? `pictures(${whole}, spec)` : spec.text ? `texts(${whole}, spec, encode)` : whole
  return spec.pictures?.boxes ? `boxes(${seeing}, spec)` : seeing
}

/** `locate` is a function's text: what the runtime loads for a target. */
const text = (spec: ModuleSpec, name: string, source: string, locate: string): string =>
  `// Compiled by attar ${spec.attar}; types in ${name}.d.ts
${source}
export const spec = JSON.parse(${singleQuoted(JSON.stringify(spec))})
export const { target, instantiate, load } = ${exportsOf(spec, locate)}
`

/** As a literal that stands safely in a script, even in one inside HTML. JSON has no raw line breaks. */
const singleQuoted = (json: string): string => `'${json.replaceAll(/[\\']/g, '\\$&').replaceAll('<', '\\x3c')}'`

/** RFC 4648, section 4, without padding. */
function base64(bytes: Uint8Array): string {
  // A multiple of three bytes, and not more arguments than engines take.
  const step = 3 << 12
  const parts = Array.from({ length: Math.ceil(bytes.length / step) }, (_, i) =>
    btoa(String.fromCharCode(...bytes.subarray(i * step, (i + 1) * step))),
  )
  return parts.join('').replace(/=+$/, '')
}
