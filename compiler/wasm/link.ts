import { formatExpr, type Expr } from '../core/expr.ts'
import type { Target } from '../core/artefact.ts'
import { epilogueArguments } from '../schedule/epilogue.ts'
import type { TemplateName } from '../schedule/templates.generated.ts'
import { isStraight, type StraightBody } from './inline.ts'
import { FunctionBuilder, memoryName, type Binaryen, type Code, type Module } from './machine.ts'
import { templateBytes } from './templates.generated.ts'
import { emitVector } from './vector.ts'

/** Epilogues' arguments that `planEpilogue` never makes zero or NaN. */
const parameters: ReadonlySet<number> = new Set([epilogueArguments.p0, epilogueArguments.p1])

/** What passes make of a template once its holes are filled. */
const passes = ['inlining', 'simplify-locals', 'precompute-propagate', 'coalesce-locals', 'vacuum', 'reorder-locals']

function decodeBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
}

/** Copies templates into a module; sites whose holes have the same form share one copy. */
export class Linker {
  private readonly binaryen: Binaryen
  private readonly m: Module
  private readonly target: Target
  private readonly linked = new Map<string, string>()
  private readonly opened = new Map<TemplateName, { source: Module; straight: StraightBody | undefined }>()

  constructor(binaryen: Binaryen, m: Module, target: Target) {
    this.binaryen = binaryen
    this.m = m
    this.target = target
  }

  /** The name of the function that the template became. */
  link(template: TemplateName, holes: Readonly<Record<string, Expr>> = {}): string {
    const forms = Object.entries(holes).map(([hole, expr]) => `${hole}=${formatExpr(expr)}`)
    const key = [template, ...forms].join(' ')
    let name = this.linked.get(key)
    if (name === undefined) {
      name = forms.length === 0 ? template : `${template}_${this.linked.size}`
      this.linked.set(key, name)
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
    const source = this.binaryen.readBinary(decodeBase64(templateBytes[this.target]![template]!))
    source.setFeatures(this.binaryen.Features.All)
    return source
  }

  private copy(template: TemplateName, holes: Readonly<Record<string, Expr>>, name: string): void {
    const { binaryen } = this
    const source = this.read(template)
    const infos = Array.from({ length: source.getNumFunctions() }, (_, i) =>
      binaryen.getFunctionInfo(source.getFunctionByIndex(i)),
    )
    for (const { name: local, module, base } of infos) {
      if (module !== 'hole' || base === null) continue
      source.removeFunction(local)
      this.fill(source, local, base, holes[base]!)
    }
    const main = infos.find((f) => !f.module)!
    if (Object.keys(holes).length > 0) source.runPasses(passes)
    const info = binaryen.getFunctionInfo(source.getFunction(main.name))
    this.m.addFunction(name, info.params, info.results, info.vars, this.m.copyExpression(info.body))
    source.dispose()
  }

  /** Adds the function that stands for a hole of `source`. Mathematical functions stay imports, or they would be inlined. */
  private fill(source: Module, name: string, hole: string, expr: Expr): void {
    if (hole !== 'epilogue') throw new TypeError(`a hole called ${hole}`)
    const { binaryen } = this
    const imported = new Set<string>()
    const link = (template: TemplateName): string => {
      const linked = this.link(template)
      if (!imported.has(linked)) {
        const binary = template === 'f32x4_pow'
        const params = binaryen.createType(binary ? [binaryen.v128, binaryen.v128] : [binaryen.v128])
        source.addFunctionImport(linked, 'math', linked, params, binaryen.v128)
        imported.add(linked)
      }
      return linked
    }
    const f = new FunctionBuilder({ binaryen, m: source, link }, ['v128', 'i32', 'i32', 'i32', 'v128', 'v128'])
    const argument = (index: number): Code => {
      switch (index) {
        case epilogueArguments.acc:
          return f.get(0)
        case epilogueArguments.aux:
          return source.v128.load(0, 4, f.get(2), memoryName)
        case epilogueArguments.p0:
          return f.get(4)
        default:
          return f.get(5)
      }
    }
    const { statements, value } = emitVector(f, expr, argument, { numbers: parameters })
    f.finish(name, ['v128'], source.block(null, [...statements, value], binaryen.v128))
  }
}
