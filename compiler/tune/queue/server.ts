import type { Redis } from 'ioredis'
import { fail } from '../../core/diagnostics/diagnostic.ts'
import { reasonOf } from '../../core/diagnostics/errors.ts'

export type { Job as QueuedJob, Queue, Worker as QueueWorker } from 'bullmq'

export interface ServerOptions {
  /** As the user gives it. */
  readonly url: string
  /** Tells that the connection was lost, and that it is there again. */
  readonly say: (line: string) => void
}

const maxWait = 10_000
const retry = (times: number): number => Math.min(50 * 2 ** Math.min(times, 6), 2000)

/** A connection to a Redis server, which is made again whenever it is lost. */
export class Server {
  /** Without name and password. */
  readonly url: string
  readonly redis: Redis
  readonly #subscriber: Redis
  readonly #heard = new Map<string, (text: string) => void>()

  /** A501 for what is no address, A503 where a package is missing, A508 where no server answers. */
  static async open({ url, say }: ServerOptions): Promise<Server> {
    const { options, shown } = await addressOf(url)
    const { Redis } = await packages(() => import('ioredis'))
    const redis = new Redis({ ...options, maxRetriesPerRequest: null, retryStrategy: retry, lazyConnect: true })
    let reason = 'none answered'
    let timer: NodeJS.Timeout | undefined
    try {
      await new Promise((resolve, reject) => {
        // One that is about to start is waited for.
        timer = setTimeout(() => reject(new Error(`${reason}, for ${maxWait / 1000} s`)), maxWait)
        redis.on('error', (error: Error) => {
          reason = reasonOf(error)
          // It answers, but not to us.
          if (error.name === 'ReplyError') reject(error)
        })
        redis.connect().catch(() => {})
        redis.ping().then(resolve, reject)
      })
    } catch (error) {
      redis.disconnect()
      fail('A508', `no Redis server can be used at ${shown}: ${reasonOf(error)}`, {
        hint: 'redis-server --appendonly yes starts one; the address is redis://[user:password@]host[:port]',
      })
    } finally {
      clearTimeout(timer)
    }
    return new Server(redis, shown, say)
  }

  private constructor(redis: Redis, url: string, say: (line: string) => void) {
    this.redis = redis
    this.url = url
    this.#subscriber = redis.duplicate()
    this.#subscriber.on('error', () => {})
    this.#subscriber.on('message', (channel, text) => this.#heard.get(channel)?.(text))
    let isLost = false
    redis.on('close', () => {
      if (redis.status !== 'end' && !isLost) say(`lost the connection to ${url}, trying again`)
      isLost = true
    })
    redis.on('ready', () => {
      if (isLost) say(`connected to ${url} again`)
      isLost = false
    })
  }

  get isConnected(): boolean {
    return this.redis.status === 'ready'
  }

  /** What is said while nobody is connected is not sent later: who waits for an answer asks again. */
  async publish(channel: string, message: object): Promise<void> {
    if (!this.isConnected) return
    try {
      await this.redis.publish(channel, JSON.stringify(message))
    } catch (error) {
      if (this.isConnected) throw error
    }
  }

  async subscribe(channel: string, heard: (text: string) => void): Promise<void> {
    this.#heard.set(channel, heard)
    await this.#subscriber.subscribe(channel)
  }

  async unsubscribe(channel: string): Promise<void> {
    this.#heard.delete(channel)
    if (this.isConnected) await this.#subscriber.unsubscribe(channel)
  }

  close(): void {
    this.#subscriber.disconnect()
    this.redis.disconnect()
  }
}

/** The queue of a run. */
export const queueOf = (run: string, { redis }: Server) => ({
  name: run,
  options: { prefix: 'attar', connection: redis },
})

export const channels = {
  /** Coordinators tell what there is to do. */
  announcements: 'attar:announcements',
  /** A worker has come, and asks for that. */
  newcomers: 'attar:newcomers',
  /** From workers to the coordinator of a run. */
  toCoordinator: (run: string) => `attar:${run}:coordinator`,
  toWorkers: (run: string) => `attar:${run}:workers`,
} as const

/** Where a file lies for the coordinator. */
export const fileKey = (run: string, delivery: string, name: string): string => `attar:${run}:file:${delivery}:${name}`

export const bullmq = (): Promise<typeof import('bullmq')> => packages(() => import('bullmq'))

async function packages<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    return fail('A503', 'a search on several machines needs the packages bullmq and ioredis', {
      hint: 'npm install bullmq ioredis',
    })
  }
}

interface Address {
  readonly options: {
    readonly host: string
    readonly port: number
    readonly db: number
    readonly username?: string
    readonly password?: string
    readonly tls?: { readonly servername: string }
  }
  readonly shown: string
}

async function addressOf(text: string): Promise<Address> {
  // The text may hold a password: it is not repeated.
  const wrong = (): never =>
    fail('A501', 'that is no address of a Redis server', { hint: 'redis://[user:password@]host[:port][/database]' })
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return wrong()
  }
  const { protocol, hostname, port, username, password, pathname, search, hash } = url
  const database = /^\/?(\d{0,4})$/.exec(pathname)
  if (!['redis:', 'rediss:'].includes(protocol) || hostname === '' || !database || search !== '' || hash !== '')
    return wrong()
  const decoded = (part: string): string => {
    try {
      return decodeURIComponent(part)
    } catch {
      return wrong()
    }
  }
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const db = Number(database[1])
  return {
    options: {
      ...{ host, port: port === '' ? 6379 : Number(port), db },
      ...(username !== '' && { username: decoded(username) }),
      ...(password !== '' && { password: decoded(password) }),
      ...(protocol === 'rediss:' && { tls: { servername: host } }),
    },
    shown: `${protocol}//${hostname}:${port === '' ? 6379 : port}${db === 0 ? '' : `/${db}`}`,
  }
}
