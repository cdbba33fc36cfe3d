import {
  formatType,
  inspectModule,
  runName,
  signaturesOf,
  type ModuleSpec,
  type PortSpec,
  type StateSpec,
} from '../../index.ts'
import { codeParts, type CodePart } from './code-parts.ts'
import { formatCount, formatTable, paragraphs } from '../format.ts'

/** A module's bytes. */
export interface ModuleDescription {
  readonly bytes: number
  /** In file order, with their headers; 8 bytes stand before them. */
  readonly sections: readonly { readonly name: string; readonly bytes: number }[]
  /** Bytes of each function's body. */
  readonly functions: readonly number[]
  /** The code by what it is for. */
  readonly code?: readonly CodePart[]
  readonly imports: readonly { readonly module: string; readonly name: string }[]
  readonly exports: readonly { readonly name: string; readonly kind: string }[]
  /** The instance's memory. */
  readonly memoryBytes: number
  readonly spec: ModuleSpec
}

export function inspectionOf(path: string, module: Uint8Array): ModuleDescription {
  const inspection = inspectModule(module)
  const { sections, functions, imports, exports, memoryPages, spec } = inspection
  const code = codeParts(path, inspection)
  return {
    bytes: module.length,
    sections: sections.map(({ name, bytes }) => ({ name, bytes })),
    functions,
    ...(code && { code }),
    imports,
    exports,
    memoryBytes: memoryPages * 2 ** 16,
    spec,
  }
}

const largestShown = 10

export function describeModule(m: ModuleDescription): string[] {
  const share = (bytes: number): string => `${((100 * bytes) / m.bytes).toFixed(1)} %`
  const row = (name: string, bytes: number): string[] => [name, formatCount(bytes), share(bytes)]
  const sections = [
    ['section', 'bytes', ''],
    ['(magic number, version)', '8', share(8)],
    ...m.sections.map(({ name, bytes }) => row(name, bytes)),
    row('whole module', m.bytes),
  ]
  const largest = [...m.functions.entries()].sort(([, a], [, b]) => b - a).slice(0, largestShown)
  const title = m.functions.length > largestShown ? `largest of ${m.functions.length} functions` : 'function'
  const functions = [[title, 'bytes', ''], ...largest.map(([i, bytes]) => row(`#${i}`, bytes))]
  const parts = (m.code ?? []).map(({ part, functions: n, bytes, calls }) => [
    part,
    ...[n, calls, bytes].map(formatCount),
    share(bytes),
  ])
  const code = parts.length > 0 ? [[['code', 'functions', 'calls', 'bytes', ''], ...parts]] : []
  const port =
    (kind: string) =>
    (p: PortSpec & Partial<StateSpec>): string[] => [
      kind,
      p.name,
      formatType(p),
      `at ${p.address}${p.range ? `, places ${p.range.join(' to ')} of a table` : ''}${p.next === undefined ? '' : `, which each run sets to output "${p.next}"`}`,
    ]
  const { spec } = m
  const names = (list: readonly { readonly name: string }[]): string =>
    list.map(({ name }) => name).join(', ') || 'none'
  const facts = [
    ['memory', `${formatCount(m.memoryBytes)} bytes`],
    ['imports', names(m.imports)],
    ['exports', names(m.exports)],
    ['attar', `${spec.attar}, ABI ${spec.abi}`],
    ...Object.entries(spec.metadata).map(([key, value]) => [`metadata ${key}`, value]),
  ]
  const ports = [
    ...signaturesOf(spec).flatMap(({ inputs, outputs }, i) => {
      const of = spec.signatures ? ` of ${runName(i)}` : ''
      return [...inputs.map(port(`input${of}`)), ...outputs.map(port(`output${of}`))]
    }),
    ...(spec.states ?? []).map(port('state')),
  ]
  return paragraphs([
    ...[sections, ...code, functions].map((table) => formatTable(table)),
    formatTable(ports, [1, 2, 3]),
    formatTable(facts, [1]),
  ])
}
