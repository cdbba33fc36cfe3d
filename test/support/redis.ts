import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

export const hasRedis = spawnSync('redis-server', ['--version']).status === 0

/** A Redis server of one's own, which keeps what it knows in a temporary folder. */
export class RedisServer {
  readonly port: number
  readonly #folder = mkdtempSync(join(tmpdir(), 'attar-redis-'))
  #child: ChildProcess | undefined

  static async start(): Promise<RedisServer> {
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    const { port } = probe.address() as AddressInfo
    probe.close()
    await once(probe, 'close')
    const server = new RedisServer(port)
    await server.up()
    return server
  }

  private constructor(port: number) {
    this.port = port
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  async up(): Promise<void> {
    const options = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#folder]
    this.#child = spawn('redis-server', [...options, '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''])
    for (;;) {
      const socket = connect(this.port, '127.0.0.1')
      const isUp = await Promise.race([once(socket, 'connect').then(() => true), once(socket, 'error')]).catch(
        () => false,
      )
      socket.destroy()
      if (isUp === true) return
      await setTimeout(20)
    }
  }

  /** As a crash does. */
  async down(): Promise<void> {
    const child = this.#child!
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
  }

  async remove(): Promise<void> {
    await this.down()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
