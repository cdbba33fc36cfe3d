// Minifies runtime/ into compiler/package/runtime.generated.ts, for the packager to inline into each model's script.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const { outputFiles } = await build({
  stdin: {
    contents: `import { instantiate, load, target } from './runtime/index.ts'
attar = (spec, locate) => ({
  target,
  instantiate: (source = locate()) => instantiate(source, spec),
  load: (source) => load(spec, source, locate),
})`,
    resolveDir: root,
  },
  bundle: true,
  minify: true,
  format: 'iife',
  target: 'es2022',
  write: false,
})
const source = `let attar;${outputFiles[0].text.trim()}`
writeFileSync(
  `${root}/compiler/package/runtime.generated.ts`,
  `/** Statements that declare \`attar = { instantiate, load, target }\`; made by scripts/build-runtime.mjs. */\nexport const runtimeSource: string = ${JSON.stringify(source)}\n`,
)
