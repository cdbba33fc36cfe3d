import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { hasNone, picturesAndSounds, tooMany } from './errors.ts'

/** What a folder holds: pictures or sounds, not both. */
export type FolderKind = 'pictures' | 'sounds'

const endings: Readonly<Record<FolderKind, RegExp>> = { pictures: /\.(jpe?g|png)$/i, sounds: /\.wav$/i }

/** What a file holds by the ending of its name; undefined where it is neither. */
export const kindOfFile = (name: string): FolderKind | undefined =>
  (['pictures', 'sounds'] as const).find((kind) => endings[kind].test(name))

export interface ClassFolder {
  readonly kind: FolderKind
  readonly files: readonly { readonly path: string; readonly label: number }[]
  /** Names of the folders inside, sorted; empty where the files have no classes. */
  readonly classes: readonly string[]
}

const maxFiles = 1 << 22

/** Sorted by code units, which is the same everywhere. */
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * The pictures or sounds in a folder: those in the folders inside, a class each, or where there are none, its own. Hidden
 * folders and files, whose names begin with a dot, are left out. A502 where there is nothing of the kind, or both.
 */
export function listFolder(folder: string): ClassFolder {
  const entries = readdirSync(folder, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
  const classes = folders.map(({ name }) => name).sort(byName)
  const kinds = new Set<FolderKind>()
  const filesIn = (path: string): string[] =>
    readdirSync(path)
      .filter((name) => {
        const kind = name.startsWith('.') ? undefined : kindOfFile(name)
        if (kind) kinds.add(kind)
        return kind !== undefined
      })
      .sort(byName)
      .map((name) => join(path, name))
  const lists = classes.length > 0 ? classes.map((name) => filesIn(join(folder, name))) : [filesIn(folder)]
  const files = lists.flatMap((paths, label) => paths.map((path) => ({ path, label })))
  const [kind, other] = kinds
  if (!kind) hasNone(`"${folder}"`, '.jpg, .jpeg, .png or .wav in it or in its folders')
  if (other) picturesAndSounds(folder)
  if (files.length > maxFiles) tooMany(`"${folder}"`, maxFiles, kind)
  return { kind, files, classes }
}
