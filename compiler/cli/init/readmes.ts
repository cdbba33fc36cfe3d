import type { Given, Kind } from './templates.ts'

/** The part of a table of a file. */
const rows = (files: readonly (readonly [name: string, what: string])[]): string =>
  ['| file | what it is |', '| --- | --- |', ...files.map(([name, what]) => `| \`${name}\` | ${what} |`)].join('\n')

const model = ['model.onnx', 'the model; files of its weights or constants, if it has some, stand beside it'] as const
const packages = ['package.json', 'the commands below, and how the model is compiled'] as const

/** How another model takes the place of this one; `place` is where its options stand. */
const exchange = (place: string): string => `## Another model

Put it in place of \`model.onnx\`, with the files of its weights. Models have other inputs and other open dimensions, so look at it first:

    npx attar inspect model.onnx

The options of its compilation stand in ${place}. \`npx attar compile --help\` lists all that there are, such as \`--quantize weights\`
for a quarter of the bytes.
`

const page = ({ name, options }: Given): string => `# ${name}

A page that runs \`model.onnx\`. attar compiles the model to WebAssembly; there is nothing else to download.

    npm install
    npm start

\`npm start\` compiles the model and serves the page. It prints the address, and ends with Ctrl-C.

${rows([
  model,
  ['page.js', 'loads the compiled model and runs it on random numbers'],
  ['index.html', 'the page, with its style in `style.css`'],
  packages,
  ['out/', 'the compiled model, which `npm run model` writes; `out/model.d.ts` says what it takes and gives'],
])}

## Your own data

\`fill\` in \`page.js\` puts random numbers into the inputs. Put your data there.

## Deploy

    npm run model

Then \`index.html\`, \`page.js\`, \`style.css\` and \`out/\` go to any host of static files. A Content-Security-Policy must allow \`'wasm-unsafe-eval'\`.

${exchange(`the script \`model\` of \`package.json\`${options ? `, as \`${options.trim()}\`` : ''}`)}`

const vite = ({ name, query }: Given): string => `# ${name}

A page with Vite and TypeScript that runs \`model.onnx\`. The model is an import: attar compiles it to WebAssembly when Vite builds the page.

    npm install
    npm run dev

${rows([
  model,
  ['main.ts', 'imports the model, and runs it on random numbers'],
  ['index.html', 'the page, with its style in `style.css`'],
  ['vite.config.ts', 'Vite with attar’s plugin'],
  ['models.d.ts', 'types of the model, which Vite writes'],
  packages,
])}

\`npm run check\` builds the page and checks the types.

## Your own data

\`fill\` in \`main.ts\` puts random numbers into the inputs. Put your data there.

## Deploy

    npm run build

Then \`dist/\` goes to any host of static files. A Content-Security-Policy must allow \`'wasm-unsafe-eval'\`.

${exchange(`the import in \`main.ts\`, behind \`?attar\`${query ? `, as \`${query}\`` : ''}. Each is a part \`&NAME=VALUE\``)}`

const worker = ({ name, options }: Given): string => `# ${name}

A Cloudflare Worker that runs \`model.onnx\`. attar compiles the model to WebAssembly, which the Worker imports.

    npm install
    npm run dev

\`npm run dev\` compiles the model and starts the Worker on your machine. It prints the address. GET tells what the model takes and gives. POST takes
the inputs as JSON, \`{ "NAME": [numbers] }\`, and answers with the outputs.

${rows([
  model,
  ['index.ts', 'the Worker'],
  ['wrangler.jsonc', 'its name, and how Cloudflare runs it'],
  packages,
  ['out/', 'the compiled model, which `npm run model` writes; `out/model.d.ts` says what it takes and gives'],
])}

\`npm run check\` checks the types.

## Deploy

    npm run deploy

It asks you to log in to Cloudflare the first time. \`npx attar check out/ --target workers-free\` says whether the model fits into the free plan.

${exchange(`the script \`model\` of \`package.json\`${options ? `, as \`${options.trim()}\`` : ''}`)}`

/** What the README of each kind of project says: what the files are, how to run and to deploy it, and how another model comes in. */
export const readmes: Readonly<Record<Kind, (given: Given) => string>> = { page, vite, worker }
