import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import encodeJpeg, { init as initJpeg } from '@jsquash/jpeg/encode.js'
import { encode as encodePng } from 'fast-png'
import onnxProto from 'onnx-proto'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engines } from '../../compiler/bench/engines/index.ts'
import { findExecutable, packageFile, withProcess } from '../../compiler/bench/engines/process.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { readNpz, writeNpy, writeNpz } from '../../compiler/data/index.ts'
import { model, node, stored } from '../onnx/build.ts'
import { writeCase } from '../verify/case-folder.ts'

/** What README.md has one type, run word for word, each in a folder with the files that it names. */
const readme = readFileSync('README.md', 'utf8')
const run = promisify(execFile)

const code = [...readme.matchAll(/^```(js|ts)\n([^]*?)^```$/gm)].map(([, language, text]) => ({
  language,
  text: text!,
}))
const scripts = code.filter(({ text }) => text.startsWith('import '))
/** Parts of configurations. */
const fields = code.filter(({ text }) => !text.startsWith('import ')).map(({ text }) => text)
const indented = [
  ...readme.replaceAll(/^```[^]*?^```$/gm, '').matchAll(/\n\n((?: {4}\S.*\n(?:\n(?= {4}))?| {5,}\S.*\n)+)/g),
]
const blocks = indented.map(([, text]) =>
  text!
    .split('\n')
    .map((line) => line.slice(4).trim())
    .filter((line) => line !== ''),
)
const commands = blocks.filter(([line]) => line!.startsWith('attar '))

const known = await engines()
const missing = (name: string) => known.find((engine) => engine.name === name)?.absent !== undefined

let folder: string
const at = (...parts: string[]) => join(folder, ...parts)
const digits = readFileSync('examples/digits/digits.onnx')

/** The sample model for one digit at a time. */
function fixedDigits(): Uint8Array {
  const { onnx } = onnxProto
  const decoded = onnx.ModelProto.decode(digits)
  for (const port of [...decoded.graph!.input!, ...decoded.graph!.output!]) {
    const dims = port.type!.tensorType!.shape!.dim!
    for (const [i, dim] of dims.entries()) if (dim.dimParam) dims[i] = { dimValue: 1 }
  }
  return onnx.ModelProto.encode(decoded).finish()
}

/** A classifier of pictures of any size. */
const pictures = (shape: string) =>
  model({
    inputs: [`image f32[${shape}]`],
    outputs: ['scores f32[?,2]'],
    nodes: [
      node('c = Conv(image, w)', { attributes: { strides: [2, 2] } }),
      'r = Relu(c)',
      'p = GlobalAveragePool(r)',
      node('scores = Flatten(p)'),
    ],
    initializers: [
      stored(
        'w',
        tensorOf(
          'f32',
          [2, 3, 3, 3],
          Array.from({ length: 54 }, (_, i) => ((i * 7) % 13) - 6),
        ),
      ),
    ],
  })

/** A recurrent model of two states. */
const recurrent = model({
  inputs: ['frame f32[512]', 'h f32[8]', 'c f32[8]'],
  outputs: ['speech f32[1]', 'hn f32[8]', 'cn f32[8]'],
  nodes: [
    'm = ReduceMean(frame)',
    'c1 = Add(c, m)',
    'cn = Add(c1, one)',
    't = Tanh(cn)',
    'hn = Add(h, t)',
    's = ReduceSum(hn)',
    'speech = Reshape(s, shape)',
  ],
  initializers: [stored('one', tensorOf('f32', [], [1])), stored('shape', tensorOf('i64', [1], [1]))],
})

/** A classifier of texts by a table of embeddings. */
const words = model({
  inputs: ['ids i64[1,6]'],
  outputs: ['scores f32[1,2]'],
  nodes: [
    'e = Gather(table, ids)',
    node('m = ReduceMean(e)', { attributes: { axes: [1], keepdims: 0 } }),
    's = MatMul(m, w)',
    'scores = Softmax(s)',
  ],
  initializers: [
    stored(
      'table',
      tensorOf(
        'f32',
        [500, 8],
        Array.from({ length: 4000 }, (_, i) => ((i * 31) % 17) - 8),
      ),
    ),
    stored(
      'w',
      tensorOf(
        'f32',
        [8, 2],
        Array.from({ length: 16 }, (_, i) => ((i * 7) % 5) - 2),
      ),
    ),
  ],
})

/** A layer of which most weights are zero. */
const zeros = model({
  inputs: ['x f32[1,128]'],
  outputs: ['y f32[1,64]'],
  nodes: ['y = MatMul(x, w)'],
  initializers: [
    stored(
      'w',
      tensorOf(
        'f32',
        [128, 64],
        Array.from({ length: 8192 }, (_, i) => ((i * 7919) % 1000 < 250 ? i + 1 : 0)),
      ),
    ),
  ],
})

