import { printable } from './printable.ts'

/** Where in the user's model a diagnostic points. */
export interface Origin {
  /** Node name, or a generated one such as `#12` when the model gives none. */
  readonly node: string
  /** Operator with its domain unless that is ai.onnx, e.g. `Conv` or `com.microsoft.Gelu`. */
  readonly operator: string
  readonly opset: number
}

/**
 * Stable codes. The first digit tells the phase: A1 decoding, A2 importing operators, A3 budgets, A4 code generation,
 * A5 command line and files, A6 internal, A7 training, A8 transformations of graphs.
 */
export const codes = {
  A101: 'not-onnx',
  A102: 'malformed-model',
  A103: 'external-data',
  A104: 'cyclic-graph',
  A105: 'unbound-dimension',
  A106: 'bad-binding',
  A107: 'newer-opset',
  A108: 'repeated-output',
  A201: 'unsupported-operator',
  A202: 'unsupported-type',
  A203: 'unsupported-form',
  A204: 'shape-mismatch',
  A205: 'bad-attribute',
  A206: 'not-constant',
  A207: 'data-dependent-length',
  A301: 'over-budget',
  A401: 'unsupported-kernel',
  A402: 'not-in-onnx',
  A501: 'bad-argument',
  A502: 'bad-file',
  A503: 'missing-package',
  A504: 'unfit-data',
  A505: 'cannot-write',
  A506: 'not-quantizable',
  A507: 'reference-failed',
  A508: 'no-queue',
  A509: 'unsupported-tokenizer',
  A510: 'other-tokenizer',
  A601: 'internal',
  A701: 'diverged',
  A702: 'bad-training',
  A703: 'interrupted',
  A704: 'bad-labels',
  A705: 'not-trainable',
  A801: 'not-differentiable',
  A802: 'unbounded-loop',
  A850: 'not-batchable',
} as const

export type Code = keyof typeof codes

export interface Diagnostic {
  readonly code: Code
  readonly message: string
  readonly origin?: Origin
  readonly hint?: string
  /** Of A206 and A207: the graph inputs whose values would have to be known. */
  readonly inputs?: readonly string[]
}

/** All diagnostics that one phase found. */
export class CompileError extends Error {
  readonly diagnostics: readonly Diagnostic[]
  override readonly name = 'CompileError'

  constructor(diagnostics: readonly Diagnostic[]) {
    super(diagnostics.map(formatDiagnostic).join('\n'))
    this.diagnostics = diagnostics
  }
}

/** A `CompileError` with one diagnostic; throw it where nothing more can be found out. */
export function fail(code: Code, message: string, details: Omit<Diagnostic, 'code' | 'message'> = {}): never {
  throw new CompileError([{ code, message, ...details }])
}

/** A diagnostic as it is shown, line by line. What it tells of a model, names above all, may hold any characters. */
export const diagnosticLines = (d: Diagnostic): string[] => linesOf('error', d)

/** The same of what does not keep a model from being compiled. */
export const warningLines = (d: Diagnostic): string[] => linesOf('warning', d)

function linesOf(kind: 'error' | 'warning', d: Diagnostic): string[] {
  const place = d.origin
    ? `   ${d.origin.operator} "${d.origin.node}"${d.origin.opset > 0 ? ` (opset ${d.origin.opset})` : ''}`
    : ''
  const hint = d.hint ? [`  hint: ${d.hint}`] : []
  return [`${kind} ${d.code} ${codes[d.code]}${place}`, `  ${d.message}`, ...hint]
}

/** A diagnostic as text that may be shown. */
export const formatDiagnostic = (d: Diagnostic): string => diagnosticLines(d).map(printable).join('\n')

/** What an op says of operands that it does not take, in words for the user; other TypeErrors are the engine's. */
export class OperandError extends TypeError {}

/** A list or tensor beyond all bounds, or of another size than its data; other RangeErrors are the engine's. */
export class SizeError extends RangeError {}

/** Runs `body`; diagnostics without a place get `origin`. */
export function locate<T>(origin: Origin, body: () => T): T {
  try {
    return body()
  } catch (error) {
    if (!(error instanceof CompileError)) throw error
    throw new CompileError(error.diagnostics.map((d) => (d.origin ? d : { ...d, origin })))
  }
}
