// `node scripts/fuzz.mjs [minutes] [bytes|graphs|options …]`: the fuzzers of test/fuzz, each for so many minutes (default: 10), on seeds that no
// run had before it. The first failure ends it; its message names the seed.
import { spawnSync } from 'node:child_process'

const [given = '10', ...chosen] = process.argv.slice(2)
const minutes = Number(given)
const known = { bytes: 2000, graphs: 300, options: 600 }
const fuzzers = chosen.length > 0 ? chosen : Object.keys(known)
if (!(minutes > 0) || fuzzers.some((name) => !Object.hasOwn(known, name))) {
  console.error('usage: node scripts/fuzz.mjs [minutes] [bytes|graphs|options …]')
  process.exit(2)
}
// Seconds since 2020 as the first seed: later runs draw others.
let seed = Math.floor(Date.now() / 1000) - 1577836800
for (const name of fuzzers) {
  const end = Date.now() + minutes * 60_000
  let cases = 0
  while (Date.now() < end) {
    const env = { ...process.env, FUZZ: String(known[name]), FUZZ_SEED: String(seed) }
    // So many cases are one test, whose seconds are no finding.
    const args = ['vitest', 'run', `test/fuzz/${name}.test.ts`, '--testTimeout=1800000']
    const { status, stdout, stderr } = spawnSync('npx', args, { env, encoding: 'utf8' })
    if (status !== 0) {
      console.error(stdout + stderr)
      console.error(`${name} failed with FUZZ=${known[name]} FUZZ_SEED=${seed}`)
      process.exit(1)
    }
    seed += known[name]
    cases += known[name]
    console.log(`${name}: ${cases.toLocaleString('en')} cases, up to seed ${seed - 1}`)
  }
}
