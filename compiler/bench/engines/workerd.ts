import { copyFile, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { absentEngine, type Engine } from './engine.ts'
import { inTemporaryFolder } from '../../data/index.ts'
import { findExecutable, limited, output, packageFile, withProcess } from './process.ts'

const packages: Record<string, string> = {
  'linux x64': '@cloudflare/workerd-linux-64',
  'linux arm64': '@cloudflare/workerd-linux-arm64',
  'darwin x64': '@cloudflare/workerd-darwin-64',
  'darwin arm64': '@cloudflare/workerd-darwin-arm64',
}

/** The engine of Cloudflare Workers: modules are compiled ahead of time and come by static import. */
export function workerd(): Engine {
  const name = 'workerd'
  const installed = packageFile(packages[`${process.platform} ${process.arch}`] ?? name, 'bin/workerd')
  const executable = installed ?? findExecutable(name)
  if (!executable) return absentEngine(name, 'not installed')
  return {
    name,
    version: () => output(executable, ['--version']),
    run: (job) =>
      inTemporaryFolder(async (folder) => {
        const targets = { simd: `${job.name}.wasm`, 'relaxed-simd': `${job.name}.relaxed.wasm` }
        const modules = Object.entries(targets).filter(([, file]) => existsSync(join(job.directory, file)))
        for (const [target, file] of modules) await copyFile(join(job.directory, file), join(folder, `${target}.wasm`))
        await copyFile(join(job.directory, `${job.name}.js`), join(folder, 'model.js'))
        await writeFile(join(folder, 'task.js'), job.script)
        const files = Object.entries(job.files ?? {}).filter(([name]) => name.endsWith('.wasm'))
        for (const [i, [, path]] of files.entries()) await copyFile(path, join(folder, `file${i}.wasm`))
        const names = files.map(([name]) => name)
        const targetNames = modules.map(([target]) => target)
        await writeFile(join(folder, 'main.js'), main(targetNames, names))
        await writeFile(join(folder, 'config.capnp'), config([...targetNames, ...names.map((_, i) => `file${i}`)]))
        const args = ['serve', '--control-fd=3', join(folder, 'config.capnp')]
        return withProcess(executable, args, {}, async (reported) => {
          const { port } = JSON.parse(await reported) as { port: number }
          const request = { method: 'POST', body: JSON.stringify(job.payload) }
          const response = await limited(fetch(`http://127.0.0.1:${port}/`, request))
          if (!response.ok) throw new Error(await response.text())
          return response.json()
        })
      }),
  }
}

const main = (targets: readonly string[], files: readonly string[]): string => `
import * as model from './model.js'
import task from './task.js'
${targets.map((target, i) => `import module${i} from './${target}.wasm'`).join('\n')}
${files.map((_, i) => `import file${i} from './file${i}.wasm'`).join('\n')}
const files = { ${files.map((name, i) => `${JSON.stringify(name)}: file${i}`).join(', ')} }
const modules = { ${targets.map((target, i) => `'${target}': module${i}`).join(', ')} }
const load = async (source = modules[model.target] ?? module0) => model.instantiate(source)
export default {
  async fetch(request) {
    try {
      return Response.json(await task({ ...model, load }, await request.json(), files))
    } catch (error) {
      return new Response(error.stack, { status: 500 })
    }
  },
}
`

const config = (modules: readonly string[]): string => `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  compatibilityDate = "2026-01-01",
  modules = [
    (name = "main.js", esModule = embed "main.js"),
    (name = "model.js", esModule = embed "model.js"),
    (name = "task.js", esModule = embed "task.js"),
${modules.map((module) => `    (name = "${module}.wasm", wasm = embed "${module}.wasm"),`).join('\n')}
  ],
);
`
