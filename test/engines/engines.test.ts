import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { engines, runModel, scriptOf, type Files, type ModelScript } from '../../compiler/bench/engines/index.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { artefacts, compile, importModel, instantiate, quantize, type Output } from '../../compiler/index.ts'
import { compiled, inputs, outputs } from '../package/fixture.ts'

/** Needs escaping in addresses. */
const name = "it's #1 (100%)"

const known = await engines()
/** These come from npm, or as with Chromium from `npm test` itself; the others from the operating system. */
const required = ['node', 'node (current)', 'chromium', 'workerd', 'deno']
/** One for each way to read a file. */
const fallingBack = ['node (current)', 'chromium', 'deno']

/** A browser's cold start on a busy machine. */
const limit = { timeout: 60_000 }

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
  const result = await compile(quantized)
  expect(result.report.kernels.some(({ kernel }) => kernel.startsWith('u8_igemm'))).toBe(true)
  digits8 = await mkdtemp(join(tmpdir(), 'attar-digits8-'))
  for (const [file, content] of Object.entries(artefacts(result, 'digits8'))) {
    await writeFile(join(digits8, file), content)
  }
  const here = instantiate(new Uint8Array(result.modules.simd!), result.spec)
  probabilities8 = here.run({ image: pixels }, { copy: true })['probabilities']!
}

beforeAll(async () => {
  await compileDigits()
  await compileDigits8()
  both = await write(['simd', 'relaxed-simd'])
  baseline = await write(['simd', 'relaxed-simd'])
  await rm(join(baseline, `${name}.relaxed.wasm`))
})
afterAll(async () => {
  for (const folder of [both, baseline, digits, digits8]) await rm(folder, { recursive: true })
})

describe.each(known)('$name', (engine) => {
  it.runIf(engine.absent)('is absent', () => {
    console.log(`${engine.name}: skipped, ${engine.absent}`)
    expect(required).not.toContain(engine.name)
  })

  it.skipIf(engine.absent)('runs the artefacts', limit, async () => {
    const run = await runModel(engine, both, name, inputs())
    console.log(`${engine.name}: ${run.version}, ran ${run.picked}`)
    // The output `relaxed` is written by the module: it tells which one has really run.
    expect(run.outputs).toEqual(outputs(run.picked))
  })

  it.skipIf(engine.absent)('computes what the reference evaluator does', limit, async () => {
    const { outputs } = await runModel(engine, digits, 'digits', { image: pixels })
    const found = Array.from(outputs['probabilities'] as Float32Array)
    expect(found).toHaveLength(10)
    found.forEach((p, i) => expect(p).toBeCloseTo(probabilities[i]!, 5))
  })

  it.skipIf(engine.absent)('gives the same bits of an 8-bit model', limit, async () => {
    const { outputs } = await runModel(engine, digits8, 'digits8', { image: pixels })
    expect(outputs['probabilities']).toEqual(probabilities8)
  })

  it.runIf(fallingBack.includes(engine.name))(
    'runs the baseline where the other module is missing',
    limit,
    async () => {
      const run = await runModel(engine, baseline, name, inputs())
      expect(run.outputs).toEqual(outputs('simd'))
    },
  )

  it.runIf(engine.name === 'chromium')('runs in an AudioWorklet, by a module or from one script', limit, async () => {
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

  it.runIf(required.includes(engine.name))('reports an error of the job', limit, async () => {
    const task = async (script: ModelScript) => (await script.load()).run({ z: new Float32Array(1) })
    const job = { directory: both, name, script: scriptOf(task), payload: null }
    await expect(engine.run(job)).rejects.toThrow('no input "z"')
  })
})
