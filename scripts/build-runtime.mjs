// Minifies runtime/ into compiler/package/runtime.generated.ts, for the packager to inline into each model's script.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

/** Statements that declare `name`, which `contents` assigns. `withStates` and `withSignatures` are constants of runtime/index.ts. */
async function minified(name, contents, { withStates = true, withSignatures = false } = {}) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    define: { withStates: String(withStates), withSignatures: String(withSignatures) },
    write: false,
  })
  return JSON.stringify(`let ${name};${outputFiles[0].text.trim()}`)
}

const attar = `import { instantiate, load, target } from './runtime/index.ts'
attar = (spec, locate) => ({
  target,
  instantiate: (source = locate()) => instantiate(source, spec),
  load: (source) => load(spec, source, locate),
})`
const decode = `import { decode as bytes } from './runtime/base64.ts'
decode = bytes`
const lengths = `import { withLengths as sized } from './runtime/lengths.ts'
lengths = sized`
const encoded = `import { withEncoded as extend } from './runtime/encoded.ts'
encoded = extend`
const strings = `import { withStrings as extend } from './runtime/strings.ts'
strings = extend`
const structures = `import { withStructures as structured } from './runtime/structures.ts'
structures = structured`
const boxes = `import { withBoxes as found } from './runtime/boxes.ts'
boxes = found`
const pictures = `import { withPictures as extend } from './runtime/pictures.ts'
pictures = extend`
const texts = `import { withTexts as extend } from './runtime/texts.ts'
texts = extend`
writeFileSync(
  `${root}/compiler/package/runtime.generated.ts`,
  `// Made by scripts/build-runtime.mjs.
/** Declares \`attar(spec, locate)\`, which gives what a model's script exports. */
export const runtimeSource: string = ${await minified('attar', attar, { withStates: false })}
/** The same for models with states. */
export const statefulRuntimeSource: string = ${await minified('attar', attar)}
/** The same for models of several shapes. */
export const signaturesRuntimeSource: string = ${await minified('attar', attar, { withStates: false, withSignatures: true })}
/** The same for models of several shapes with states. */
export const statefulSignaturesRuntimeSource: string = ${await minified('attar', attar, { withSignatures: true })}
/** Declares \`decode\` of runtime/base64.ts. */
export const decodeSource: string = ${await minified('decode', decode)}
/** Declares \`lengths(exports, spec)\` of runtime/lengths.ts. */
export const lengthsSource: string = ${await minified('lengths', lengths)}
/** Declares \`encoded(exports, spec)\` of runtime/encoded.ts. */
export const encodedSource: string = ${await minified('encoded', encoded)}
/** Declares \`strings(exports, spec)\` of runtime/strings.ts. */
export const stringsSource: string = ${await minified('strings', strings)}
/** Declares \`structures(exports, spec)\` of runtime/structures.ts. */
export const structuresSource: string = ${await minified('structures', structures)}
/** Declares \`boxes(exports, spec)\` of runtime/boxes.ts. */
export const boxesSource: string = ${await minified('boxes', boxes)}
/** Declares \`pictures(exports, spec)\` of runtime/pictures.ts. */
export const picturesSource: string = ${await minified('pictures', pictures)}
/** Declares \`texts(exports, spec, encode)\` of runtime/texts.ts. */
export const textsSource: string = ${await minified('texts', texts)}
`,
)

// What tokenizers are put together of, each part by itself.
const { outputFiles } = await build({
  stdin: { contents: `export * from './runtime/text/parts.ts'`, resolveDir: root },
  ...{ bundle: true, format: 'esm', write: false },
})
const parts = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)
const sources = await Promise.all(
  Object.keys(parts).map(async (name) => {
    const contents = `import { ${name} as part } from './runtime/text/parts.ts'\n${name} = part`
    return `  ${name}: ${await minified(name, contents)},\n`
  }),
)
writeFileSync(
  `${root}/compiler/text/parts.generated.ts`,
  `// Made by scripts/build-runtime.mjs.
import type { PartName } from './plan.ts'

/** By a part's name, what declares it. */
export const partSources: Readonly<Record<PartName, string>> = {
${sources.join('')}}
`,
)
