import { runName, type ModuleSpec, type Target } from '../core/artefact/artefact.ts'
import { fail } from '../core/diagnostics/diagnostic.ts'
import { tableBytes } from '../schedule/memory/entropy-coding.ts'
import { widening } from '../schedule/memory/halves.ts'
import type { MemoryPlan } from '../schedule/memory/plan.ts'
import {
  constantBytes,
  dotKernels,
  readsOf,
  type LeafKernel,
  type NestKernel,
  type Program,
  type TemplateKernel,
} from '../schedule/program/program.ts'
import { templates, type TemplateName } from '../schedule/templates.generated.ts'
import { addressCode, dotGlobal, emitKernel, type Site } from './control.ts'
import type { StraightBody } from './inline.ts'
import { Linker } from './link.ts'
import { FunctionBuilder, memoryName, type Binaryen, type Code } from './machine.ts'
import type { FunctionRequest } from './nest.ts'
import { requestNest } from './request-nest.ts'
import { requestRows } from './rows.ts'
import { requestScan } from './scan.ts'
import { hoistVectorConstants } from './vector-constants.ts'
import { concatBytes, customSection, dataSection } from './sections.ts'

const pageBytes = 65536
const maxPages = 65536
/** What the probe of the dot product writes to, in the arena, before anything runs. */
const probeBytes = 32

const pagesOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / pageBytes))

/** Bytes that the module of these plans has: those of the largest, and what its start writes to in the arena. */
function memoryBytes(plans: readonly MemoryPlan[]): number {
  const [{ image, coded }] = plans as readonly [MemoryPlan]
  const started = image.length + (coded.length > 0 ? tableBytes : probeBytes)
  return plans.reduce((most, { totalBytes }) => Math.max(most, totalBytes), started)
}

/** The same in whole pages. */
export const memoryOf = (plans: readonly MemoryPlan[]): number => pagesOf(memoryBytes(plans)) * pageBytes

/** Loads Binaryen, which takes a while, and sets it up for this compiler. */
export async function loadBinaryen(): Promise<Binaryen> {
  const { default: binaryen } = await import('#binaryen')
  binaryen.setOptimizeLevel(2)
  binaryen.setShrinkLevel(0)
  binaryen.setFastMath(false)
  // Kernels must stay functions of their own: engines tier up at calls.
  binaryen.setOneCallerInlineMaxSize(1)
  binaryen.setAlwaysInlineMaxSize(200)
  binaryen.setFlexibleInlineMaxSize(200)
  return binaryen
}

/** What stands behind the code in the modules of all targets: the weights and the specification. */
export function sectionsBehind(plan: MemoryPlan, spec: ModuleSpec): Uint8Array {
  const custom = customSection('attar', new TextEncoder().encode(JSON.stringify(spec)))
  return concatBytes([dataSection(plan.image), custom])
}

/** A program, and where it is in the memory that all programs of a module share. */
export interface Placed {
  readonly program: Program
  readonly plan: MemoryPlan
}

/**
 * The code of the programs for `target`: a module that lacks what `sectionsBehind` gives. It exports `memory` and `run`, of further programs
 * `run1`, `run2` …, and imports nothing. With `instrument` it also exports each kernel's call as `kernel0`, `kernel1` …, numbered
 * as in the programs, one after the other, so that they can be timed apart.
 */
