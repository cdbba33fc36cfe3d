import { readmes } from './readmes.ts'

/** The projects that `attar init` writes. */
export const kinds = ['page', 'worker', 'vite'] as const
export type Kind = (typeof kinds)[number]

/** What a project is written around. */
export interface Given {
  readonly name: string
  /** Options of `attar compile`, as they stand in a script of package.json: ` --dim batch=1`. */
  readonly options: string
  /** The same in an import: `&dim=batch=1`. */
  readonly query: string
  /** Whether the model is compiled for one shape alone. */
  readonly isOneShape: boolean
  /** attar, as package.json has it: a range of versions, or where there is a checkout of it. */
  readonly attar: string
}

export interface Project {
  readonly files: Readonly<Record<string, string>>
  /** What to type in the project's folder. */
  readonly commands: readonly string[]
}

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`

const packageFile = (given: Given, scripts: object, packages: Readonly<Record<string, string>>): string => {
  const { name, attar } = given
  return json({ name, private: true, type: 'module', scripts, devDependencies: { attar, ...packages } })
}

const compilerOptions = {
  ...{ strict: true, noEmit: true, target: 'ES2022', module: 'ESNext', moduleResolution: 'bundler' },
  ...{ types: [], skipLibCheck: true },
}

const index = (script: string): string => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>A model in a page</title>
    <link rel="icon" href="data:," />
    <link rel="stylesheet" href="style.css" />
    <script type="module" src="${script}"></script>
  </head>
  <body>
    <main>
      <h1>A model in a page</h1>
      <p>It runs on your device, here on random numbers.</p>
      <button type="button" id="run" disabled>Run</button>
      <p id="note" role="status">Loading …</p>
      <dl id="outputs"></dl>
    </main>
  </body>
</html>
`

const style = `:root {
  color-scheme: light dark;
}

body {
  max-width: 40rem;
  margin: 0 auto;
  padding: 1.5rem 1rem;
  font:
    1rem/1.5 system-ui,
    sans-serif;
}

button {
  min-height: 2.75rem;
  padding: 0 1.25rem;
  font: inherit;
}

dt {
  font-weight: 600;
}

dd {
  margin: 0 0 0.75rem;
  overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums;
}
`

/** What page and Vite's page do; \`typed\` is what TypeScript asks for beyond it. */
const script = (
  source: string,
  typed: boolean,
  { isOneShape }: Given,
): string => `import { load, spec } from '${source}'

const element = (id${typed ? ': string' : ''}) => document.getElementById(id)${typed ? '!' : ''}
const button = element('run')${typed ? ' as HTMLButtonElement' : ''}

${
  isOneShape
    ? 'const model = await load()'
    : `// At the first of its shapes. What \`load\` gives has all of them, and \`run\` takes the one that the inputs fit.
const [model] = (await load()).signatures`
}

/** Puts something into each input. Put your own data here: \`model.run({ NAME: array, … })\` takes it, too. */
function fill() {
  for (const view of Object.values(model.inputs)) {
    if (view instanceof Float32Array || view instanceof Float64Array)
      for (let i = 0; i < view.length; i++) view[i] = Math.random()
  }
}

function run() {
  fill()
  const begin = performance.now()
  const outputs = model.run()
  element('note').textContent = \`\${(performance.now() - begin).toFixed(1)} ms\`
  const shown = spec.outputs.flatMap(({ name, dtype, shape }) => {
    const [term, value] = [document.createElement('dt'), document.createElement('dd')]
    term.textContent = \`\${name} \${dtype}[\${shape.join(', ')}]\`
    const values = Array.from(outputs[name], String)
    value.textContent = values.slice(0, 10).join(', ') + (values.length > 10 ? ', …' : '')
    return [term, value]
  })
  element('outputs').replaceChildren(...shown)
}

button.addEventListener('click', run)
button.disabled = false
run()
`

const page = (given: Given): Project => ({
  files: {
    'package.json': packageFile(
      given,
      { model: `attar compile model.onnx -o out/${given.options}`, start: 'npm run model && esbuild --servedir=.' },
      { esbuild: '^0.28.0' },
    ),
    'README.md': readmes.page(given),
    'index.html': index('page.js'),
    'page.js': script('./out/model.js', false, given),
    'style.css': style,
    '.gitignore': 'node_modules/\nout/\n',
  },
  commands: ['npm install', 'npm start'],
})

const vite = (given: Given): Project => ({
  files: {
    'package.json': packageFile(
      given,
      { dev: 'vite', build: 'vite build', check: 'vite build && tsc' },
      { typescript: '^6.0.0', vite: '^8.0.0' },
    ),
    'README.md': readmes.vite(given),
    'index.html': index('/main.ts'),
    'main.ts': script(`./model.onnx?attar${given.query}`, true, given),
    'style.css': style,
    'vite.config.ts': `import attar from 'attar/vite'
import { defineConfig } from 'vite'

export default defineConfig({
  plugins: [attar({ types: 'models.d.ts' })],
  // Scripts of these engines may wait for a model at their top level.
  build: { target: 'es2022' },
})
`,
    'tsconfig.json': json({
      compilerOptions: { ...compilerOptions, lib: ['ES2023', 'DOM', 'DOM.Iterable'] },
      include: ['main.ts', 'models.d.ts'],
    }),
    '.gitignore': 'node_modules/\ndist/\nmodels.d.ts\n',
  },
  commands: ['npm install', 'npm run dev'],
})

const worker = (given: Given): Project => ({
  files: {
    'package.json': packageFile(
      given,
      {
        model: `attar compile model.onnx -o out/ --target relaxed-simd${given.options}`,
        dev: 'npm run model && wrangler dev',
        deploy: 'npm run model && wrangler deploy',
        check: 'npm run model && tsc',
      },
      { typescript: '^6.0.0', wrangler: '^4.0.0' },
    ),
    'README.md': readmes.worker(given),
    'index.ts': `import { instantiate, spec, type Inputs } from './out/model.js'
import wasm from './out/model.relaxed.wasm'

// Once for each isolate, not for each request.
const model = instantiate(wasm)

/** Arrays as JSON has them. */
const plain = (_: string, value: unknown): unknown =>
  ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : typeof value === 'bigint' ? Number(value) : value

const answer = (value: unknown, status = 200): Response =>
  new Response(JSON.stringify(value, plain), { status, headers: { 'Content-Type': 'application/json' } })

export default {
  /** GET tells what the model takes and gives; POST takes inputs, \`{ "NAME": [numbers] }\`, and answers with the outputs. */
  async fetch(request: Request): Promise<Response> {
    if (request.method === 'GET') return answer(${given.isOneShape ? '{ inputs: spec.inputs, outputs: spec.outputs }' : '{ signatures: spec.signatures }'})
    if (request.method !== 'POST') return answer({ error: 'GET or POST' }, 405)
    try {
      return answer(model.run((await request.json()) as Inputs))
    } catch (error) {
      // What the inputs should have been, or where the text is no JSON.
      return answer({ error: (error as Error).message }, 400)
    }
  },
}
`,
    'wrangler.jsonc': json({
      $schema: './node_modules/wrangler/config-schema.json',
      ...{ name: given.name, main: 'index.ts', compatibility_date: '2026-01-01' },
    }),
    'tsconfig.json': json({
      compilerOptions: { ...compilerOptions, lib: ['ES2023', 'WebWorker'] },
      include: ['index.ts'],
    }),
    '.gitignore': 'node_modules/\nout/\n.wrangler/\n',
  },
  commands: ['npm install', 'npm run dev'],
})

export const projects: Readonly<Record<Kind, (given: Given) => Project>> = { page, worker, vite }
