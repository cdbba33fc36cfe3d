// `npm test`: installs, builds, gets what the tests run on as far as it can, and runs every check. Arguments go to vitest,
// and then only vitest runs: `npm test -- test/core`. The last line is `N passed, N failed, N skipped`.
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { armNode, lockedVersion, onPath, prepare, root, run, runApart } from './steps.mjs'

const args = process.argv.slice(2)
prepare()

const playwrightChromium = async () => existsSync((await import('playwright')).chromium.executablePath())
const extras = [
  {
    there: async () => onPath('chromium', 'chromium-browser', 'google-chrome') || playwrightChromium(),
    packages: ['chromium'],
    without: 'tests in Chromium',
  },
  { there: () => onPath('firefox-esr', 'firefox'), packages: ['firefox-esr'], without: 'tests in Firefox' },
  {
    there: () => onPath('WebKitWebDriver') && onPath('Xvfb'),
    packages: ['webkit2gtk-driver', 'xvfb'],
    without: 'tests in WebKit',
  },
  {
    there: () => existsSync('/usr/share/libonnx-testdata/data'),
    packages: ['libonnx-testdata'],
    without: "ONNX's own backend tests",
  },
  {
    there: () => existsSync('/usr/share/datasets/fashion-mnist'),
    packages: ['dataset-fashion-mnist'],
    without: 'tests that train on Fashion-MNIST',
  },
  {
    there: () => onPath('redis-server'),
    packages: ['redis-server'],
    without: 'tests of searches on several machines',
  },
  {
    there: () =>
      process.arch === 'arm64' || (onPath('qemu-aarch64-static') && existsSync('/usr/aarch64-linux-gnu/lib')),
    packages: ['qemu-user-static', 'libc6-arm64-cross', 'libstdc++6-arm64-cross', 'libatomic1-arm64-cross'],
    without: 'tests on Arm',
  },
]

async function missing() {
  const there = await Promise.all(extras.map((extra) => extra.there()))
  return extras.filter((_, i) => !there[i])
}

/** Best effort: what cannot be had is named with the tests that will not run. */
async function provide() {
  const wanted = await missing()
  if (wanted.length === 0) return
  const minutes = (n) => ({ timeout: n * 60_000 })
  if (process.getuid?.() === 0 && onPath('apt-get')) {
    const env = { DEBIAN_FRONTEND: 'noninteractive' }
    run('apt-get', ['update', '-qq'], { env, ...minutes(2) })
    for (const { packages } of wanted) {
      console.log(`installing: ${packages.join(', ')}`)
      run('apt-get', ['install', '-y', '-qq', ...packages], {
        env,
        stdio: ['ignore', 'ignore', 'inherit'],
        ...minutes(5),
      })
    }
  }
  if (!(await extras[0].there())) run('node', ['node_modules/playwright/cli.js', 'install', 'chromium'], minutes(5))
  for (const { packages, without } of await missing()) {
    console.log(`NOT RUN: ${without}, since they could not be installed here (in Debian: ${packages.join(', ')})`)
  }
}

/** Node for Arm, which npm leaves out on other machines. QEMU runs it. */
function provideArmNode() {
  const { there } = extras.at(-1)
  if (process.arch === 'arm64' || !there() || existsSync(join(root, armNode.file))) return
  const wanted = `${armNode.package}@${lockedVersion(armNode.package)}`
  const platform = ['--force', '--os=linux', '--cpu=arm64']
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--loglevel=error']
  const ok = run('npm', ['install', '--prefix', armNode.folder, ...platform, ...quiet, wanted], { timeout: 300_000 })
  if (!ok) console.log(`NOT RUN: tests on Arm, since ${wanted} could not be installed`)
}

await provide()
provideArmNode()

const totals = { passed: 0, failed: 0, skipped: 0 }
const checks =
  args.length > 0
    ? []
    : [
        ['formatting', ['node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.']],
        ['lint', ['node_modules/eslint/bin/eslint.js', '.']],
        ['types', ['node_modules/typescript/bin/tsc', '--noEmit']],
      ]
// Each is one thread, so they run at the same time; what each says comes in one piece.
await Promise.all(
  checks.map(async ([name, command]) => {
    const { ok, said } = await runApart('node', command)
    console.log(`${said}${ok ? 'ok' : 'FAILED'}: ${name}`)
    totals[ok ? 'passed' : 'failed']++
  }),
)

const results = join(root, 'dist/test-results.json')
rmSync(results, { force: true })
const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`]
const ok = run('node', ['node_modules/vitest/vitest.mjs', 'run', ...reporters, ...args])
if (existsSync(results)) {
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(results, 'utf8'),
  )
  // A file that fails before its tests are known counts as one.
  const broken = testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((t) => t.status === 'failed'),
  )
  totals.passed += numPassedTests
  totals.failed += numFailedTests + broken.length
  totals.skipped += numPendingTests + numTodoTests
}
// vitest also fails on errors outside tests, and when it finds none.
if (!ok && totals.failed === 0) totals.failed = 1
console.log(`\n${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
process.exitCode = totals.failed > 0 ? 1 : 0
