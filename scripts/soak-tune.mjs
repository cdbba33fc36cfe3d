// `node scripts/soak-tune.mjs [kills] [seed]`: searches whose coordinator, workers and Redis server are killed at random, against the same
// searches that nobody disturbs. Wants a built checkout and redis-server; takes some minutes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { tensorOf } from '../dist/compiler/core/tensor.js'
import { writeNpz } from '../dist/compiler/data/index.js'
import { randomOf } from '../dist/compiler/tune/random.js'

const [kills = 20, seed = 1] = process.argv.slice(2).map(Number)
const cli = resolve('dist/compiler/cli/main.js')
const folder = mkdtempSync(join(tmpdir(), 'attar-soak-'))

const random = randomOf(seed, 0)
const below = (n) => Math.floor(random() * n)

/** Points whose class is the sign of a product. */
function points(count) {
  const x = Array.from({ length: 2 * count }, () => 2 * random() - 1)
  const labels = Array.from({ length: count }, (_, i) => Number(x[2 * i] * x[2 * i + 1] > 0))
  return writeNpz({ input: tensorOf('f32', [count, 2], x), y: tensorOf('i32', [count], labels) })
}
for (const [name, count] of [
  ['train', 2000],
  ['val', 500],
  ['test', 500],
])
  // prettier-ignore
  writeFileSync(join(folder, `${name}.npz`), points(count))

const config = (name, tune) => {
  writeFileSync(
    join(folder, `${name}.config.ts`),
    `import { defineConfig, dense, relu, sequential } from 'attar/config'
export default defineConfig((trial) => ({
  network: sequential([dense(trial.int('width', 8, 64, { step: 8 })), relu(), dense(16), relu(), dense(2)]),
  input: [2],
  data: { train: 'train.npz', val: 'val.npz', test: 'test.npz' },
  train: { epochs: 20, batch: 16, learningRate: trial.float('rate', 1e-4, 1e-1, { log: true }) },
  tune: { trials: 40, seeds: 1, objectives: ['accuracy', 'bytes'], ${tune} },
}))
`,
  )
}
// What is drawn at random does not depend on which trial ends first.
config('many', "sampler: 'random', stopper: 'none'")
config('one', '')

const started = new Set()
function start(command, ...args) {
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
  child.text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (child.text += chunk))
  child.ended = once(child, 'close').then(([code]) => {
    started.delete(child)
    return code
  })
  started.add(child)
  return child
}
const attar = (...args) => start(process.execPath, cli, ...args)

const port = await new Promise((done) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address()
    server.close(() => done(port))
  })
})
const address = `redis://127.0.0.1:${port}`
mkdirSync(join(folder, 'redis'))
const redis = () =>
  start(
    'redis-server',
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--dir',
    'redis',
    '--appendonly',
    'yes',
    '--save',
    '',
  )

const read = (name, file) => readFileSync(join(folder, name, file), 'utf8')
const entries = (name) =>
  read(name, 'journal.jsonl')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line.slice(17)))

async function undisturbed(name) {
  const code = await attar('tune', `${name}.config.ts`, '-o', `${name}-alone`).ended
  if (code !== 0) throw new Error(`the search that nobody disturbs ended with ${code}`)
}

/** Runs a search while what is at work is killed, one after another. */
async function disturbed(name, workers) {
  const tune = (more) =>
    attar('tune', `${name}.config.ts`, '-o', `${name}-disturbed`, '--queue', address, '--lease', '2', ...more)
  const worker = () => attar('worker', address, `${name}.config.ts`)
  let server = redis()
  await setTimeout(500)
  let coordinator = tune([])
  const crew = Array.from({ length: workers }, worker)
  let done = false
  const counts = { coordinator: 0, worker: 0, redis: 0 }
  for (let kill = 0; kill < kills && !done; kill++) {
    done = await Promise.race([coordinator.ended.then(() => true), setTimeout(500 + below(3000), false)])
    if (done) break
    // Redis once in the middle, and once later.
    const what = kill === kills >> 1 || kill === kills - 2 ? 'redis' : below(4) === 0 ? 'coordinator' : 'worker'
    counts[what]++
    if (what === 'redis') {
      server.kill('SIGKILL')
      await server.ended
      await setTimeout(below(3000))
      server = redis()
    } else if (what === 'coordinator') {
      coordinator.kill('SIGKILL')
      await coordinator.ended
      coordinator = tune(['--resume'])
    } else {
      const at = below(crew.length)
      crew[at].kill('SIGKILL')
      await crew[at].ended
      crew[at] = worker()
    }
  }
  const code = await coordinator.ended
  crew.forEach((one) => one.kill('SIGINT'))
  const codes = await Promise.all(crew.map((one) => one.ended))
  server.kill('SIGTERM')
  await server.ended
  console.log(`${name}: kills ${JSON.stringify(counts)}${done ? ' (the search ended before all were done)' : ''}`)
  if (code !== 0) throw new Error(`the search ended with ${code}:\n${coordinator.text}`)
  if (codes.some((c) => c !== 0)) throw new Error(`workers ended with ${codes}`)
}

function check(what, ok) {
  console.log(`${ok ? 'ok' : 'FAILED'}: ${what}`)
  if (!ok) process.exitCode = 1
}

try {
  await undisturbed('many')
  await disturbed('many', 3)
  const all = entries('many-disturbed')
  const eachOnce = (kind) => {
    const numbers = all.filter((entry) => entry.kind === kind).map(({ trial }) => trial)
    return numbers.length === 40 && new Set(numbers).size === 40
  }
  check('three workers: every trial started and ended once', eachOnce('start') && eachOnce('end'))
  const [report, alone] = ['many-disturbed', 'many-alone'].map((name) => JSON.parse(read(name, 'tune.json')))
  const same = (field) => JSON.stringify(report[field]) === JSON.stringify(alone[field])
  check('three workers: trials as undisturbed', same('trials'))
  check('three workers: front and best as undisturbed', same('front') && same('best') && same('comparison'))

  await undisturbed('one')
  await disturbed('one', 1)
  const equal = (file) =>
    readFileSync(join(folder, 'one-disturbed', file)).equals(readFileSync(join(folder, 'one-alone', file)))
  for (const file of ['journal.jsonl', 'model.onnx', 'params.json'])
    check(`one worker: ${file}, byte by byte`, equal(file))
  const renamed = read('one-disturbed', 'tune.json').replaceAll('one-disturbed', 'one-alone')
  check('one worker: tune.json but for the folder', renamed === read('one-alone', 'tune.json'))
} finally {
  for (const child of started) child.kill('SIGKILL')
  if (process.exitCode) console.log(`what was written: ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
}