/** The model that a command is about. */
function modelFor(line: string): Uint8Array {
  if (line.includes('--sparse')) return zeros
  if (line.includes('--vocabulary')) return words
  if (line.includes('--state')) return recurrent
  if (line.startsWith('attar train')) return digits
  if (line.includes('--dim batch=1')) return digits
  if (line.includes('--shape')) return pictures('n,3,h,w')
  return line.includes('photos/') ? pictures('1,3,16,16') : fixedDigits()
}

async function prepare(): Promise<void> {
  const { image, y } = readNpz(readFileSync('examples/digits/test.npz'))
  const part = (from: number, to: number) => {
    const data = tensorOf(
      'f32',
      [to - from, 1, 28, 28],
      Array.from(image!.data.subarray(784 * from, 784 * to) as Uint8Array),
    )
    return writeNpz({
      image: data,
      y: tensorOf('u8', [to - from], Array.from(y!.data.subarray(from, to) as Uint8Array)),
    })
  }
  writeFileSync(at('data.npz'), part(0, 60))
  writeFileSync(at('val.npz'), part(60, 120))
  writeFileSync(
    at('image.npy'),
    writeNpy(tensorOf('f32', [1, 1, 28, 28], Array.from(image!.data.subarray(0, 784) as Uint8Array))),
  )
  for (const set of ['train', 'test']) {
    const ids = Array.from({ length: 240 }, (_, i) => BigInt((i * 7) % 40))
    const labels = tensorOf(
      'u8',
      [40],
      Array.from({ length: 40 }, (_, i) => i % 2),
    )
    writeFileSync(at(`${set}.npz`), writeNpz({ ids: tensorOf('i64', [40, 6], ids), y: labels }))
  }
  // The two digits of which a new last layer is to tell which is which.
  const [zeros, ones] = [0, 1].map((digit) =>
    Array.from(y!.data as Uint8Array).flatMap((d, i) => (d === digit ? [i] : [])),
  )
  const two = [...zeros!, ...ones!]
  const rows = two.flatMap((i) => Array.from(image!.data.subarray(784 * i, 784 * (i + 1)) as Uint8Array))
  writeFileSync(
    at('pets.npz'),
    writeNpz({
      image: tensorOf('f32', [two.length, 1, 28, 28], rows),
      y: tensorOf('u8', [two.length], [...zeros!.map(() => 0), ...ones!.map(() => 1)]),
    }),
  )
  for (const set of ['train', 'test']) {
    for (const digit of [0, 1]) {
      mkdirSync(at(set, `${digit}`), { recursive: true })
      for (const i of [zeros!, ones!][digit]!.slice(...(set === 'train' ? [0, 12] : [12, 16]))) {
        const data = image!.data.subarray(784 * i, 784 * (i + 1)) as Uint8Array
        writeFileSync(at(set, `${digit}`, `${i}.png`), encodePng({ width: 28, height: 28, channels: 1, data }))
      }
    }
  }
  writeFileSync(at('attar.config.ts'), scripts[3]!.text)
  writeFileSync(at('search.config.ts'), scripts[4]!.text)
  const pixels = (seed: number) => Uint8Array.from({ length: 768 }, (_, i) => (i * seed) % 256)
  for (const [i, kind] of ['cat', 'dog'].entries()) {
    mkdirSync(at('photos', kind), { recursive: true })
    for (let k = 0; k < 4; k++)
      writeFileSync(
        at('photos', kind, `${k}.png`),
        encodePng({ width: 16, height: 16, channels: 3, data: pixels(31 * i + k + 1) }),
      )
  }
  const rgba = Uint8ClampedArray.from({ length: 1024 }, (_, i) => (i * 13) % 256)
  const picture = { data: rgba, width: 16, height: 16, colorSpace: 'srgb' as const } as ImageData
  await initJpeg(new WebAssembly.Module(readFileSync('node_modules/@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm')))
  writeFileSync(at('cat.jpg'), new Uint8Array(await encodeJpeg(picture)))
  const x = tensorOf('f32', [1, 2], [1, -2])
  writeCase(at('cases', 'relu'), model({ inputs: ['x f32[1,2]'], outputs: ['y f32[1,2]'], nodes: ['y = Relu(x)'] }), [
    { inputs: [x], outputs: [tensorOf('f32', [1, 2], [1, 0])] },
  ])
  // What `npm install` of the package gives.
  mkdirSync(at('node_modules'))
  symlinkSync(resolve('.'), at('node_modules', 'attar'))
  symlinkSync(resolve('node_modules', '@types'), at('node_modules', '@types'))
  mkdirSync(at('bin'))
  writeFileSync(
    at('bin', 'attar'),
    `#!/bin/sh\nexec ${process.execPath} ${resolve('dist/compiler/cli/main.js')} "$@"\n`,
  )
  chmodSync(at('bin', 'attar'), 0o755)
}

