import { basename } from 'node:path'
import type { Announcement } from '../../../tune/queue/index.ts'
import { version } from '../../../version.ts'
import { overridden, readTunable, type TrainFlags } from '../../train/settings.ts'
import type { TaskSource } from '../task.ts'
import { TrialThread } from '../trial-thread.ts'
import { fileHash, inputPaths, locate, textHash } from './inputs.ts'

export interface Place {
  /** The configuration that this worker was started with: no other code is run. */
  readonly config: string
  /** Where data lies. */
  readonly folder: string
}

/** Whether a search can be worked for here: what to train from, and a thread that has read it; or why not. */
export type Verdict = { readonly source: TaskSource; readonly thread: TrialThread } | { readonly refusal: string }

/**
 * Compares what a search says of itself with what is here: attar's version, the configuration, each file that it reads, and at last what all
 * of that comes to.
 */
export async function verdictOn(announcement: Announcement, { config, folder }: Place): Promise<Verdict> {
  const { inputs, flags, fingerprint, space } = announcement
  if (announcement.version !== version)
    return { refusal: `the search is of attar ${announcement.version}, this is ${version}` }
  if ((await fileHash(config)) !== announcement.config.sha256)
    return { refusal: `"${basename(config)}" is not the configuration that is searched` }
  const { train, val, test } = Object.fromEntries(
    flags.data.map((field) => [field, `${folder}/${inputs.find((input) => input.field === field)?.name ?? ''}`]),
  )
  const given: TrainFlags = {
    ...{ epochs: flags.epochs, seed: flags.seed, label: flags.label, train, val: val ?? flags.share, test },
  } as TrainFlags
  const tunable = await readTunable(config)
  const own = inputPaths(await overridden(await tunable.at(), given))
  const moved: Record<string, string> = {}
  const missing: string[] = []
  for (const input of inputs) {
    const path = own.find(({ field }) => field === input.field)?.path
    if (path === undefined) return { refusal: `the configuration names no "${input.field}" here` }
    const found = await locate(input, path, folder)
    if ('path' in found) moved[path] = found.path
    else missing.push(found.reason)
  }
  if (missing.length > 0) return { refusal: missing.join('; ') }
  const source: TaskSource = { config, flags: given, moved }
  const thread = new TrialThread()
  const checked = await thread.check(source)
  const refusal =
    'reason' in checked
      ? checked.reason
      : checked.fingerprint !== fingerprint || textHash(checked.space) !== space
        ? 'what the configuration imports, or computes, is not the same here'
        : undefined
  if (refusal === undefined) return { source, thread }
  await thread.close()
  return { refusal }
}
