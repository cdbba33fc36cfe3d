import { constant, formatExpr, parts, type Expr } from '../core/scalar/expr.ts'
import type { Target } from '../core/artefact/artefact.ts'
import { epilogueArguments } from '../schedule/kernels/epilogue.ts'
import { requantizeArguments } from '../schedule/kernels/integer-epilogue.ts'
import { innerKernels, isIntegerTemplate, type Kernel, type TemplateKernel } from '../schedule/program/program.ts'
import { templates, type TemplateName } from '../schedule/templates.generated.ts'
import { isStraight, type StraightBody } from './inline.ts'
import {
  FunctionBuilder,
  memoryName,
  readModule,
  type Binaryen,
  type Code,
  type Module,
  type WasmType,
} from './machine.ts'
import { templateBytes } from './templates.generated.ts'
import { emitVector, loadContiguous } from './vector.ts'

/** Epilogues' arguments that `planEpilogue` never makes zero or NaN. */
const numbers: ReadonlySet<number> = new Set([epilogueArguments.p0, epilogueArguments.p1])
const sums: ReadonlySet<number> = new Set([epilogueArguments.acc])

/** What passes make of a template once its holes are filled. */
const passes = [
  'inlining',
  'simplify-locals',
  'precompute-propagate',
  'optimize-instructions',
  'remove-unused-brs',
  'vacuum',
  'coalesce-locals',
  'vacuum',
  'reorder-locals',
]

function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
}

/** A template with what fills its holes: sums, and what they are added to, may be of several types. */
const formOf = (template: TemplateName, holes: Readonly<Record<string, Expr>>): string =>
  [
    template,
    ...Object.entries(holes).map(([hole, expr]) => `${hole}=${formatExpr(expr, (i, dtype) => `a${i}:${dtype}`)}`),
  ].join(' ')

/** Fills the hole that says whether channels leave a part of their last block empty. What it adds suits other sites, too. */
const isRagged = constant(1, 'i32')

/** Forms of all sites that say whether channels are ragged. */
const raggedForms = (kernels: readonly Kernel[]): string[] =>
  kernels.flatMap((kernel) =>
    kernel.kind === 'template' && kernel.holes['ragged']
      ? [kernel.template, kernel.dot, kernel.fused]
          .filter((t) => t !== undefined)
          .map((template) => formOf(template, kernel.holes))
      : raggedForms(innerKernels(kernel)),
  )

/** A template whose holes are filled, alone in a module, and the templates that it calls. */
interface Filled {
  readonly source: Module
  readonly main: string
  readonly calls: readonly Call[]
}

interface Call {
  readonly template: TemplateName
  readonly holes: Readonly<Record<string, Expr>>
  /** What the called function is called. */
  readonly name: string
}

/**
 * By target and form, what was used last at the end. Passes over templates take most of the time of emitting code, and graphs that
 * one process compiles have the same forms again and again.
 */
const filled = new Map<string, Filled>()
const mostFilled = 256

/** Copies templates into a module; sites whose holes have the same form share one copy. */
export class Linker {
  private readonly binaryen: Binaryen
  private readonly m: Module
  private readonly target: Target
  private readonly floatTarget: Target
  /** By form, which is the function's name, too: modules are written without names. */
  private readonly linked = new Set<string>()
  private readonly raggedForms: ReadonlySet<string>
  private readonly opened = new Map<TemplateName, { source: Module; straight: StraightBody | undefined }>()

  /** Templates of integers are those of `target`, all others those of `floatTarget`. */
  constructor(
    binaryen: Binaryen,
    m: Module,
    target: Target,
    floatTarget: Target = target,
    kernels: readonly Kernel[] = [],
  ) {
    this.binaryen = binaryen
    this.m = m
    this.target = target
    this.floatTarget = floatTarget
    this.raggedForms = new Set(raggedForms(kernels))
  }

  private targetOf(template: TemplateName): Target {
    return isIntegerTemplate(template) ? this.target : this.floatTarget
  }

  /** The template that a kernel calls, if not another one for the dot product. */
  templateOf({ template, fused }: TemplateKernel): TemplateName {
    return fused && this.floatTarget === 'relaxed-simd' ? fused : template
  }

  /** The name of the function that the template became. */
  link(template: TemplateName, given: Readonly<Record<string, Expr>> = {}): string {
    const ragged = { ...given, ragged: isRagged }
    // One function for both kinds of sites is smaller than two.
    const holes = given['ragged'] && this.raggedForms.has(formOf(template, ragged)) ? ragged : given
    const name = formOf(template, holes)
    if (!this.linked.has(name)) {
      this.linked.add(name)
      this.copy(template, holes, name)
    }
    return name
  }

  /** The template's code where it is straight, for inlining. */
  straight(template: TemplateName): StraightBody | undefined {
    const known = this.opened.get(template)
    if (known) return known.straight
    const { binaryen } = this
    const source = this.read(template)
    const { body, params, vars } = binaryen.getFunctionInfo(source.getFunctionByIndex(0))
    const types = [...binaryen.expandType(params), ...vars]
    const straight = types.every((t) => t === binaryen.v128) && isStraight(binaryen, body)
    const opened = straight ? { body, params: types.length - vars.length } : undefined
    this.opened.set(template, { source, straight: opened })
    return opened
  }

  /** Frees the modules of templates that were opened. */
  dispose(): void {
    this.opened.forEach(({ source }) => source.dispose())
  }

  private read(template: TemplateName): Module {
    return readModule(this.binaryen, decodeBase64(templateBytes[this.targetOf(template)]![template]!))
  }