const shell = (line: string) => {
  const env = { ...process.env, PATH: `${at('bin')}${delimiter}${process.env['PATH']}` }
  return run('sh', ['-c', line], { cwd: folder, env, timeout: 540_000 })
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'attar-readme-'))
  await prepare()
  writeFileSync(at('model.onnx'), fixedDigits())
  await shell('attar compile model.onnx -o out/')
})
afterAll(() => rmSync(folder, { recursive: true }))

it('has no block of another kind than those below', () => {
  expect(scripts.map(({ language }) => language)).toEqual(['js', 'ts', 'js', 'ts', 'ts', 'js'])
  expect(fields.map((text) => text.split(':')[0])).toEqual(['network', 'network', 'model'])
  const others = blocks.filter((block) => !commands.includes(block)).map(([line]) => line!.split(' ')[0])
  expect(others).toEqual(['model.onnx', 'npm', 'npm', 'error', 'npm'])
  const { scripts: known } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  for (const block of blocks.filter(([line]) => line!.startsWith('npm ')))
    for (const line of block) expect(Object.keys(known)).toContain(line.split(' ')[1])
})

describe('commands', () => {
  it.each(commands.map((block) => [block.join('\n'), block] as const))('%s', { timeout: 600_000 }, async (_, block) => {
    for (const line of block) {
      if (line.includes('chromium') && missing('chromium')) continue
      if (!line.startsWith('attar run') && !line.includes('out/model.wasm'))
        writeFileSync(at('model.onnx'), modelFor(line))
      // Short measurements: what they give is not looked at.
      const short = line.includes('attar bench') && !line.includes('--layers') ? ' --runs 3 --starts 1 --warm-up 0' : ''
      // Other systems take minutes for this network: test/bench/training.test.ts has them train a small one.
      const typed = line.replace(/\s+#.*/, '').replace(/(bench\s+attar.config.ts .*) --against \S+/, '$1')
      // One training for each thing that is trained: how good it gets is not looked at.
      const few = line.startsWith('attar tune') ? ' --trials 2 --epochs 1' : ''
      const { stdout } = await shell(typed + short + few)
      expect(stdout, line).not.toBe('')
    }
  })
})

describe('scripts', () => {
  const [page, worker, stream, config, , library] = scripts.map(({ text }) => text) as string[] as [
    ...[string, string, string, string, string, string],
  ]
  const pixels = new Float32Array(784)

  beforeAll(async () => {
    rmSync(at('out'), { recursive: true, force: true })
    writeFileSync(at('model.onnx'), fixedDigits())
    await shell('attar compile model.onnx -o out/')
    writeFileSync(at('page.mjs'), page)
    writeFileSync(at('worker.ts'), worker)
    writeFileSync(at('library.mjs'), library)
    writeFileSync(at('attar.config.ts'), config)
    const { defineConfig: _, ...known } = await import('../../compiler/config/index.ts')
    for (const [i, text] of fields.entries()) {
      const names = Object.keys(known).filter((name) => new RegExp(`\\b${name}\\(`).test(text))
      const lines = [
        `import { defineConfig, ${names.join(', ')} } from 'attar/config'`,
        `export default defineConfig({`,
      ]
      writeFileSync(at(`fields-${i}.config.ts`), [...lines, text, '})'].join('\n'))
    }
    mkdirSync(at('stream'))
    writeFileSync(at('stream', 'model.onnx'), recurrent)
    await shell('attar compile stream/model.onnx -o stream/out/ --state h=hn --state c=cn')
    writeFileSync(at('stream', 'stream.mjs'), stream)
  })

  it('pass the type checker', { timeout: 120_000 }, () => {
    const options: ts.CompilerOptions = {
      ...{ strict: true, noEmit: true, allowJs: true, checkJs: true, skipLibCheck: true },
      ...{
        target: ts.ScriptTarget.ES2022,
        module: ts.ModuleKind.ESNext,
        moduleResolution: ts.ModuleResolutionKind.Bundler,
      },
      ...{ lib: ['lib.es2023.d.ts', 'lib.dom.d.ts'], types: ['node'], typeRoots: [at('node_modules', '@types')] },
    }
    const configs = ['attar.config.ts', 'search.config.ts', ...fields.map((_, i) => `fields-${i}.config.ts`)]
    const program = ts.createProgram(
      [...['page.mjs', 'worker.ts', 'library.mjs', ...configs].map((file) => at(file)), at('stream', 'stream.mjs')],
      options,
    )
    const found = ts.getPreEmitDiagnostics(program)
    expect(found.map((d) => `${d.file?.fileName}: ${ts.flattenDiagnosticMessageText(d.messageText, ' ')}`)).toEqual([])
  })

  it('run in Node', async () => {
    const { stdout } = await run(process.execPath, [at('page.mjs')], { cwd: folder })
    expect(stdout).toMatch(/^Float32Array\(10\)/)
  })

  it('run on a stream, whose state goes on', async () => {
    const { stdout } = await run(process.execPath, [at('stream', 'stream.mjs')], { cwd: folder })
    const [first, second] = stdout.split('\n').map(Number) as [number, number]
    expect(first).toBeCloseTo(8 * Math.tanh(1), 5)
    expect(second).toBeCloseTo(8 * (Math.tanh(1) + Math.tanh(2)), 5)
  })

  it.skipIf(missing('deno'))('run in Deno with --allow-read', async () => {
    const deno = packageFile(`@deno/${process.platform}-${process.arch}-glibc`, 'deno') ?? findExecutable('deno')!
    const env = { ...process.env, NO_COLOR: '1', DENO_NO_UPDATE_CHECK: '1', DENO_DIR: at('deno') }
    const { stdout } = await run(deno, ['run', '--no-prompt', '--allow-read', at('page.mjs')], { cwd: folder, env })
    expect(stdout).toMatch(/^Float32Array\(10\)/)
    await expect(run(deno, ['run', '--no-prompt', at('page.mjs')], { cwd: folder, env })).rejects.toThrow('read access')
  })

  it.skipIf(missing('chromium'))(
    "run in a page whose policy allows 'wasm-unsafe-eval' and not without",
    { timeout: 120_000 },
    async () => {
      const inPage = async (policy: string): Promise<string> => {
        const types: Record<string, string> = {
          mjs: 'text/javascript',
          js: 'text/javascript',
          wasm: 'application/wasm',
        }
        const server = createServer(({ url }, response) => {
          const file = at(url!.slice(1))
          const found =
            url === '/'
              ? '<!doctype html><script type="module" src="/page.mjs"></script>'
              : existsSync(file) && readFileSync(file)
          response.writeHead(found ? 200 : 404, {
            'Content-Type': types[url!.split('.').at(-1)!] ?? 'text/html',
            'Content-Security-Policy': policy,
          })
          response.end(found || '')
        })
        await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
        const { chromium } = await import('playwright')
        const executablePath = findExecutable('/usr/bin/chromium', 'chromium', 'chromium-browser', 'google-chrome')
        const browser = await chromium.launch({ ...(executablePath && { executablePath }), args: ['--disable-gpu'] })
        try {
          const tab = await browser.newPage()
          const said = new Promise<string>((settle) => {
            tab.on('console', (message) => message.type() === 'log' && settle(message.text()))
            tab.on('pageerror', (error) => settle(error.message))
          })
          await tab.goto(`http://127.0.0.1:${(server.address() as { port: number }).port}/`)
          return await said
        } finally {
          await browser.close()
          server.closeAllConnections()
          server.close()
        }
      }
      expect(await inPage("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'")).toMatch(/^Float32Array\(10\)/)
      expect(await inPage("default-src 'self'")).toMatch(/unsafe-eval/)
    },
  )

  it.skipIf(missing('workerd'))('run as a Worker', { timeout: 120_000 }, async () => {
    const { outputText } = ts.transpileModule(worker, {
      compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
    })
    mkdirSync(at('worker'))
    cpSync(at('out'), at('worker', 'out'), { recursive: true })
    writeFileSync(at('worker', 'main.js'), outputText)
    writeFileSync(
      at('worker', 'config.capnp'),
      `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = (
    compatibilityDate = "2026-01-01",
    modules = [
      (name = "main.js", esModule = embed "main.js"),
      (name = "out/model.js", esModule = embed "out/model.js"),
      (name = "out/model.relaxed.wasm", wasm = embed "out/model.relaxed.wasm"),
    ],
  ))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);`,
    )
    const bits = { x64: '64', arm64: 'arm64' }[process.arch as 'x64' | 'arm64']
    const workerd =
      packageFile(`@cloudflare/workerd-${process.platform}-${bits}`, 'bin/workerd') ?? findExecutable('workerd')!
    const answer = await withProcess(
      workerd,
      ['serve', '--control-fd=3', at('worker', 'config.capnp')],
      {},
      async (reported) => {
        const { port } = JSON.parse(await reported) as { port: number }
        const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: pixels })
        return (await response.json()) as number[]
      },
    )
    expect(answer).toHaveLength(10)
    expect(answer.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1)
  })

  it('compile a model by the library', async () => {
    rmSync(at('out'), { recursive: true })
    writeFileSync(at('model.onnx'), digits)
    await run(process.execPath, [at('library.mjs')], { cwd: folder })
    expect(existsSync(at('out', 'model.js'))).toBe(true)
  })
})
