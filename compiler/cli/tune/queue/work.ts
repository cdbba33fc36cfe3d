import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { channels, readAnnouncement, type Announcement } from '../../../tune/queue/index.ts'
import { verdictOn, type Place } from './joining.ts'
import { Serving, type Host } from './serve.ts'

/** A502 where there is no configuration. */
export async function placeOf(given: string | undefined, data: string | undefined): Promise<Place> {
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
export async function work(host: Host, place: Place, signal: AbortSignal): Promise<void> {
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
    if (signal.aborted) return 'thread' in verdict ? verdict.thread.close() : undefined
    if ('refusal' in verdict) {
      refusals.set(run, verdict.refusal)
      tell(
        { event: 'refused', run, config: config.name, reason: verdict.refusal },
        `takes no trials of the search of ${config.name}: ${verdict.refusal}`,
      )
      return hello(run, verdict.refusal)
    }
    const ended = (): void => alone(() => leave('it is over'))
    serving = await Serving.start(host, announcement, verdict, ended)
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
