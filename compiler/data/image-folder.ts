import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { hasNone, tooMany } from './errors.ts'

const isPicture = (name: string): boolean => /\.(jpe?g|png)$/i.test(name)

export interface ImageList {
  readonly files: readonly { readonly path: string; readonly label: number }[]
  /** Names of the folders inside, sorted; empty where the pictures have no classes. */
  readonly classes: readonly string[]
}

const maxFiles = 1 << 22

/** Sorted by code units, which is the same everywhere. */
const byName = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/**
 * The pictures in a folder: those in the folders inside, a class each, or where there are none, its own. A502 where there
 * is no picture.
 */
export function listImages(folder: string): ImageList {
  const entries = readdirSync(folder, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
  const classes = folders.map(({ name }) => name).sort(byName)
  const picturesIn = (path: string): string[] =>
    readdirSync(path)
      .filter(isPicture)
      .sort(byName)
      .map((name) => join(path, name))
  const lists = classes.length > 0 ? classes.map((name) => picturesIn(join(folder, name))) : [picturesIn(folder)]
  const files = lists.flatMap((paths, label) => paths.map((path) => ({ path, label })))
  if (files.length === 0) hasNone(`"${folder}"`, '.jpg, .jpeg or .png in it or in its folders')
  if (files.length > maxFiles) tooMany(`"${folder}"`, maxFiles, 'pictures')
  return { files, classes }
}
