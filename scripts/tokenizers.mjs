// Compares tokenizers with Hugging Face's own on 1,000 lines in 20 scripts: node scripts/tokenizers.mjs
// With the files of tokenizers behind it, it compares these instead, and measures them beside @huggingface/tokenizers.
import native from '@anush008/tokenizers'
import { Tokenizer } from '@huggingface/tokenizers'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const files = process.argv.slice(2)
if (files.length === 0) {
  const vitest = createRequire(import.meta.url).resolve('vitest/vitest.mjs')
  const env = { ...process.env, ATTAR_TEXT_LINES: '1000' }
  const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/text'], { cwd: root, stdio: 'inherit', env })
  process.exit(status ?? 1)
}

const folder = mkdtempSync(join(tmpdir(), 'tokenizers-'))
try {
  const from = async (source, name) => {
    const outfile = join(folder, name)
    await build({ entryPoints: [`${root}/${source}`], bundle: true, format: 'esm', platform: 'node', outfile })
    return import(pathToFileURL(outfile))
  }
  const lines = (await from('test/text/lines.ts', 'lines.mjs')).linesOf(1000)
  const text = await from('compiler/text/index.ts', 'text.mjs')
  for (const file of files) await measure(file, lines, text)
} finally {
  rmSync(folder, { recursive: true })
}

async function measure(file, lines, { readTokenizer, tokenizerFiles }) {
  const bytes = readFileSync(file)
  const text = bytes.toString()
  const began = performance.now()
  const script = tokenizerFiles(readTokenizer(bytes, file), 'tokenizer')['tokenizer.js']
  const compiled = performance.now() - began
  const path = join(folder, `${Math.random()}.mjs`)
  writeFileSync(path, script)
  const { encode } = await import(pathToFileURL(path))
  console.log(`\n${file}: compiled in ${compiled.toFixed(0)} ms`)
  const size = (name, content) =>
    console.log(
      `  ${name.padEnd(36)} ${content.length} bytes, gzip ${gzipSync(content, { level: 9 }).length}, brotli ${brotliCompressSync(content).length}`,
    )
  size('script', Buffer.from(script))
  if (!text.trimStart().startsWith('{')) return
  const library = readFileSync(
    fileURLToPath(import.meta.resolve('@huggingface/tokenizers')).replace(/[^/]*$/, 'tokenizers.min.mjs'),
  )
  size('tokenizer.json', bytes)
  size('@huggingface/tokenizers, minified', library)

  const judge = native.Tokenizer.fromString(text)
  const other = new Tokenizer(JSON.parse(text), {})
  const wrong = { 'the script': 0, '@huggingface/tokenizers': 0 }
  for (const line of lines) {
    const ids = (await judge.encode(line, null)).getIds().join()
    if (encode(line).ids.join() !== ids) wrong['the script']++
    try {
      if (other.encode(line).ids.join() !== ids) wrong['@huggingface/tokenizers']++
    } catch {
      wrong['@huggingface/tokenizers']++
    }
  }
  for (const [name, count] of Object.entries(wrong))
    console.log(`  ids differ from Rust’s on ${count} of ${lines.length} lines: ${name}`)

  // In turns; each text is new to both, so that what they remember is words, not lines.
  const total = lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0)
  const times = { script: [], 'transformers.js': [], 'new script': [], 'new transformers.js': [] }
  const timed = (name, run) => {
    const start = performance.now()
    run()
    times[name].push(performance.now() - start)
  }
  for (let turn = 0; turn < 9; turn++) {
    timed('script', () => lines.forEach((line) => encode(line)))
    timed('transformers.js', () => lines.forEach((line) => other.encode(line)))
    const start = performance.now()
    await import(`${pathToFileURL(path)}?${turn}`)
    times['new script'].push(performance.now() - start)
    timed('new transformers.js', () => new Tokenizer(JSON.parse(text), {}))
  }
  for (const [name, all] of Object.entries(times)) {
    const median = all.sort((a, b) => a - b)[4]
    const speed = name.startsWith('new')
      ? ''
      : `, ${(total / 1000 / median).toFixed(2)} MB/s, ${((lines.length / median) * 1000).toFixed(0)} lines/s`
    console.log(`  ${name.padEnd(36)} median ${median.toFixed(1)} ms of 9${speed}`)
  }
}
