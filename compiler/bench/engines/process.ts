import { execFile, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { delimiter, isAbsolute, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { timeLimit } from './engine.ts'

const execute = promisify(execFile)

/** Runs a program to its end; its output. @throws Error with what it wrote to stderr if it fails. */
export async function output(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  const running = execute(program, [...args], { env: { ...process.env, ...env }, timeout: timeLimit })
  const { stdout } = await running.catch((error: Error & { readonly stderr?: string }) => {
    throw error.stderr ? new Error(error.stderr.trim(), { cause: error }) : error
  })
  return stdout.trim()
}

/** The first of the candidates (paths, or names looked up on PATH) that is an executable file. */
export function findExecutable(...candidates: readonly string[]): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  return candidates
    .flatMap((candidate) => (isAbsolute(candidate) ? [candidate] : folders.map((folder) => join(folder, candidate))))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

const require = createRequire(import.meta.url)

/** The path of a file inside an installed npm package; the package need not export it. */
export function packageFile(name: string, file: string): string | undefined {
  const folder = require.resolve.paths(name)?.find((path) => findExecutable(join(path, name, file)))
  return folder && join(folder, name, file)
}

/**
 * A program that runs, with its own children, until `use` has ended. `use` gets the first line that the program writes
 * to its file descriptor 3. @throws Error with what it wrote to stderr if the program ends before.
 */
export async function withProcess<T>(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  use: (reported: Promise<string>) => Promise<T>,
): Promise<T> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    detached: true,
  })
  const kill = () => {
    try {
      // Detached, so that it leads a group with all its children.
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // Already gone.
    }
  }
  process.once('exit', kill)
  let errors = ''
  child.stderr!.on('data', (chunk) => (errors = `${errors}${chunk}`.slice(-4096)))
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => reject(new Error(`${program} ended (${code ?? signal}): ${errors}`)))
  })
  const reported = new Promise<string>((resolve) => {
    createInterface({ input: child.stdio[3] as Readable }).once('line', resolve)
  })
  try {
    return await Promise.race([use(reported), failed])
  } finally {
    process.off('exit', kill)
    kill()
    failed.catch(() => {})
    await ended
  }
}

/** A TCP port of the loopback interface that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        address && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port')),
      )
    })
  })
}

/** The promise's value, unless it takes longer than `timeLimit`. */
export async function limited<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no result within ${timeLimit / 1000} s`)), timeLimit)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
