import { targets, type Compiled, type Target } from '../core/artefact/artefact.ts'
import { fail } from '../core/diagnostics/diagnostic.ts'
import { inspectModule, specSection } from '../inspect/index.ts'
import { declarations, moduleDeclarations } from './declarations.ts'
import { checkName, quantizationFile, reportFile } from './names.ts'
import { quantizationPage } from './quantization-page.ts'
import { fileReport, type PackageReport } from './report.ts'
import { inlineScript, moduleFile, script } from './script.ts'

export { artefactNames, checkName, isArtefact, searchFiles } from './names.ts'
export { moduleFile } from './script.ts'
export type { FileReport, PackageReport } from './report.ts'

export interface ArtefactOptions {
  /** Whether `NAME.js` carries the module, of which there must be one, instead of loading it from a file beside it. */
  readonly inline?: boolean
  /** Of a model whose script takes texts: statements that declare `encode`, as `encoderSource` makes them. */
  readonly encoder?: string
}

/**
 * The files of a compiled model by name: `NAME.wasm`, `NAME.relaxed.wasm` (those of them that were compiled), with types
 * for importing them, `NAME.js` that runs either, `NAME.d.ts`, `report.json`, a `PackageReport`, and for quantized models
 * `quantization.html`. The same input gives the same bytes.
 * @throws CompileError A501 if `name` can't stand in a file name, or with `inline` for two targets.
 */
export function artefacts(
  compiled: Compiled,
  name: string,
  { inline = false, encoder }: ArtefactOptions = {},
): Record<string, Uint8Array | string> {
  checkName(name)
  const { modules, spec, report: compilation } = compiled
  const present = targets.filter((target) => modules[target])
  if (present.length === 0) fail('A501', 'no module was compiled')

  if ((encoder === undefined) !== (spec.text === undefined))
    fail('A501', 'a tokenizer goes with a model that was compiled for texts, and the other way round')
  if (inline && present.length > 1) fail('A501', 'a script carries one module: compile for one target')

  type File = [name: string, content: Uint8Array | string, target?: Target]
  const beside = inline
    ? []
    : present.flatMap((target): File[] => {
        const file = moduleFile(name, target)
        return [
          [file, modules[target]!, target],
          [`${file}.d.ts`, moduleDeclarations],
        ]
      })
  const files: File[] = [
    ...beside,
    [
      `${name}.js`,
      inline ? inlineScript(spec, name, modules[present[0]!]!, encoder) : script(spec, name, present, encoder),
    ],
    [`${name}.d.ts`, declarations(spec, inline)],
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
