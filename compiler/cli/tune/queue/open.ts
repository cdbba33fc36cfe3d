import { basename } from 'node:path'
import type { Settings } from '../../../config/schema.ts'
import type { Space } from '../../../tune/index.ts'
import { version } from '../../../version.ts'
import type { Terminal } from '../../terminal.ts'
import type { TrainFlags } from '../../train/settings.ts'
import type { Pool } from '../pool.ts'
import type { Search } from '../run-study.ts'
import { fileHash, inputsOf, textHash } from './inputs.ts'
import { QueuePool } from './queue-pool.ts'
import { Server } from '../../../tune/queue/index.ts'

interface Context {
  readonly url: string
  readonly lease: number | undefined
  readonly settings: Settings
  readonly flags: TrainFlags
  readonly search: Search
  readonly fingerprint: string
  readonly output: string
  readonly space: Space
  readonly terminal: Terminal
}

/** Workers as a pool: they are told what the search is, and what has to be the same for them. */
export async function queuePool(config: string, context: Context): Promise<Pool> {
  const { spaceText } = await import('../../../tune/index.ts')
  const { url, lease = 30, settings, flags, search, fingerprint, output, space, terminal } = context
  const { objectives, maxSize, jobs = Infinity } = search
  const { epochs, seed, label, val } = flags
  const say = (line: string): void => terminal.err(line)
  terminal.status('reading what workers need to have')
  const inputs = await inputsOf(settings)
  const server = await Server.open({ url, say })
  try {
    return await QueuePool.open({
      ...{ server, output, most: jobs, say },
      search: {
        ...{ version, lease, inputs, objectives: [...objectives], fingerprint },
        config: { name: basename(config), sha256: await fileHash(config) },
        space: textHash(spaceText(space)),
        ...(maxSize !== undefined && { maxSize }),
        flags: {
          ...(epochs !== undefined && { epochs }),
          ...(seed !== undefined && { seed }),
          ...(label !== undefined && { label }),
          ...(val !== undefined && typeof settings.data?.val === 'number' && { share: settings.data.val }),
          data: (['train', 'val', 'test'] as const).filter(
            (field) => flags[field] !== undefined && typeof settings.data?.[field] === 'string',
          ),
        },
      },
    })
  } catch (error) {
    server.close()
    throw error
  }
}
