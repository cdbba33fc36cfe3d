import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engines, runModel, scriptOf, type Files, type ModelScript } from '../../compiler/bench/engines/index.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { artefacts, compile, importModel, instantiate, quantize, type Output } from '../../compiler/index.ts'
import { model, stored } from '../onnx/build.ts'
import { compiled, inputs, outputs } from '../package/fixture.ts'

/** Needs escaping in addresses. */
const name = "it's #1 (100%)"

const known = await engines()
/** These come from npm, or as with Chromium from `npm test` itself; the others from the operating system. */
const required = ['node', 'node (current)', 'chromium', 'workerd', 'deno']
/** One for each way to read a file. */
const fallingBack = ['node (current)', 'chromium', 'deno']

/** A browser's cold start on a busy machine. */

/** Runs the fixture's model in the audio thread: on the first channel from a module, on the second from one script. */
const worklet = `
import * as beside from '/model.js'
import * as inline from './inline.js'
class Processor extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super()
    this.models = [beside.instantiate(processorOptions.module), inline.instantiate()]
  }
  process(_, [channels]) {
    this.models.forEach((model, i) => {
      const rest = { 'a"b': [0, 1, 254, 255], ['__proto__']: [0n], half: new Uint16Array(2) }
      channels[i].set(model.run({ x: [0, 1, -2, 3, 4.5, 5], ...rest }).y)
    })
    return false
  }
}`

let both: string
let baseline: string
let digits: string

/** A digit of made-up pixels. */
const pixels = Float32Array.from({ length: 784 }, (_, i) => (i * 37) % 256)
let probabilities: number[]
let digits8: string
let recurrent: string
let recurrentBaseline: string
let probabilities8: Output

async function write(targets: readonly ('simd' | 'relaxed-simd')[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'attar-engines-'))
  for (const [file, content] of Object.entries(artefacts(compiled(targets), name))) {
    await writeFile(join(folder, file), content)
  }
  return folder
}

/** The sample model compiled, and what the reference evaluator makes of the pixels. */
async function compileDigits(): Promise<void> {
  const model = await readFile('examples/digits/digits.onnx')
  digits = await mkdtemp(join(tmpdir(), 'attar-digits-'))
  for (const [file, content] of Object.entries(artefacts(await compile(model, { dims: { batch: 1 } }), 'digits'))) {
    await writeFile(join(digits, file), content)
  }
  const { graph } = importModel(model, { dims: { batch: 1 } })
  const outputs = evaluate(graph, { image: { dtype: 'f32', shape: [1, 1, 28, 28], data: pixels } })
  probabilities = toNumbers(outputs['probabilities']!)
}

/** The same in 8-bit integers, and what the baseline module makes of the pixels here. */
async function compileDigits8(): Promise<void> {
  const model = await readFile('examples/digits/digits.onnx')
  const sample = (seed: number): Tensor => ({
    dtype: 'f32',
    shape: [1, 1, 28, 28],
    data: Float32Array.from({ length: 784 }, (_, i) => (i * seed) % 256),
  })
  const calibration = [3, 5, 7, 11, 13].map((seed) => ({ image: sample(seed) }))
  const quantized = await quantize(model, { dims: { batch: 1 }, mode: 'int8', calibration, sensitivity: false })
  // With weights in codes, whose decoding is compared with none here.
  const result = await compile(quantized, { entropyCode: true })
  expect(result.report.entropyCoding!.saved).toBeGreaterThan(0)
  const plain = await compile(quantized)
  expect(result.report.kernels.some(({ kernel }) => kernel.startsWith('u8_igemm'))).toBe(true)
  digits8 = await mkdtemp(join(tmpdir(), 'attar-digits8-'))
  for (const [file, content] of Object.entries(artefacts(result, 'digits8'))) {
    await writeFile(join(digits8, file), content)
  }
  const here = instantiate(new Uint8Array(plain.modules.simd!), plain.spec)
  probabilities8 = here.run({ image: pixels }, { copy: true })['probabilities']!
}

