import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { reportPage, type EngineBench } from '../../compiler/bench/index.ts'
import { printable } from '../../compiler/core/diagnostics/printable.ts'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { writeNpz } from '../../compiler/data/index.ts'
import { graph, model, node, stored } from '../onnx/build.ts'
import { commandLine } from '../support/command-line.ts'
import { writeCase } from '../verify/case-folder.ts'

/** A title for the window, a line of its own, colours by C0 and C1, reversed text, separators, a tag beyond 16 bits. */
const evil = 'n\x1b]0;owned\x07\nerror A000\r\x1b[31m\x9b32m\u202ekcab\u2066\u2028\u200b\u{e0041}\x7f'
const acting = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u

const values = (shape: number[], count: number) =>
  tensorOf(
    'f32',
    shape,
    Array.from({ length: count }, (_, i) => Math.sin(i)),
  )

/** A model with `name` in all its names. */
function named(name: string, operator = 'Relu', rows: string | number = 1): Uint8Array {
  const port = (role: string, last: number) => {
    const row = typeof rows === 'number' ? { dimValue: rows } : { dimParam: rows }
    return { name: role + name, type: { tensorType: { elemType: 1, shape: { dim: [row, { dimValue: last }] } } } }
  }
  const nodes = [
    { ...node('a = MatMul(b, c)', { name: `m${name}` }), input: [`x${name}`, 'w'], output: [`t${name}`] },
    {
      ...node('a = Relu(b)', { name: `r${name}`, domain: operator === 'Relu' ? '' : name }),
      ...{ opType: operator, input: [`t${name}`], output: [`y${name}`] },
    },
  ]
  const rest = { input: [port('x', 16)], output: [port('y', 4)], node: nodes }
  const base = graph({ outputs: [], nodes: [], initializers: [stored('w', values([16, 4], 64))] })
  return model(
    { outputs: [], nodes: [] },
    {
      graph: { ...base, ...rest },
      metadataProps: [{ key: `key${name}`, value: `value${name}` }],
      opsetImport: [{ domain: '', version: 17 }, ...(operator === 'Relu' ? [] : [{ domain: name, version: 1 }])],
    },
  )
}

const { at, out, err, status, clear, attar } = commandLine()

/** Runs a command and gives its exit code and all that it printed. */
async function printed(...args: string[]): Promise<{ readonly code: number; readonly text: string }> {
  clear()
  const code = await attar(...args)
  expect(status.join(''), args.join(' ')).not.toMatch(acting)
  return { code, text: [...out, ...err].join('\n') }
}

beforeAll(async () => {
  for (const [kind, name] of [
    ['evil', evil],
    ['plain', 'n'],
  ] as const) {
    writeFileSync(at(`${kind}.onnx`), named(name))
    writeFileSync(at(`${kind}-operator.onnx`), named(name, `Op${name}`))
    writeFileSync(at(`${kind}-dim.onnx`), named(name, 'Relu', `d${name}`))
    writeFileSync(at(`${kind}-form.onnx`), named(name, 'Reshape'))
    writeFileSync(at(`${kind}.npz`), writeNpz({ [`x${name}`]: values([40, 16], 640) }))
    writeFileSync(at(`${kind}.csv`), `"a${name}"\n1\n`)
    writeFileSync(at(`${kind}.json`), JSON.stringify({ [`m${name}`]: 1 }))
    const x = values([1, 16], 16)
    writeCase(at(`${kind}-cases`, 'case'), named(name), [{ inputs: [x], outputs: [values([1, 4], 4)] }])
    writeCase(at(`${kind}-cases`, 'other'), named(name, `Op${name}`), [{ inputs: [x], outputs: [x] }])
    expect((await printed('compile', at(`${kind}.onnx`), '-o', at(`${kind}-out`))).code).toBe(0)
  }
})

