import type { ModuleSpec, Target } from '../core/artefact.ts'
import { fail } from '../core/diagnostic.ts'
import { byteSize } from '../core/dtype.ts'
import type { MemoryPlan } from '../schedule/plan-memory.ts'
import type { Kernel, Program, TemplateArgument, TemplateKernel } from '../schedule/program.ts'
import { templates, type TemplateName } from '../schedule/templates.generated.ts'
import type { StraightBody } from './inline.ts'
import { Linker } from './link.ts'
import { FunctionBuilder, memoryName, type Binaryen, type Code } from './machine.ts'
import { requestNest } from './nest.ts'
import { requestScan } from './scan.ts'
import { concatBytes, customSection, dataSection } from './sections.ts'

const pageBytes = 65536
const maxPages = 65536

export const pagesOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / pageBytes))

/** Loads Binaryen, which takes a while, and sets it up for this compiler. */
export async function loadBinaryen(): Promise<Binaryen> {
  const { default: binaryen } = await import('binaryen')
  binaryen.setOptimizeLevel(2)
  binaryen.setShrinkLevel(0)
  binaryen.setFastMath(false)
  // Kernels must stay functions of their own: engines tier up at calls.
  binaryen.setOneCallerInlineMaxSize(1)
  binaryen.setAlwaysInlineMaxSize(200)
  binaryen.setFlexibleInlineMaxSize(200)
  return binaryen
}

/**
 * The module of `program` for `target`. It exports `memory` and `run` and imports nothing. With `instrument` it also
 * exports each kernel's call as `kernel0`, `kernel1` …, numbered as in the program, so that they can be timed apart.
 */
export function emitModule(
  binaryen: Binaryen,
  program: Program,
  plan: MemoryPlan,
  target: Target,
  spec: ModuleSpec,
  instrument = false,
): Uint8Array {
  const pages = pagesOf(plan.totalBytes)
  if (pages > maxPages) fail('A301', `the model needs ${plan.totalBytes} bytes of memory; a module has at most 4 GiB`)
  const m = new binaryen.Module()
  const linker = new Linker(binaryen, m, target)
  try {
    m.setFeatures(binaryen.Features.All)
    m.setMemory(pages, pages, 'memory', [], false, false, memoryName)
    const host = { binaryen, m, link: (template: keyof typeof templates) => linker.link(template) }
    const functions = new Map<string, string>()
    const address = (a: TemplateArgument): number =>
      typeof a === 'number' ? a : plan.addresses.get(a.buffer)! + a.offset * byteSize(a.buffer.dtype)
    const callOf = (kernel: Kernel): Code | undefined => {
      if (kernel.kind === 'template') {
        return m.call(linker.link(kernel.template, kernel.holes), templateArguments(m, kernel, address), binaryen.none)
      }
      const straight = (template: TemplateName): StraightBody | undefined => linker.straight(template)
      const request = kernel.kind === 'nest' ? requestNest(kernel, straight) : requestScan(kernel)
      if (!request) return undefined
      let name = functions.get(request.key)
      if (name === undefined) {
        name = `f${functions.size}`
        functions.set(request.key, name)
        const f = new FunctionBuilder(host, request.params)
        f.finish(name, [], request.build(f))
      }
      return m.call(
        name,
        request.args.map((a) => m.i32.const(address(a))),
        binaryen.none,
      )
    }
    const calls: Code[] = []
    program.kernels.forEach((kernel, i) => {
      const call = callOf(kernel)
      if (call === undefined) return
      if (!instrument) {
        calls.push(call)
        return
      }
      const name = `kernel${i}`
      m.addFunction(name, binaryen.none, binaryen.none, [], call)
      m.addFunctionExport(name, name)
      calls.push(m.call(name, [], binaryen.none))
    })
    m.addFunction('run', binaryen.none, binaryen.none, [], m.block(null, calls))
    m.addFunctionExport('run', 'run')
    const custom = customSection('attar', new TextEncoder().encode(JSON.stringify(spec)))
    return concatBytes([m.emitBinary(), dataSection(plan.constants), custom])
  } finally {
    linker.dispose()
    m.dispose()
  }
}

function templateArguments(
  m: InstanceType<Binaryen['Module']>,
  kernel: TemplateKernel,
  address: (a: TemplateArgument) => number,
): Code[] {
  const { params } = templates[kernel.template]
  if (params.length !== kernel.args.length) {
    fail('A601', `${kernel.template} takes ${params.length} arguments, not ${kernel.args.length}`)
  }
  return kernel.args.map((a, i) => (params[i] === 'f32' ? m.f32.const(address(a)) : m.i32.const(address(a))))
}
