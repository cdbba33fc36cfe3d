import { targets, type Compiled, type Target } from '../core/artefact.ts'
import { fail } from '../core/diagnostic.ts'
import { inspectModule, specSection } from '../inspect/index.ts'
import { declarations } from './declarations.ts'
import { checkName, quantizationFile, reportFile } from './names.ts'
import { quantizationPage } from './quantization-page.ts'
import { fileReport, type PackageReport } from './report.ts'
import { moduleFile, script } from './script.ts'

export { artefactNames, checkName, isArtefact } from './names.ts'
export { moduleFile } from './script.ts'
export type { FileReport, PackageReport } from './report.ts'

/**
 * The files of a compiled model by name: `NAME.wasm`, `NAME.relaxed.wasm` (those of them that were compiled), `NAME.js`
 * that runs either, `NAME.d.ts`, `report.json`, a `PackageReport`, and for quantized models `quantization.html`. The same input gives the same bytes.
 * @throws CompileError A501 if `name` can't stand in a file name.
 */
export function artefacts(compiled: Compiled, name: string): Record<string, Uint8Array | string> {
  checkName(name)
  const { modules, spec, report: compilation } = compiled
  const present = targets.filter((target) => modules[target])
  if (present.length === 0) fail('A501', 'no module was compiled')

  const files: [name: string, content: Uint8Array | string, target?: Target][] = [
    ...present.map((target): [string, Uint8Array, Target] => [moduleFile(name, target), modules[target]!, target]),
    [`${name}.js`, script(spec, name, present)],
    [`${name}.d.ts`, declarations(spec)],
  ]
  for (const target of present) checkSpec(modules[target]!, JSON.stringify(spec))
  const report: PackageReport = { attar: spec.attar, files: files.map((file) => fileReport(...file)), compilation }
  const { quantization } = compilation
  const others: [string, string][] = [
    [reportFile, JSON.stringify(report, null, 2)],
    ...(quantization ? [[quantizationFile, quantizationPage(quantization, name)] as [string, string]] : []),
  ]
  return Object.fromEntries([...files.map(([file, content]) => [file, content] as const), ...others])
}

/** The runtime refuses a module whose own specification differs from its script's, byte by byte. */
function checkSpec(module: Uint8Array, spec: string): void {
  const section = inspectModule(module).sections.find((s) => s.name === specSection)
  if (new TextDecoder().decode(section?.payload) !== spec) fail('A601', 'the module carries another specification')
}
