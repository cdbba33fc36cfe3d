// Takes Binaryen's script apart into dist/binaryen/: its WebAssembly as a file, and the script without it. JavaScript engines take a
// second to read 14 MB of text that hold it as one literal, and a tenth of that for the two.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const instantiate = WebAssembly.instantiate
let binary
WebAssembly.instantiate = (source, imports) => instantiate(...[(binary = source), imports])
await import('binaryen')
if (!WebAssembly.validate(binary)) throw new Error('binaryen does not instantiate its own module')

const source = readFileSync(fileURLToPath(import.meta.resolve('binaryen')), 'utf8')
const decoders = []
const visit = (node) => {
  const [argument, ...more] = (ts.isCallExpression(node) && node.arguments) || []
  if (argument && more.length === 0 && ts.isStringLiteralLike(argument) && argument.text.length > binary.length / 2)
    decoders.push(node)
  else ts.forEachChild(node, visit)
}
const file = ts.createSourceFile('binaryen.js', source, ts.ScriptTarget.Latest)
visit(file)
const [decoder, ...others] = decoders
if (!decoder || others.length > 0) throw new Error('binaryen has its module elsewhere than in one literal')

mkdirSync('dist/binaryen', { recursive: true })
copyFileSync('node_modules/binaryen/LICENSE', 'dist/binaryen/LICENSE')
writeFileSync('dist/binaryen/binaryen.wasm', binary)
const around = [source.slice(0, decoder.getStart(file)), source.slice(decoder.end)]
const script = `// Changed: what was a literal is read from binaryen.wasm.
import { readFileSync as readModule } from 'node:fs'
${around.join("readModule(new URL('binaryen.wasm', import.meta.url))")}`
writeFileSync('dist/binaryen/index.js', script)
