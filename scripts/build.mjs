// Builds dist/. A step whose inputs are the same as when it last succeeded is skipped.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const steps = [
  {
    name: 'kernel templates',
    inputs: [
      'assembly',
      'asconfig.json',
      'scripts/build-assembly.mjs',
      ...versions('assemblyscript', 'binaryen', 'typescript'),
    ],
    outputs: ['compiler/schedule/templates.generated.ts', 'compiler/wasm/templates.generated.ts'],
    command: ['scripts/build-assembly.mjs'],
  },
  {
    name: 'runtime',
    inputs: ['runtime', 'scripts/build-runtime.mjs', ...versions('esbuild')],
    outputs: ['compiler/package/runtime.generated.ts', 'compiler/text/parts.generated.ts'],
    command: ['scripts/build-runtime.mjs'],
  },
  {
    name: 'compiler',
    inputs: ['compiler', 'runtime', 'tsconfig.json', 'tsconfig.build.json', ...versions('typescript')],
    outputs: ['dist/compiler', 'dist/runtime'],
    command: ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'],
  },
]

function versions(...packages) {
  return packages.map((name) => `node_modules/${name}/package.json`)
}

const filesIn = (path) =>
  statSync(path).isDirectory()
    ? readdirSync(path)
        .sort()
        .flatMap((name) => filesIn(`${path}/${name}`))
    : [path]

function digest(paths) {
  const hash = createHash('sha256')
  for (const file of paths.flatMap(filesIn)) hash.update(`${file}\0`).update(readFileSync(file)).update('\0')
  return hash.digest('hex')
}

const stampFile = 'dist/inputs.json'
const stamps = existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : {}
for (const { name, inputs, outputs, command } of steps) {
  const stamp = digest(inputs)
  if (stamps[name] === stamp && outputs.every((output) => existsSync(output))) continue
  console.log(`building: ${name}`)
  // A file that no source gives any more must not stay.
  for (const output of outputs) if (output.startsWith('dist/')) rmSync(output, { recursive: true, force: true })
  const { status } = spawnSync(process.execPath, command, { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
  stamps[name] = stamp
  mkdirSync('dist', { recursive: true })
  writeFileSync(stampFile, JSON.stringify(stamps, null, 2))
}
