import { readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { version } from '../../version.ts'

/**
 * attar, which is installed in the folder `own`, as a dependency of a project in `folder`: the version, or a path where it runs from a
 * checkout, or was installed from a file. No registry need have it then.
 */
export function dependency(own: string, folder: string): string {
  const path = own.split(sep).includes('node_modules') ? packedFile(own) : own
  return path === undefined ? `^${version}` : `file:${relative(resolve(folder), path).replaceAll(sep, '/')}`
}

/** The archive that npm installed a package from, by the list that it keeps of what it installed. */
function packedFile(own: string): string | undefined {
  const modules = dirname(own)
  try {
    const list: unknown = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'))
    const { packages } = list as { packages: Record<string, { resolved?: string }> }
    const { resolved = '' } = packages['node_modules/attar']!
    return resolved.startsWith('file:') ? resolve(modules, '..', resolved.slice('file:'.length)) : undefined
  } catch {
    // Other package managers have other lists.
    return undefined
  }
}
