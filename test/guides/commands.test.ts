import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { main as Main } from '../../compiler/cli/program.ts'
import { engines } from '../../compiler/bench/engines/index.ts'
import { fixedDigits, modelFor, prepare } from './files.ts'
import { elsewhere, guides, words } from './markdown.ts'

/** The commands that README.md and the guides have one type, word for word, in a folder with the files that they name. */
const root = resolve('.')
const absent = new Set(
  (await engines()).filter((engine) => engine.absent !== undefined).map(({ name }) => name as string),
)

/** Each line once, where it first stands: in its block, since what a line makes the next ones may need. */
const seen = new Set<string>()
const blocks = guides
  .filter(({ file }) => !Object.hasOwn(elsewhere, file))
  .flatMap(({ file, commands }) =>
    commands.map((block) => ({ file, lines: block.map((line) => line.replace(/\s+#.*/, '')) })),
  )
  .filter(({ lines }) => !lines.every((line) => seen.has(line) || !seen.add(line)))

let main: typeof Main
let folder: string
const at = (...parts: string[]): string => join(folder, 'given', ...parts)
const [out, err]: [string[], string[]] = [[], []]
const streams = { out: (text: string) => void out.push(text), err: (text: string) => void err.push(text), status() {} }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attar-guides-'))
  mkdirSync(at('examples/digits'), { recursive: true })
  await prepare(at)
  copyFileSync('examples/digits/digits.onnx', at('examples/digits/digits.onnx'))
  writeFileSync(at('model.onnx'), fixedDigits())
  // The built program, in this process: to start one for each line would take most of the time.
  ;({ main } = (await import(resolve('dist/compiler/cli/program.js'))) as { main: typeof Main })
  expect(await main(['compile', at('model.onnx'), '-o', at('out')], streams)).toBe(0)
})
afterAll(() => {
  process.chdir(root)
  rmSync(folder, { recursive: true })
})
beforeEach(() => {
  out.length = err.length = 0
})

describe.each([...new Set(blocks.map(({ file }) => file))])('%s', (file) => {
  beforeAll(() => {
    const own = join(folder, basename(file))
    cpSync(at(), own, { recursive: true, verbatimSymlinks: true })
    process.chdir(own)
  })
  const own = blocks.filter((block) => block.file === file).map(({ lines }) => [lines.join('\n'), lines] as const)
  it.each(own)('%s', async (_, lines) => {
    for (const line of lines) {
      if (/^(cd|npm) /.test(line)) continue
      if (absent.has('chromium') && line.includes('chromium')) continue
      const [name] = /(?<= )[\w.-]+\.onnx/.exec(line) ?? ['model.onnx']
      if (!line.startsWith('attar run') && !line.includes('out/model.wasm')) writeFileSync(name, modelFor(line))
      // Short measurements: what they give is not looked at.
      const measures = line.includes('attar bench') ? !line.includes('--layers') : /^attar check .*latency/.test(line)
      const short = measures ? ' --runs 3 --starts 1 --warm-up 0' : ''
      // Other systems take minutes: test/bench/peers.test.ts and test/bench/training.test.ts run them with small networks.
      const typed = line.replace(/(bench\s.*) --against \S+/, '$1')
      // One training for each thing that is trained: how good it gets is not looked at.
      const few = line.startsWith('attar tune') ? ' --trials 2 --epochs 1' : ''
      expect(await main(words(typed + short + few).slice(1), streams), `${line}\n${err.join('\n')}`).toBe(0)
      expect(out.join('\n'), line).not.toBe('')
    }
  })
})

it('has no command that is run nowhere', () => {
  const programs = guides.flatMap((guide) => guide.others.flat()).map((line) => line.split(/\s+/)[0]!)
  // Of Node and npx: long comparisons, and a server. Of npm and of projects that attar init writes: test/cli/init.test.ts. Of Redis: test/cli/tune/queue.test.ts.
  expect([...new Set(programs)].sort()).toEqual(['attar', 'error', 'node', 'npm', 'npx', 'redis-server', '…'].sort())
})