describe('names that would act on a terminal', () => {
  const quick = ['--runs', '1', '--starts', '1', '--warm-up', '0']
  const commands: [title: string, args: (kind: string, name: string) => string[]][] = [
    ['inspect', (kind) => ['inspect', at(`${kind}.onnx`)]],
    ['inspect --node', (kind, name) => ['inspect', at(`${kind}.onnx`), '--node', `m${name}`]],
    ['inspect a module', (kind) => ['inspect', at(`${kind}-out/model.wasm`)]],
    ['inspect what is not supported', (kind) => ['inspect', at(`${kind}-operator.onnx`)]],
    ['compile', (kind) => ['compile', at(`${kind}.onnx`), '-o', at(`${kind}-again`), '--profile']],
    ['compile what is not supported', (kind) => ['compile', at(`${kind}-operator.onnx`), '-o', at('no')]],
    ['compile a wrong form', (kind) => ['compile', at(`${kind}-form.onnx`), '-o', at('no')]],
    ['compile without a dimension', (kind) => ['compile', at(`${kind}-dim.onnx`), '-o', at('no')]],
    [
      'compile with a wrong binding',
      (kind, name) => ['compile', at(`${kind}.onnx`), '-o', at('no'), '--bind', `${name}=1`],
    ],
    [
      'compile with wrong data',
      (kind) => ['compile', at(`${kind}.onnx`), '-o', at('no'), '--quantize', 'int8', '--calib', at(`${kind}.csv`)],
    ],
    [
      'quantize',
      (kind) => [
        'compile',
        at(`${kind}.onnx`),
        '-o',
        at(`${kind}-small`),
        '--quantize',
        'int8',
        '--calib',
        at(`${kind}.npz`),
      ],
    ],
    ['run', (kind, name) => ['run', at(`${kind}-out/model.wasm`), '--input', `x${name}=random`]],
    ['run without inputs', (kind) => ['run', at(`${kind}-out/model.wasm`)]],
    ['run with an unknown file', (kind, name) => ['run', at(`${kind}-out/model.wasm`), '--inputs', at(`${name}.npz`)]],
    ['verify', (kind) => ['verify', at(`${kind}.onnx`), at(`${kind}-out`)]],
    ['verify --cases', (kind) => ['verify', '--cases', at(`${kind}-cases`)]],
    ['bench', (kind, name) => ['bench', at(`${kind}-out`), ...quick, '--engines', name]],
    ['bench --layers', (kind) => ['bench', at(`${kind}.onnx`), '--layers']],
    ['a usage error', (kind, name) => ['compile', at(`${kind}.onnx`), '-o', at('no'), `--${name}`]],
  ]

  it.each(commands)('are escaped by %s', async (title, args) => {
    const found = await printed(...args('evil', evil))
    const usual = await printed(...args('plain', 'n'))
    expect(found.code).toBe(usual.code)
    expect(found.text).not.toMatch(/A601/)
    for (const line of found.text.split('\n')) expect(line).not.toMatch(acting)
    expect(found.text).not.toMatch(/^error A000/m)
    expect(found.text.split('\n')).toHaveLength(usual.text.split('\n').length)
    if (title !== 'compile') expect(found.text).toContain(printable(evil).slice(0, 20))
  })

  it('stay themselves in JSON, whose text has none', async () => {
    const { text } = await printed('inspect', at('evil.onnx'), '--json')
    expect(text).not.toMatch(acting)
    expect((JSON.parse(text) as { layers: { node: string }[] }).layers[0]!.node).toBe(`m${evil}`)
    const run = await printed('run', at('evil-out/model.wasm'), '--input', `x${evil}=random`, '--json')
    expect(run.text).not.toMatch(acting)
    expect(Object.keys((JSON.parse(run.text) as { outputs: object }).outputs)).toEqual([`y${evil}`])
    expect(printable('a\ud800b')).toBe('a\\ud800b')
    expect(JSON.parse(printable(JSON.stringify('\ud800\udfff\u{e0041}\x85')))).toBe('\ud800\udfff\u{e0041}\x85')
  })

  it('do not act in reports either', async () => {
    const page = readFileSync(at('evil-small/quantization.html'), 'utf8')
    expect(page).toContain(printable(`m${evil}`))
    expect(acting.test(page.replaceAll('\n', ''))).toBe(false)
    const place = { engine: 'Node', version: evil, model: evil }
    const times = { fetchMs: 1, compileMs: 1, instantiateMs: 1, firstRunMs: 1, coldStartMs: 4 }
    const measured: EngineBench['measurements'][number] = {
      ...{ ...place, ...times, system: 'attar', variant: 'simd', medianMs: 1, p95Ms: 1, bestMs: 1, samples: 1 },
      ...{ runsPerSample: 1, gmacs: null, macs: null, peaks: { f32: 1 }, ofPeak: null, peakBytes: 1, sampleMs: [1, 2] },
      bytes: { raw: 1, gzip: 1, brotli: 1 },
    }
    const result: EngineBench = {
      ...{ measurements: [measured], comparisons: [], peaks: { f32: 1 }, macs: null },
      absent: [{ system: 'tfjs', reason: evil }],
    }
    const layer = {
      kernel: 'nest',
      nodes: [evil],
      macs: 0,
      integerMacs: 0,
      dotMacs: 0,
      medianMs: 1,
      gmacs: null,
      ofPeak: null,
    }
    const layers = {
      layers: [layer],
      runMs: 1,
      macs: { f32: 0, i16: 0, dot: 0 },
      peaks: { f32: 1 },
      engine: 'Node',
      target: 'simd',
    }
    const report = await reportPage({ model: evil, results: [result], absent: [], layers })
    expect(acting.test(report.replaceAll('\n', ''))).toBe(false)
    expect(report.split(printable(evil)).length).toBeGreaterThan(3)
    expect(report).toContain(`…${printable(evil).slice(-24)}`)
  })
})