export function emitCode(
  binaryen: Binaryen,
  programs: readonly Placed[],
  target: Target,
  instrument = false,
): Uint8Array {
  const [{ plan }] = programs as readonly [Placed]
  const kernels = programs.flatMap(({ program }) => program.kernels)
  const plans = programs.map((placed) => placed.plan)
  const pages = pagesOf(memoryBytes(plans))
  if (pages > maxPages)
    fail('A301', `the model needs ${memoryBytes(plans)} bytes of memory; a module has at most 4 GiB`, {
      hint: 'smaller inputs, or a smaller batch, need less',
    })
  const m = new binaryen.Module()
  const products = dotKernels(kernels)
  const integer = products.length > 0
  const probes = integer && target === 'relaxed-simd'
  // Beside integers, floats must round the same on every engine: no fused multiply-add.
  const linker = new Linker(binaryen, m, target, integer ? 'simd' : target, kernels)
  try {
    m.setFeatures(binaryen.Features.All)
    m.setMemory(pages, pages, 'memory', [], false, false, memoryName)
    if (probes) m.addGlobal(dotGlobal, binaryen.i32, true, m.i32.const(0))
    const host = { binaryen, m, link: (template: keyof typeof templates) => linker.link(template) }
    const functions = new Map<string, string>()
    /** A function that calls `dot` where the dot product is exact, else `plain`. */
    const either = (dot: string, plain: string): string => {
      const name = `${dot}_or_${plain}`
      if (functions.has(name)) return name
      functions.set(name, name)
      const { params } = binaryen.getFunctionInfo(m.getFunction(plain))
      const args = (): Code[] => binaryen.expandType(params).map((type, i) => m.local.get(i, type))
      const exact = m.i32.ne(m.global.get(dotGlobal, binaryen.i32), m.i32.const(1))
      const body = m.if(exact, m.call(dot, args(), binaryen.none), m.call(plain, args(), binaryen.none))
      m.addFunction(name, params, binaryen.none, [], body)
      return name
    }
    /** The name of the function, which is built if there is none like it. */
    const define = (request: FunctionRequest): string => {
      const known = functions.get(request.key)
      if (known !== undefined) return known
      const name = `f${functions.size}`
      functions.set(request.key, name)
      const f = new FunctionBuilder(host, request.params)
      f.finish(name, [], request.build(f))
      return name
    }
    const call = (kernel: LeafKernel, site: Site): Code | undefined => {
      if (kernel.kind === 'template') {
        const name = linker.link(linker.templateOf(kernel), kernel.holes)
        const chosen = probes && kernel.dot ? either(linker.link(kernel.dot, kernel.holes), name) : name
        return m.call(chosen, templateArguments(kernel, site), binaryen.none)
      }
      const straight = (template: TemplateName): StraightBody | undefined => linker.straight(template)
      const request =
        kernel.kind === 'nest'
          ? requestNest(kernel, straight)
          : kernel.kind === 'rows'
            ? requestRows(kernel, straight, define)
            : requestScan(kernel)
      if (!request) return undefined
      return m.call(
        define(request),
        request.args.map((a) => addressCode(site, a)),
        binaryen.none,
      )
    }
    const siteIn = (f: FunctionBuilder): Site => ({ f, addresses: plan.addresses, counters: new Map(), call })
    const start = new FunctionBuilder(host, [])
    const table = plan.image.length
    const decode = plan.coded.map(({ address, lengths, out, lane, count, ends }) => {
      const operands = [address + lengths, table, address + out, lane, count, ...ends.map((end) => address + end)]
      return m.call(
        linker.link('bytes_from_huffman'),
        operands.map((n) => m.i32.const(n)),
        binaryen.none,
      )
    })
    const widen = plan.halves.map(({ format, address, bytes }) => {
      const operands = [address + bytes / 2, address, bytes / 4].map((n) => m.i32.const(n))
      return m.call(linker.link(widening[format]), operands, binaryen.none)
    })
    // What is prepared is made of constants, which are floats of 32 bits by then.
    const prepare = preparing(programs).flatMap((kernel) => emitKernel(siteIn(start), kernel))
    const beginning = [...decode, ...widen, ...prepare]
    if (probes) {
      const operands = [plan.image.length, leastWeight(products)].map((n) => m.i32.const(n))
      beginning.push(m.global.set(dotGlobal, m.call(linker.link('i8_dot_probe'), operands, binaryen.i32)))
    }
    if (beginning.length > 0) {
      start.finish('start', [], m.block(null, beginning))
      m.setStart(m.getFunction('start'))
    }
    let counted = 0
    programs.forEach(({ program }, i) => {
      const run = new FunctionBuilder(host, [])
      const site = siteIn(run)
      const calls = program.kernels.flatMap((kernel): Code[] => {
        const name = `kernel${counted++}`
        if (!instrument) return emitKernel(site, kernel)
        const f = new FunctionBuilder(host, [])
        const code = emitKernel(siteIn(f), kernel)
        if (code.length === 0) return []
        f.finish(name, [], f.block(code))
        m.addFunctionExport(name, name)
        return [m.call(name, [], binaryen.none)]
      })
      run.finish(runName(i), [], m.block(null, calls))
      m.addFunctionExport(runName(i), runName(i))
    })
    return hoistVectorConstants(m.emitBinary())
  } finally {
    linker.dispose()
    m.dispose()
  }
}

/** What fills the prepared buffers of all programs, those that share a place once. */
function preparing(programs: readonly Placed[]): NestKernel[] {
  const filled = new Map<number, Program>()
  return programs.flatMap(({ program, plan }) =>
    (program.prepared ?? []).filter(({ write }) => {
      const address = plan.addresses.get(write.buffer)!
      if (!filled.has(address)) filled.set(address, program)
      return filled.get(address) === program
    }),
  )
}

/** -128 where one of the weights is, else -127: the products of -128 take one more bit than all others. */
function leastWeight(kernels: readonly TemplateKernel[]): number {
  const weights = kernels.flatMap(readsOf).filter(({ dtype }) => dtype === 'i8')
  return weights.some((buffer) => constantBytes(buffer)?.includes(0x80)) ? -128 : -127
}

function templateArguments(kernel: TemplateKernel, site: Site): Code[] {
  return Object.entries(templates[kernel.template].params).map(([name, type]) => {
    const a = kernel.args[name]
    if (a === undefined) fail('A601', `${kernel.template} is called without ${name}`)
    return type === 'f32' ? site.f.m.f32.const(Number(a)) : addressCode(site, a)
  })
}
