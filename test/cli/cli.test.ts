import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { readNpz, writeNpy, writeNpz } from '../../compiler/data/index.ts'
import type { ModelDescription } from '../../compiler/cli/inspect/model.ts'
import { model, node, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'
import { writeCase } from '../verify/case-folder.ts'

const f32 = (shape: number[], ...values: number[]) => tensorOf('f32', shape, values)

const ints = (...values: number[]) => tensorOf('i64', [values.length], values.map(BigInt))

const dense = model({
  inputs: ['x f32[batch,2]'],
  outputs: ['y f32[batch,3]'],
  nodes: ['t = MatMul(x, w)', 'y = Relu(t)'],
  initializers: [stored('w', f32([2, 3], 1, -1, 2, 0, 3, -2))],
})

const { folder, at, out, err, attar, json } = commandLine()

beforeAll(() => {
  writeFileSync(at('dense.onnx'), dense)
  writeFileSync(at('x.npy'), writeNpy(f32([1, 2], 1, 2)))
})

describe('usage', () => {
  it('shows help with the exit codes', async () => {
    for (const args of [
      ['--help'],
      ['compile', '--help'],
      ['run', '--help'],
      ['verify', '--help'],
      ['inspect', '--help'],
    ]) {
      out.length = 0
      expect(await attar(...args)).toBe(0)
      expect(out.join('\n')).toContain('Exit codes:')
    }
    expect(await attar('--version')).toBe(0)
  })

  it('exits with 2 for what it does not understand', async () => {
    const wrong = [
      ['unknown'],
      ['compile'],
      ['compile', at('dense.onnx')],
      ['compile', at('dense.onnx'), '-o', at('no'), '--shape', 'x'],
      ['compile', at('dense.onnx'), '-o', at('no'), '--dim', 'batch=-1'],
      ['compile', at('dense.onnx'), '-o', at('no'), '--target', 'avx'],
      ['verify'],
      ['verify', at('dense.onnx')],
      ['verify', at('dense.onnx'), at('no'), '--cases', folder],
      ['verify', at('dense.onnx'), at('no'), '--samples', '1.5'],
      ['bench', at('dense.onnx'), '--layers', '--html', at('no')],
    ]
    for (const args of wrong) {
      err.length = 0
      expect(await attar(...args), args.join(' ')).toBe(2)
      expect(err.join('\n')).toMatch(/^error: /)
    }
    expect(existsSync(at('no'))).toBe(false)
  })
})

describe('compile', () => {
  it('writes the artefacts and prints what they take', async () => {
    expect(await attar('compile', at('dense.onnx'), '-o', at('out'), '--dim', 'batch=1')).toBe(0)
    const modules = ['model.relaxed.wasm', 'model.relaxed.wasm.d.ts', 'model.wasm', 'model.wasm.d.ts']
    const files = ['model.d.ts', 'model.js', ...modules, 'package.json', 'report.json']
    expect(readdirSync(at('out')).sort()).toEqual(files)
    expect(out.join('\n')).toMatch(/^bytes +raw +gzip +brotli\nmodel\.wasm +[\d,]+ +[\d,]+ +[\d,]+\n {2}code /)
    expect(out.join('\n')).toMatch(/\nmemory +65,536 +bytes: weights/)
  })

  it('prints JSON, takes a name and a target', async () => {
    const args = ['--shape', 'x=4,2', '--name', 'd', '--target', 'simd', '--json']
    expect(await attar('compile', at('dense.onnx'), '-o', at('named'), ...args)).toBe(0)
    const files = ['d.d.ts', 'd.js', 'd.wasm', 'd.wasm.d.ts', 'package.json', 'report.json']
    expect(readdirSync(at('named')).sort()).toEqual(files)
    const size = readFileSync(at('named/d.wasm')).length
    expect(json()).toMatchObject({
      parts: expect.arrayContaining([expect.objectContaining({ part: 'd.wasm', raw: size })]),
      spec: { inputs: [{ name: 'x', shape: [4, 2] }] },
      report: { memory: 65536 },
    })
  })

  it('leaves no module of an earlier compilation beside the new ones', async () => {
    const compileTo = (...args: string[]) =>
      attar('compile', at('dense.onnx'), '-o', at('stale'), '--dim', 'batch=1', ...args)
    expect(await compileTo('--name', 'other')).toBe(0)
    expect(await compileTo()).toBe(0)
    expect(await compileTo('--target', 'simd')).toBe(0)
    const modules = () =>
      readdirSync(at('stale'))
        .filter((file) => file.endsWith('.wasm'))
        .sort()
    expect(modules()).toEqual(['model.wasm', 'other.relaxed.wasm', 'other.wasm'])
    expect(await compileTo('--target', 'relaxed-simd')).toBe(0)
    expect(modules()).toEqual(['model.relaxed.wasm', 'other.relaxed.wasm', 'other.wasm'])
  })

  it('makes one script with the baseline inside, or the module that is asked for', async () => {
    const compileTo = (...args: string[]) =>
      attar('compile', at('dense.onnx'), '-o', at('inline'), '--dim', 'batch=1', ...args)
    expect(await compileTo()).toBe(0)
    expect(await compileTo('--inline')).toBe(0)
    expect(readdirSync(at('inline')).sort()).toEqual(['model.d.ts', 'model.js', 'package.json', 'report.json'])
    const run = `import { instantiate, load } from ${JSON.stringify(pathToFileURL(at('inline/model.js')).href)}
      for (const model of [instantiate(), await load()]) console.log([...model.run({ x: [1, 2] }).y].join())`
    const node = spawnSync(process.execPath, ['--input-type=module', '-e', run], { encoding: 'utf8' })
    expect([node.stderr, node.stdout]).toEqual(['', '1,5,0\n1,5,0\n'])
    err.length = 0
    expect(await compileTo('--inline', '--target', 'both')).toBe(2)
    expect(err.join('\n')).toContain('one module')
    const scripts = ['simd', 'relaxed-simd'].map(async (target) => {
      const args = ['--dim', 'batch=1', '--inline', '--target', target]
      expect(await attar('compile', 'examples/digits/digits.onnx', '-o', at(target), ...args)).toBe(0)
      return readFileSync(at(target, 'model.js'), 'utf8')
    })
    const [simd, relaxed] = await Promise.all(scripts)
    expect(simd).not.toBe(relaxed)
  })

  it('writes scripts that packages of CommonJS can import, and leaves their package.json alone', async () => {
    const own = '{ "name": "own", "type": "commonjs" }'
    mkdirSync(at('project'))
    writeFileSync(at('project/package.json'), own)
    writeFileSync(
      at('project/main.js'),
      `import('./out/model.js').then(({ load }) => load()).then((model) => console.log([...model.run({ x: [1, 2] }).y].join()))`,
    )
    const compileTo = (folder: string) => attar('compile', at('dense.onnx'), '-o', at(folder), '--dim', 'batch=1')
    expect(await compileTo('project/out')).toBe(0)
    expect(await compileTo('project/out')).toBe(0)
    expect(err).toEqual([])
    const node = spawnSync(process.execPath, [at('project/main.js')], { encoding: 'utf8' })
    expect([node.stderr, node.stdout]).toEqual(['', '1,5,0\n'])
    expect(await compileTo('project')).toBe(0)
    expect(err.join('\n')).toMatch(/package.json" does not say "type": "module"/)
    expect(readFileSync(at('project/package.json'), 'utf8')).toBe(own)
    for (const [content, told] of [
      ['{', 1],
      ['[]', 1],
      ['null', 1],
      ['{ "type": "module" }', 0],
    ] as const) {
      err.length = 0
      writeFileSync(at('project/package.json'), content)
      expect(await compileTo('project')).toBe(0)
      expect(err).toHaveLength(told)
      expect(readFileSync(at('project/package.json'), 'utf8')).toBe(content)
    }
  })

  it('says how long each phase takes', async () => {
    const args = ['-o', at('profiled'), '--dim', 'batch=1', '--profile']
    expect(await attar('compile', at('dense.onnx'), ...args)).toBe(0)
    const phases = ['start', 'reading', 'import', 'passes', 'schedule', 'emit', 'packaging', 'sizes']
    expect(out.join('\n')).toMatch(new RegExp(`\nphase +ms\n${phases.map((phase) => `${phase} +\\d+`).join('\n')}$`))
    out.length = 0
    expect(await attar('compile', at('dense.onnx'), ...args, '--json')).toBe(0)
    expect((json() as { phases: { phase: string }[] }).phases.map(({ phase }) => phase)).toEqual(phases)
  })

  it('binds inputs to files', async () => {
    const args = ['--bind', `x=${at('x.npy')}`, '--json']
    expect(await attar('compile', at('dense.onnx'), '-o', at('bound'), ...args)).toBe(0)
    expect(json()).toMatchObject({ spec: { inputs: [], outputs: [{ name: 'y', shape: [1, 3] }] } })
    out.length = 0
    expect(await attar('run', at('bound/model.wasm'), '--json')).toBe(0)
    expect(json()).toEqual({ outputs: { y: { dtype: 'f32', shape: [1, 3], data: [1, 5, 0] } } })
  })

  it('prints warnings on stderr, and has them in JSON', async () => {
    const twice = model({ inputs: ['x f32[2]'], outputs: ['y', 'y'], nodes: ['y = Relu(x)'] })
    writeFileSync(at('twice.onnx'), twice)
    expect(await attar('compile', at('twice.onnx'), '-o', at('twice'))).toBe(0)
    expect(err.join('\n')).toMatch(/^warning A108 repeated-output\n/)
    out.length = 0
    expect(await attar('compile', at('twice.onnx'), '-o', at('twice'), '--json')).toBe(0)
    expect(json()).toMatchObject({ warnings: [{ code: 'A108' }] })
    out.length = 0
    expect(await attar('inspect', at('twice.onnx'), '--json')).toBe(0)
    expect(json()).toMatchObject({ warnings: [{ code: 'A108' }] })
  })

  it('reports diagnostics and writes nothing', async () => {
    expect(await attar('compile', at('dense.onnx'), '-o', at('none'))).toBe(2)
    expect(err.join('\n')).toMatch(/^error A105 unbound-dimension\n[^]*--dim batch=1/)
    expect(await attar('compile', at('dense.onnx'), '-o', at('none'), '--json')).toBe(2)
    expect(json()).toMatchObject({ diagnostics: [{ code: 'A105' }] })
    expect(existsSync(at('none'))).toBe(false)
    writeFileSync(at('garbage.onnx'), 'garbage')
    expect(await attar('compile', at('garbage.onnx'), '-o', at('none'))).toBe(2)
    expect(await attar('compile', at('missing.onnx'), '-o', at('none'))).toBe(2)
    expect(err.join('\n')).toMatch(/A101[^]*A502/)
  })
})

describe('run', () => {
  const module = (): string => at('out/model.wasm')

  it('takes an .npy and prints the outputs', async () => {
    expect(await attar('run', module(), '--input', `x=${at('x.npy')}`)).toBe(0)
    expect(out).toEqual(['y f32[1,3] 1.000000, 5.000000, 0.000000'])
  })

  it('takes and writes an .npz, converting NumPy’s f64', async () => {
    writeFileSync(at('in.npz'), writeNpz({ x: tensorOf('f64', [1, 2], [2, 1]) }))
    expect(await attar('run', module(), '--inputs', at('in.npz'), '-o', at('results/y.npz'))).toBe(0)
    expect(readNpz(readFileSync(at('results/y.npz')))).toEqual({ y: f32([1, 3], 2, 1, 2) })
  })

  it('draws random inputs by a seed', async () => {
    const draw = async (seed: string): Promise<unknown> => {
      out.length = 0
      expect(await attar('run', module(), '--input', 'x=random', '--seed', seed, '--json')).toBe(0)
      return json()
    }
    expect(await draw('1')).toEqual(await draw('1'))
    expect(await draw('1')).not.toEqual(await draw('2'))
  })

  it('refuses inputs that are missing, unknown or do not fit, and files that are no modules', async () => {
    writeFileSync(at('wide.npy'), writeNpy(f32([1, 3], 1, 2, 3)))
    const wrong: [string[], string][] = [
      [[module()], 'input "x" has no value'],
      [[module(), '--input', `z=${at('x.npy')}`], 'no input "z"'],
      [[module(), '--input', `x=${at('wide.npy')}`], 'given as f32[1,3]'],
      [[module(), '--input', `x=${at('dense.onnx')}`], 'neither .npy nor .pb'],
      [[at('dense.onnx')], 'not a WebAssembly module'],
    ]
    for (const [args, message] of wrong) {
      err.length = 0
      expect(await attar('run', ...args)).toBe(2)
      expect(err.join('\n')).toContain(message)
    }
  })
})

describe('inspect', () => {
  it('shows a model layer by layer, or one node', async () => {
    expect(await attar('inspect', at('dense.onnx'), '--dim', 'batch=5', '--json')).toBe(0)
    expect(json()).toMatchObject({
      opsets: { 'ai.onnx': 17 },
      parameters: 6,
      macs: 30,
      layers: [
        { operator: 'MatMul', outputs: [{ name: 't', type: 'f32[5,3]' }], parameters: 6, macs: 30 },
        { operator: 'Relu', inputs: [{ name: 't', type: 'f32[5,3]' }], parameters: 0, macs: 0 },
      ],
      diagnostics: [],
    })
    out.length = 0
    expect(await attar('inspect', at('dense.onnx'), '--dim', 'batch=5', '--node', '#1')).toBe(0)
    expect(out.join('\n')).toMatch(/^Relu "#1"\ninput +t f32\[5,3\]\n[^]*core +map f32\[5,3\]/)
    expect(await attar('inspect', at('dense.onnx'), '--node', 'none')).toBe(2)
  })

  it('shows a model whose dimensions have no size by their names', async () => {
    expect(await attar('inspect', at('dense.onnx'))).toBe(0)
    expect(out.join('\n')).toMatch(
      /input +x f32\[batch,2\][^]*MatMul +f32\[batch,3\] +6 [^]*hint: for example --dim batch=1$/,
    )
    writeFileSync(
      at('open.onnx'),
      model({
        ...{ inputs: ['x f32[b,s,4]', 'm f32[?,s]'], outputs: ['y f32[p,q]', 'e f32[o,p,q]'] },
        initializers: [stored('rows', ints(-1, 4)), stored('next', ints(0))],
        nodes: [
          'r = Reshape(x, rows)',
          node('c = Concat(r, r)', { attributes: { axis: 0 } }),
          'n = Neg(m)',
          'e = Unsqueeze(n, next)',
          'y = Relu(c)',
        ],
      }),
    )
    expect(await attar('inspect', at('open.onnx'), '--json')).toBe(0)
    const { layers, open, diagnostics } = JSON.parse(out.at(-1)!) as ModelDescription
    expect(layers.map(({ outputs }) => outputs[0]!.type)).toEqual([
      ...['f32[b·s,4]', 'f32[2·b·s,4]', 'f32[?,s]', 'f32[1,?,s]', 'f32[2·b·s,4]'],
    ])
    expect([open?.code, diagnostics]).toEqual(['A105', []])
    expect(await attar('inspect', at('open.onnx'), '--html', at('open.html'))).toBe(0)
    expect(readFileSync(at('open.html'), 'utf8')).toContain('f32[2·b·s,4]')
    writeFileSync(at('lacking.onnx'), model({ inputs: ['x f32[b]'], outputs: ['y f32[b]'], nodes: ['y = Nope(x)'] }))
    expect(await attar('inspect', at('lacking.onnx'))).toBe(2)
    expect(out.at(-1)).toMatch(/error A201[^]*dimensions are not bound/)
  })

  it('shows a module byte by byte', async () => {
    expect(await attar('inspect', at('out/model.wasm'), '--json')).toBe(0)
    const found = json() as {
      bytes: number
      sections: { name: string; bytes: number }[]
      functions: number[]
      code: { part: string; bytes: number; calls: number }[]
    }
    expect(found.bytes).toBe(readFileSync(at('out/model.wasm')).length)
    expect(found.sections.reduce((sum, { bytes }) => sum + bytes, 8)).toBe(found.bytes)
    expect(found).toMatchObject({ imports: [], memoryBytes: 65536, spec: { outputs: [{ name: 'y' }] } })
    const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0)
    expect(sum(found.code.map(({ bytes }) => bytes))).toBe(sum(found.functions))
    const { compilation } = JSON.parse(readFileSync(at('out/report.json'), 'utf8')) as {
      compilation: { kernels: { kernel: string }[] }
    }
    const calls = found.code.flatMap(({ part, calls: n }) => Array.from({ length: n }, () => part))
    expect(calls.sort()).toEqual(compilation.kernels.map(({ kernel }) => kernel).sort())
    expect(found.code.map(({ part }) => part)).toContain('run')
    out.length = 0
    expect(await attar('inspect', at('out/model.wasm'))).toBe(0)
    expect(out.join('\n')).toMatch(/code [^]*data [^]*attar [^]*whole module +[\d,]+ +100\.0 %/)
  })
})

describe('verify', () => {
  it('compares a module with onnxruntime-web, on random inputs and on given ones', async () => {
    expect(await attar('verify', at('dense.onnx'), at('out'))).toBe(0)
    expect(out.join('\n')).toMatch(/pass +simd +y [^]*8 runs against onnxruntime-web/)
    out.length = 0
    writeFileSync(
      at('val.npz'),
      writeNpz({ x: f32([3, 2], 1, 2, 3, 4, 5, 6), labels: tensorOf('i64', [3], [0n, 1n, 2n]) }),
    )
    expect(await attar('verify', at('dense.onnx'), at('out/model.wasm'), '--val', at('val.npz'), '--json')).toBe(0)
    expect(json()).toMatchObject({
      status: 'pass',
      samples: 3,
      variants: expect.arrayContaining([
        { variant: 'simd', outputs: [expect.objectContaining({ output: 'y', top1: 1 })] },
      ]),
    })
  })

  it('exits with 1 where the module computes something else', async () => {
    const initializers = [stored('w', f32([2, 3], 1, -1, 2, 0, 3, -1))]
    const other = {
      inputs: ['x f32[batch,2]'],
      outputs: ['y f32[batch,3]'],
      nodes: ['t = MatMul(x, w)', 'y = Relu(t)'],
    }
    writeFileSync(at('other.onnx'), model({ ...other, initializers }))
    expect(await attar('verify', at('other.onnx'), at('out'))).toBe(1)
    expect(out.join('\n')).toMatch(/fail +simd +y [^]*simd: output "y" is /)
  })

  it('wants modules of one compilation', async () => {
    mkdirSync(at('mixed'))
    writeFileSync(at('mixed/model.wasm'), readFileSync(at('out/model.wasm')))
    writeFileSync(at('mixed/model.relaxed.wasm'), readFileSync(at('bound/model.relaxed.wasm')))
    expect(await attar('verify', at('dense.onnx'), at('mixed'))).toBe(2)
    expect(await attar('verify', at('dense.onnx'), at('results'))).toBe(2)
    expect(err.join('\n')).toMatch(/not of the same compilation[^]*0 compiled models/)
  })

  it('runs cases, a line each, and exits with 1 if one fails', async () => {
    const x = f32([1, 2], 1, 2)
    writeCase(at('cases/good'), dense, [{ inputs: [x], outputs: [f32([1, 3], 1, 5, 0)] }])
    expect(await attar('verify', '--cases', at('cases'))).toBe(0)
    expect(out[0]).toBe('pass         good  abs 0 rel 0')
    expect(out[1]).toMatch(
      /^1 cases: 1 passed, 0 failed, 0 unsupported; the simd modules ran in .*, the relaxed-simd modules/,
    )
    writeCase(at('cases/bad'), dense, [{ inputs: [x], outputs: [f32([1, 3], 1, 6, 0)] }])
    for (const engine of ['modules', 'reference']) {
      out.length = 0
      expect(await attar('verify', '--cases', at('cases'), '--json', '--engine', engine)).toBe(1)
      expect(out.map((line) => JSON.parse(line) as unknown)).toEqual([
        expect.objectContaining({ case: 'bad', status: 'fail', code: 'mismatch', maxAbs: 1, bound: [] }),
        { case: 'good', status: 'pass', maxAbs: 0, maxRel: 0, bound: [] },
      ])
    }
    expect(await attar('verify', '--cases', at('cases'), '--filter', 'g*')).toBe(0)
    expect(await attar('verify', '--cases', at('cases'), '--filter', 'none')).toBe(2)
  })
})

const built = fileURLToPath(new URL('../../dist/compiler/cli/main.js', import.meta.url))

describe.skipIf(!existsSync(built))('the built command', () => {
  it('runs as a process with exit codes and streams', () => {
    const run = (...args: string[]) => spawnSync(process.execPath, [built, ...args], { encoding: 'utf8' })
    const help = run('--help')
    expect([help.status, help.stderr]).toEqual([0, ''])
    expect(help.stdout).toContain('Usage: attar')
    const missing = run('run', at('none.wasm'))
    expect([missing.status, missing.stdout]).toEqual([2, ''])
    expect(missing.stderr).toMatch(/^error A502 bad-file\n/)
  })
})
