import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { findExecutable, packageFile, withProcess } from '../../../compiler/bench/engines/process.ts'

/** workerd of the package for this machine, or one that is installed. */
export const workerdPath = (): string | undefined =>
  packageFile(`@cloudflare/workerd-${process.platform}-${process.arch === 'arm64' ? 'arm64' : '64'}`, 'bin/workerd') ??
  findExecutable('workerd')

/**
 * Runs a Worker in `folder`, which is made: its main module's text, and files with the modules that this imports, by the names that it
 * knows them by. `visit` gets the Worker's address.
 */
export async function withWorker<T>(
  folder: string,
  main: { readonly name: string; readonly text: string },
  files: Readonly<Record<string, string>>,
  visit: (url: string) => Promise<T>,
  compatibilityDate = '2026-01-01',
): Promise<T> {
  for (const [name, file] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    copyFileSync(file, join(folder, name))
  }
  mkdirSync(dirname(join(folder, main.name)), { recursive: true })
  writeFileSync(join(folder, main.name), main.text)
  // The main module comes first.
  const modules = [main.name, ...Object.keys(files)].map((name) => {
    return `(name = "${name}", ${name.endsWith('.wasm') ? 'wasm' : 'esModule'} = embed "${name}"),`
  })
  writeFileSync(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (compatibilityDate = "${compatibilityDate}", modules = [${modules.join('\n')}]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);`,
  )
  const args = ['serve', '--control-fd=3', join(folder, 'config.capnp')]
  return withProcess(workerdPath()!, args, {}, async (reported) => {
    const { port } = JSON.parse(await reported) as { port: number }
    return visit(`http://127.0.0.1:${port}/`)
  })
}