/** A recurrent network and a counter. */
const weights = Array.from({ length: 64 }, (_, i) => Math.sin(i * i) / 4)
const network = model({
  inputs: ['x f32[1,8]', 'h f32[1,8]', 'n i64[]'],
  outputs: ['y f32[1,8]', 'hn f32[1,8]', 'n2 i64[]'],
  nodes: ['u = MatMul(h, w)', 's = Add(u, x)', 'hn = Tanh(s)', 'y = MatMul(hn, w)', 'n2 = Add(n, one)'],
  initializers: [stored('w', tensorOf('f32', [8, 8], weights)), stored('one', tensorOf('i64', [], [1]))],
})
const start = tensorOf('f32', [1, 8], [1, -1, 0.5, 0, 0, 2, 0, -3])
const frame = [0.1, 0.2, -0.3, 0.4, 0, -0.6, 0.7, 0.8]

async function compileRecurrent(targets: readonly ('simd' | 'relaxed-simd')[]): Promise<string> {
  const result = await compile(network, { targets, state: { h: 'hn', n: 'n2' }, stateStart: { h: start } })
  const folder = await mkdtemp(join(tmpdir(), 'attar-recurrent-'))
  for (const [file, content] of Object.entries(artefacts(result, 'recurrent')))
    await writeFile(join(folder, file), content)
  return folder
}

/** Outputs of steps on the same frame, from these states on. */
function chained(steps: number, h: Tensor): number[][] {
  const { graph } = importModel(network, {})
  const x = tensorOf('f32', [1, 8], frame)
  return Array.from({ length: steps }, () => {
    const { y, hn } = evaluate(graph, { x, h, n: tensorOf('i64', [], [0]) })
    h = hn!
    return toNumbers(y!)
  })
}

/** Two instances, of which the other runs in between; then states that are set; then both anew. */
const stateTask = async (script: ModelScript, x: readonly number[]) => {
  type Stateful = {
    readonly state: { h: Float32Array | readonly number[]; n: ArrayLike<bigint> | readonly number[] }
    run(inputs: { x: readonly number[] }): { readonly y: Float32Array }
    reset(): void
  }
  const [a, b] = [await script.load(), await script.load()] as unknown as readonly [Stateful, Stateful]
  const step = (model: Stateful): number[] => Array.from(model.run({ x }).y)
  const first = [step(a), step(a), step(b), step(a), step(b)]
  const counts = [Number(a.state.n[0]), Number(b.state.n[0])]
  a.state.h = new Float32Array(8)
  a.state.n = [40]
  const set = [step(a), step(a)]
  counts.push(Number(a.state.n[0]))
  a.reset()
  const anew = [step(a), step(b), step(a)]
  counts.push(Number(a.state.n[0]), Number(b.state.n[0]))
  let refused = ''
  try {
    a.state.h = [1, 2]
  } catch (error) {
    refused = String(error)
  }
  return { target: script.target, first, set, anew, counts, refused }
}

async function expectStates(engine: (typeof known)[number], directory: string): Promise<void> {
  const job = { directory, name: 'recurrent', script: scriptOf(stateTask), payload: frame }
  const found = (await engine.run(job)) as Awaited<ReturnType<typeof stateTask>>
  const [[s1, s2, s3], [z1, z2]] = [chained(3, start), chained(2, tensorOf('f32', [1, 8], new Array(8).fill(0)))]
  const expected = [s1, s2, s1, s3, s2, z1, z2, s1, s3, s2]
  const outputs = [...found.first, ...found.set, ...found.anew]
  expect(outputs).toHaveLength(expected.length)
  outputs.flat().forEach((value, i) => expect(value).toBeCloseTo(expected.flat()[i]!, 5))
  // Two instances of one model give the same bits.
  expect(found.first[2]).toEqual(found.first[0])
  expect(found.anew[0]).toEqual(found.first[0])
  expect(found.counts).toEqual([3, 2, 42, 2, 3])
  expect(found.refused).toContain('state "h" (f32[1,8]) takes a Float32Array of 8, got array of 2')
}

