// Builds the playground, a static page with the compiler in it: node scripts/build-playground.mjs -o FOLDER. `npm run build` comes first.
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const { values } = parseArgs({ options: { output: { type: 'string', short: 'o' } } })
if (!values.output) {
  console.error('usage: node scripts/build-playground.mjs -o FOLDER')
  process.exit(2)
}
const out = resolve(values.output)
process.chdir(fileURLToPath(new URL('..', import.meta.url)))
if (!existsSync('dist/compiler')) {
  console.error('dist/ is missing: npm run build makes it')
  process.exit(1)
}
const { takeApart } = await import('../dist/compiler/wasm/binaryen.js')
const { style: frame } = await import('../dist/compiler/report/frame.js')
const { style: parts } = await import('../dist/compiler/report/inspection/parts.js')

const from = 'examples/playground'
mkdirSync(join(out, 'examples'), { recursive: true })
// Names of parts change with what is in them.
rmSync(join(out, 'parts'), { recursive: true, force: true })

// The module of Binaryen is a file, which browsers compile as it comes.
let module
const binaryen = {
  name: 'binaryen',
  setup: ({ onLoad }) =>
    onLoad({ filter: /node_modules\/binaryen\/index\.js$/ }, ({ path }) => {
      const apart = takeApart(readFileSync(path))
      if (!apart) throw new Error('binaryen has its module elsewhere than in one literal')
      module = apart.module
      const fetched = `new Uint8Array(await (await fetch(new URL('binaryen.wasm', import.meta.url))).arrayBuffer())`
      return { contents: apart.around.join(fetched), loader: 'js' }
    }),
}

const { metafile } = await build({
  entryPoints: [`${from}/page.ts`, `${from}/worker.ts`],
  outdir: out,
  ...{
    bundle: true,
    format: 'esm',
    splitting: true,
    minify: true,
    metafile: true,
    target: 'es2022',
    platform: 'browser',
  },
  // Some packages ask where they run before they import these.
  external: ['node:*'],
  chunkNames: 'parts/[name]-[hash]',
  legalComments: 'none',
  plugins: [binaryen],
  logLevel: 'warning',
})
const ownStyle = readFileSync(`${from}/style.css`, 'utf8')
const files = {
  'parts/binaryen.wasm': module,
  'style.css': [frame, parts, ownStyle].join('\n'),
  'licences.txt': licences(Object.keys(metafile.inputs)),
}
for (const [name, content] of Object.entries(files)) writeFileSync(join(out, name), content)
cpSync(`${from}/index.html`, join(out, 'index.html'))
for (const name of ['digits.onnx', 'test.npz']) cpSync(`examples/digits/${name}`, join(out, 'examples', name))

const listed = [...Object.keys(metafile.outputs).map((path) => relative(out, resolve(path))), ...Object.keys(files)]
for (const name of listed.sort()) {
  const bytes = readFileSync(join(out, name))
  console.log(
    `${name}  ${bytes.length.toLocaleString('en-US')} bytes, ${gzipSync(bytes).length.toLocaleString('en-US')} after gzip`,
  )
}

/** Of every package of which something is in the page, and attar's own. */
function licences(inputs) {
  const folders = new Set(inputs.map((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0]).filter(Boolean))
  const texts = ['.', ...[...folders].sort()].map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))
    const text = file ? readFileSync(join(folder, file), 'utf8') : `Licence: ${license}\n`
    return `${name} ${version} (${license})\n\n${text}`
  })
  return texts.join(`\n${'-'.repeat(80)}\n\n`)
}
