import type { Settings } from '../../config/schema.ts'
import type { Point } from '../../tune/index.ts'
import type { Terminal } from '../terminal.ts'
import { setUp } from '../train/run.ts'
import { mapPaths, overridden, readTunable, type Tunable } from '../train/settings.ts'
import type { Identity, TaskSource } from './task.ts'

export const silent: Terminal = { out: () => {}, err: () => {}, status: () => {} }

/** The settings of a search with the values of a point, or with defaults; with paths of files here. */
export async function settingsOf(source: TaskSource, point?: Point): Promise<Settings> {
  return settingsAt(await readTunable(source.config), source, point)
}

async function settingsAt(tunable: Tunable, { flags, moved = {} }: TaskSource, point?: Point): Promise<Settings> {
  return mapPaths(await overridden(await tunable.at(point), flags), (path) => moved[path] ?? path)
}

/** What machines compare before one runs another's trials. */
export async function identityOf(source: TaskSource): Promise<Identity> {
  const { spaceText } = await import('../../tune/index.ts')
  const tunable = await readTunable(source.config)
  const { fingerprint } = await setUp(await settingsAt(tunable, source), {}, silent)
  return { fingerprint, space: spaceText(tunable.space) }
}