beforeAll(async () => {
  await compileDigits()
  await compileDigits8()
  recurrent = await compileRecurrent(['simd', 'relaxed-simd'])
  recurrentBaseline = await compileRecurrent(['simd'])
  both = await write(['simd', 'relaxed-simd'])
  baseline = await write(['simd', 'relaxed-simd'])
  await rm(join(baseline, `${name}.relaxed.wasm`))
})
afterAll(async () => {
  for (const folder of [both, baseline, digits, digits8, recurrent, recurrentBaseline])
    await rm(folder, { recursive: true })
})

describe.each(known)('$name', (engine) => {
  it.runIf(engine.absent)('is absent', () => {
    console.log(`${engine.name}: skipped, ${engine.absent}`)
    expect(required).not.toContain(engine.name)
  })

  it.skipIf(engine.absent)('runs the artefacts', async () => {
    const run = await runModel(engine, both, name, inputs())
    console.log(`${engine.name}: ${run.version}, ran ${run.picked}`)
    // The output `relaxed` is written by the module: it tells which one has really run.
    expect(run.outputs).toEqual(outputs(run.picked))
  })

  it.skipIf(engine.absent)('computes what the reference evaluator does', async () => {
    const { outputs } = await runModel(engine, digits, 'digits', { image: pixels })
    const found = Array.from(outputs['probabilities'] as Float32Array)
    expect(found).toHaveLength(10)
    found.forEach((p, i) => expect(p).toBeCloseTo(probabilities[i]!, 5))
  })

  it.skipIf(engine.absent)('gives the same bits of an 8-bit model', async () => {
    const { outputs } = await runModel(engine, digits8, 'digits8', { image: pixels })
    expect(outputs['probabilities']).toEqual(probabilities8)
  })

  it.skipIf(engine.absent)('keeps states, each instance its own, and sets and resets them', async () => {
    await expectStates(engine, recurrent)
  })

  it.runIf(fallingBack.includes(engine.name))('does so in the baseline module', async () => {
    await expectStates(engine, recurrentBaseline)
  })

  it.runIf(fallingBack.includes(engine.name))('runs the baseline where the other module is missing', async () => {
    const run = await runModel(engine, baseline, name, inputs())
    expect(run.outputs).toEqual(outputs('simd'))
  })

  it.runIf(engine.name === 'chromium')('runs in an AudioWorklet, by a module or from one script', async () => {
    const processor = join(both, 'processor.js')
    await writeFile(processor, `${worklet}\nregisterProcessor('attar', Processor)`)
    await writeFile(join(both, 'inline.js'), artefacts(compiled(['simd']), 'inline', { inline: true })['inline.js']!)
    const task = async (_: ModelScript, __: unknown, files: Files) => {
      const context = new OfflineAudioContext(2, 128, 44_100)
      await context.audioWorklet.addModule(files['processor.js'] as string)
      const module = await WebAssembly.compileStreaming(fetch(files['module.wasm'] as string))
      const node = new AudioWorkletNode(context, 'attar', { outputChannelCount: [2], processorOptions: { module } })
      node.connect(context.destination)
      const rendered = await context.startRendering()
      return [0, 1].map((channel) => Array.from(rendered.getChannelData(channel).subarray(0, 6)))
    }
    const files = {
      'processor.js': processor,
      'inline.js': join(both, 'inline.js'),
      'module.wasm': join(both, `${name}.wasm`),
    }
    const result = await engine.run({ directory: both, name, script: scriptOf(task), payload: null, files })
    const y = Array.from(outputs('simd').y)
    expect(result).toEqual([y, y])
  })

  it.runIf(required.includes(engine.name))('reports an error of the job', async () => {
    const task = async (script: ModelScript) => (await script.load()).run({ z: new Float32Array(1) })
    const job = { directory: both, name, script: scriptOf(task), payload: null }
    await expect(engine.run(job)).rejects.toThrow('no input "z"')
  })
})
