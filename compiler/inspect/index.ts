import { decode, type Field } from '@webassemblyjs/wasm-parser'
import { runName, signaturesOf, type ModuleSpec } from '../core/artefact/artefact.ts'
import { fail } from '../core/diagnostics/diagnostic.ts'
import {
  codeSection,
  customSection,
  dataSection,
  functionBodies,
  malformed,
  readSections,
  type Section,
} from './sections.ts'
import { callsOf } from './calls.ts'
import { readSpec, specSection } from './spec.ts'

export { specSection } from './spec.ts'
export type { Section } from './sections.ts'

/** What stands in a module that attar wrote, in bytes. */
export interface Inspection {
  /** In file order. */
  readonly sections: readonly Section[]
  readonly codeBytes: number
  readonly dataBytes: number
  /** Size of each function's body, in the order of definition. */
  readonly functions: readonly number[]
  /** The function that is exported as `run`, with those for further shapes, `run1`, `run2` … */
  readonly run?: RunFunction | undefined
  readonly imports: readonly { readonly module: string; readonly name: string }[]
  readonly exports: readonly { readonly name: string; readonly kind: 'func' | 'table' | 'memory' | 'global' }[]
  /** The memory's initial size in pages of 64 KiB. */
  readonly memoryPages: number
  readonly spec: ModuleSpec
}

/** Far above what the declarations of attar's modules need; bounds the tree that the parser builds. */
const declarationLimit = 2 ** 16

export interface RunFunction {
  /** One for each shape. */
  readonly indices: readonly number[]
  /** The functions that they call, one for each kernel, in order, those of the first shape first. */
  readonly calls: readonly number[]
  /** Of these, those that do no more than call one of two functions; the first where the relaxed dot product is exact. */
  readonly choices: ReadonlyMap<number, readonly number[]>
}

/**
 * Reads back a module that attar wrote; work and memory grow with its declarations, not with its code and data.
 * The function bodies are measured, not validated.
 * @throws CompileError A502 for any other bytes.
 */
export function inspectModule(module: Uint8Array): Inspection {
  const sections = readSections(module)
  const bodies = sections.filter((s) => s.id === codeSection).flatMap((s) => functionBodies(s.payload))
  const fields = declarations(sections, bodies.length)
  const [memory] = fields.filter((field) => field.type === 'Memory')
  if (!memory) fail('A502', 'the module defines no memory')
  const memoryPages = memory.limits.min
  const section = sections.find((s) => s.id === customSection && s.name === specSection)
  if (!section)
    fail('A502', `the module has no section "${specSection}"`, { hint: 'attar reads back only its own modules' })
  const spec = readSpec(section.payload, memoryPages * 2 ** 16)
  return {
    sections,
    codeBytes: sizeOf(sections, codeSection),
    dataBytes: sizeOf(sections, dataSection),
    functions: bodies.map((body) => body.length),
    run: runOf(bodies, fields, signaturesOf(spec).length),
    imports: fields
      .filter((field) => field.type === 'ModuleImport')
      .map(({ module: from, name }) => ({ module: from, name })),
    exports: fields
      .filter((field) => field.type === 'ModuleExport')
      .map(({ name, descr }) => ({
        name,
        kind: descr.exportType.toLowerCase() as Inspection['exports'][number]['kind'],
      })),
    memoryPages,
    spec,
  }
}

/** Undefined where functions are imported, which shifts indices: attar's modules import none. */
function runOf(bodies: readonly Uint8Array[], fields: readonly Field[], shapes: number): Inspection['run'] {
  if (fields.some((field) => field.type === 'ModuleImport')) return undefined
  const exported = new Map(
    fields.flatMap((field) => (field.type === 'ModuleExport' ? [[field.name, field.descr.id.value] as const] : [])),
  )
  const indices = Array.from({ length: shapes }, (_, i) => exported.get(runName(i)) ?? -1)
  const calls: number[] = []
  for (const index of indices) {
    const own = bodies[index] && callsOf(bodies[index])
    if (!own?.every((callee) => callee < bodies.length)) return undefined
    calls.push(...own)
  }
  const choices = [...new Set(calls)].flatMap((callee) => {
    const called = callsOf(bodies[callee]!)
    return called?.length === 2 ? [[callee, called] as const] : []
  })
  return { indices, calls, choices: new Map(choices) }
}

const sizeOf = (sections: readonly Section[], id: number): number =>
  sections.filter((s) => s.id === id).reduce((sum, s) => sum + s.bytes, 0)

/** Types, imports, functions, tables, memories, globals, exports. */
const declarationSections = [1, 2, 3, 4, 5, 6, 7]

/**
 * The module's declarations. The parser trusts counts and lengths (it would follow them for gigabytes) and stops at
 * SIMD opcodes, so it gets what the engine has validated: the declarations with `unreachable` for every function body.
 */
function declarations(sections: readonly Section[], functions: number): readonly Field[] {
  const parts: number[][] = []
  let bytes = 4 * functions
  for (const { id, payload } of sections) {
    if (!declarationSections.includes(id)) continue
    bytes += payload.length
    if (bytes > declarationLimit) break
    parts.push(frame(id, payload))
  }
  if (bytes > declarationLimit) fail('A502', `the module's declarations exceed ${declarationLimit} bytes`)
  const body = [0x03, 0x00, 0x00, 0x0b] // three bytes: no locals, unreachable, end
  parts.push(frame(codeSection, [...leb(functions), ...Array.from({ length: functions }, () => body).flat()]))
  const skeleton = Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...parts.flat()])
  if (!WebAssembly.validate(skeleton)) malformed('the engine rejects its declarations')
  try {
    return decode(skeleton, { dump: false, ignoreCodeSection: true }).body[0].fields
  } catch (error) {
    fail('A502', `the module has declarations beyond WebAssembly 1.0 and SIMD: ${String(error)}`)
  }
}

const frame = (id: number, payload: ArrayLike<number>): number[] => [id, ...leb(payload.length), ...Array.from(payload)]

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)]
}