  private copy(template: TemplateName, holes: Readonly<Record<string, Expr>>, name: string): void {
    const { source, main } = this.filled(template, holes, name)
    const { params, results, vars, body } = this.binaryen.getFunctionInfo(source.getFunction(main))
    this.m.addFunction(name, params, results, vars, this.m.copyExpression(body))
  }

  private filled(template: TemplateName, holes: Readonly<Record<string, Expr>>, form: string): Filled {
    const key = `${this.targetOf(template)} ${form}`
    let found = filled.get(key)
    // What it calls is linked now, as it would be if it was filled now.
    if (found) filled.delete(key)
    if (found && !found.calls.every((call) => this.link(call.template, call.holes) === call.name)) {
      found.source.dispose()
      found = undefined
    }
    found ??= this.fillAll(template, holes)
    filled.set(key, found)
    if (filled.size > mostFilled) {
      const [oldest] = filled.keys()
      filled.get(oldest!)!.source.dispose()
      filled.delete(oldest!)
    }
    return found
  }

  private fillAll(template: TemplateName, holes: Readonly<Record<string, Expr>>): Filled {
    const { binaryen } = this
    const source = this.read(template)
    const calls: Call[] = []
    const infos = Array.from({ length: source.getNumFunctions() }, (_, i) =>
      binaryen.getFunctionInfo(source.getFunctionByIndex(i)),
    )
    for (const { name: local, module, base, params, results } of infos) {
      if (!module || base === null) continue
      source.removeFunction(local)
      if (module === 'hole') this.fill(source, calls, local, base, holes[base]!)
      else this.forward(source, calls, local, base as TemplateName, { params, results }, holes)
    }
    const main = infos.find((f) => !f.module)!.name
    if (infos.length > 1) source.runPasses(passes)
    return { source, main, calls }
  }

  /** Links what a filled template calls. */
  private call(calls: Call[], template: TemplateName, holes: Readonly<Record<string, Expr>>): string {
    const name = this.link(template, holes)
    calls.push({ template, holes, name })
    return name
  }

  /**
   * Adds a function that calls the template `callee`, for inlining: so calls get the name that it has in the module. Of
   * `holes` it gets those that it has.
   */
  private forward(
    source: Module,
    calls: Call[],
    name: string,
    callee: TemplateName,
    { params, results }: { readonly params: number; readonly results: number },
    holes: Readonly<Record<string, Expr>>,
  ): void {
    const { binaryen } = this
    const own = Object.fromEntries(templates[callee].holes.map((hole) => [hole, holes[hole]!]))
    const linked = this.call(calls, callee, own)
    source.addFunctionImport(linked, 'template', linked, params, results)
    const operands = binaryen.expandType(params).map((type, i) => source.local.get(i, type))
    source.addFunction(name, params, results, [], source.call(linked, operands, results))
  }

  /** Adds the function that stands for a hole of `source`. Mathematical functions stay imports, or they would be inlined. */
  private fill(source: Module, calls: Call[], name: string, hole: string, expr: Expr): void {
    const { binaryen } = this
    if (expr.kind === 'const') {
      source.addFunction(name, binaryen.none, binaryen.i32, [], source.i32.const(Number(expr.value)))
      return
    }
    if (hole !== 'epilogue' && hole !== 'requantize') throw new TypeError(`a hole called ${hole}`)
    const imported = new Set<string>()
    const link = (template: TemplateName): string => {
      const linked = this.call(calls, template, {})
      if (!imported.has(linked)) {
        const binary = template === 'f32x4_pow'
        const params = binaryen.createType(binary ? [binaryen.v128, binaryen.v128] : [binaryen.v128])
        source.addFunctionImport(linked, 'math', linked, params, binaryen.v128)
        imported.add(linked)
      }
      return linked
    }
    const params: readonly WasmType[] =
      hole === 'epilogue' ? ['v128', 'i32', 'i32', 'i32', 'v128', 'v128'] : ['v128', 'i32', 'i32', 'i32']
    const f = new FunctionBuilder({ binaryen, m: source, link }, params)
    const { statements, value } =
      hole === 'epilogue'
        ? emitVector(f, expr, epilogueArgument(f), { numbers, sums })
        : emitVector(f, expr, requantizeArgument(f, expr))
    f.finish(name, ['v128'], source.block(null, [...statements, value], binaryen.v128))
  }
}

/** Arguments of the hole: sums, place of the result, aux, column, p0, p1. */
function epilogueArgument(f: FunctionBuilder): (index: number) => Code {
  return (index) => {
    switch (index) {
      case epilogueArguments.acc:
        return f.get(0)
      case epilogueArguments.aux:
        return loadContiguous(f, 'f32', f.get(2))
      case epilogueArguments.p0:
        return f.get(4)
      default:
        return f.get(5)
    }
  }
}

/** Arguments of the hole: sums, vectors over channels, aux, table. */
function requantizeArgument(f: FunctionBuilder, expr: Expr): (index: number) => Code {
  const dtypes = new Map(parts(expr).flatMap((e) => (e.kind === 'arg' ? [[e.index, e.dtype] as const] : [])))
  const { acc, aux, pixel, vectors, table } = requantizeArguments
  return (index) => {
    if (index === acc) return f.get(0)
    if (index === aux) return loadContiguous(f, dtypes.get(index)!, f.get(2))
    if (index === pixel) return f.m.v128.load32_splat(0, 4, f.get(2), memoryName)
    if (index < table) return loadContiguous(f, 'f32', f.get(1), (index - vectors) * 16)
    return f.m.v128.load32_splat((index - table) * 4, 4, f.get(3), memoryName)
  }
}
