import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { notEmpty, wholeNumber } from '../../options.ts'
import type { AddCommand } from '../../program.ts'
import { interruptible } from '../../interruptible.ts'
import { toJson } from '../../format.ts'
import { readAnnouncement, type Announcement } from '../../../tune/queue/index.ts'
import { verdictOn, type Place } from './joining.ts'
import { Serving, type Host, type Tell } from './serve.ts'
import { channels, Server } from './server.ts'

interface Options {
  readonly jobs?: number
  readonly data?: string
  readonly json?: boolean
}

const usage = `
attar tune attar.config.ts -o search/ --queue redis://host:6379
                                          searches; as many workers as you like run its trials
attar worker redis://host:6379 attar.config.ts
                                          runs trials of that search, on this machine
attar worker redis://host:6379 attar.config.ts --data /mnt/data --jobs 4
                                          looks for its data there; runs four trials at a time

A worker runs the configuration that it is given here, and nothing that comes from the server. It takes
trials of searches whose configuration and data are the same here, by their content. It runs until
Ctrl-C (or SIGTERM), which gives its trials back; the exit code is 0 then.

With --json each line of stdout is an event: connected, joined, refused, start, epoch, end, unused,
dropped, back, left, connection.`

export const addWorker: AddCommand = (program, terminal) => {
  program
    .command('worker')
    .description('Run trials of a search that attar tune --queue makes on another machine.')
    .argument('<redis>', 'address of the Redis server: redis://[user:password@]host[:port]')
    .argument('[config]', 'the configuration that is searched (default: attar.config.ts, .js or .mjs)')
    .option('--jobs <number>', 'trials at the same time, each in a thread (default: 1)', wholeNumber(1, 256))
    .option('--data <folder>', "where data lies (default: the configuration's folder)", notEmpty)
    .option('--json', 'print events as JSON, one a line')
    .addHelpText('after', usage)
    .action(async (url: string, config: string | undefined, { jobs = 1, data, json }: Options) => {
      const place = await placeOf(config, data)
      const tell: Tell = (event, line) => {
        if (json) terminal.out(toJson(event))
        else if (event.event === 'epoch') terminal.status(line)
        else terminal.out(line)
      }
      const server = await Server.open({ url, say: (line) => tell({ event: 'connection', message: line }, line) })
      const folder = mkdtempSync(join(tmpdir(), 'attar-worker-'))
      const worker = { id: randomUUID(), name: `${hostname()}-${process.pid}`, jobs }
      try {
        tell(
          { event: 'connected', worker: worker.name, server: server.url },
          `worker ${worker.name} is connected to ${server.url}; Ctrl-C ends it`,
        )
        await interruptible((signal) => work({ server, worker, folder, tell }, place, signal), ['SIGINT', 'SIGTERM'])
      } finally {
        server.close()
        rmSync(folder, { recursive: true, force: true })
      }
    })
}

async function placeOf(given: string | undefined, data: string | undefined): Promise<Place> {
  const { fail } = await import('../../../index.ts')
  const candidates = given === undefined ? ['ts', 'js', 'mjs'].map((end) => `attar.config.${end}`) : [given]
  const config = candidates.find((path) => existsSync(path))
  if (config === undefined)
    return fail('A502', `there is no ${given === undefined ? 'attar.config.ts in this folder' : `"${given}"`}`, {
      hint: 'a worker needs the configuration that is searched: attar worker redis://host attar.config.ts',
    })
  return { config: resolve(config), folder: data === undefined ? dirname(resolve(config)) : resolve(data) }
}

/** Serves one run after another until the signal is set. */
async function work(host: Host, place: Place, signal: AbortSignal): Promise<void> {
  const { server, worker, tell } = host
  const refusals = new Map<string, string>()
  let serving: Serving | undefined
  /** What is going on with a run: joining or leaving it. */
  let busy: Promise<void> | undefined
  let heardAt = performance.now()

  const hello = (run: string, refusal?: string): Promise<void> =>
    server.publish(channels.toCoordinator(run), {
      ...{ kind: 'hello', worker: worker.id, name: worker.name, jobs: worker.jobs },
      ...(refusal !== undefined && { refusal: refusal.slice(0, 4000) }),
    })

  const leave = async (why: string): Promise<void> => {
    const left = serving
    if (!left) return
    serving = undefined
    await left.leave()
    const { run } = left.announcement
    await server.publish(channels.toCoordinator(run), { kind: 'bye', worker: worker.id })
    tell({ event: 'left', run, reason: why }, `left the search: ${why}`)
  }

  const join = async (announcement: Announcement): Promise<void> => {
    const { run, config } = announcement
    const verdict = await verdictOn(announcement, place)
    if (signal.aborted) return
    if ('refusal' in verdict) {
      refusals.set(run, verdict.refusal)
      tell(
        { event: 'refused', run, config: config.name, reason: verdict.refusal },
        `takes no trials of the search of ${config.name}: ${verdict.refusal}`,
      )
      return hello(run, verdict.refusal)
    }
    const ended = (): void => alone(() => leave('it is over'))
    serving = await Serving.start(host, announcement, verdict.source, ended)
    heardAt = performance.now()
    tell({ event: 'joined', run, config: config.name }, `takes trials of the search of ${config.name}`)
    await hello(run)
  }

  /** Does one thing at a time; what comes meanwhile comes again. */
  const alone = (action: () => Promise<void>): void => {
    if (busy) return
    busy = action()
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error)
        tell({ event: 'connection', message }, message)
      })
      .finally(() => (busy = undefined))
  }

  const heard = (text: string): void => {
    const announcement = readAnnouncement(text)
    if (!announcement || signal.aborted) return
    const { run, study } = announcement
    const refusal = refusals.get(run)
    if (refusal !== undefined) return void hello(run, refusal).catch(() => {})
    const current = serving?.announcement
    if (current?.run === run) {
      heardAt = performance.now()
      return void hello(run).catch(() => {})
    }
    if (current?.study === study) alone(() => leave('another process goes on with it'))
    else if (!current) alone(() => join(announcement))
  }

  server.redis.on('ready', () => (heardAt = performance.now()))
  const watch = setInterval(() => {
    if (!serving || !server.isConnected) return
    if (performance.now() - heardAt > serving.announcement.lease * 1000) alone(() => leave('its coordinator is gone'))
  }, 500)
  try {
    await server.subscribe(channels.announcements, heard)
    await server.publish(channels.newcomers, { kind: 'newcomer' })
    await new Promise<void>((resolve) =>
      signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve()),
    )
    await busy
    await leave('Ctrl-C')
  } finally {
    clearInterval(watch)
  }
}
