import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { notEmpty, wholeNumber } from '../../options.ts'
import type { AddCommand } from '../../program.ts'
import { interruptible } from '../../interruptible.ts'
import { toJson } from '../../format.ts'
import type { Tell } from './serve.ts'

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
      const { Server } = await import('../../../tune/queue/index.ts')
      const { placeOf, work } = await import('./work.ts')
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
