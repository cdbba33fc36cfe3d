import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { writeNpz } from '../../compiler/data/index.ts'
import { commandLine } from '../support/command-line.ts'
import { Random } from '../support/random.ts'

const { at, out, err, attar } = commandLine()

/** Points of three clouds in four dimensions. */
function clouds(count: number, seed: number): Uint8Array {
  const random = new Random(seed)
  const labels = Array.from({ length: count }, (_, i) => i % 3)
  const x = labels.flatMap((label) => [0, 1, 2, 3].map((d) => (d === label ? 1.5 : 0) + 2 * random.float() - 1))
  return writeNpz({ input: tensorOf('f32', [count, 4], x), y: tensorOf('i32', [count], labels) })
}

interface Report {
  readonly within: boolean
  readonly best: string
  readonly missed?: readonly string[]
  readonly front: readonly string[]
  readonly stages: readonly { readonly stage: string; readonly note?: string }[]
  readonly candidates: readonly {
    readonly name: string
    readonly bytes: number
    readonly ms: number
    readonly accuracy: { readonly drop: number; readonly metric: string }
    readonly over: Readonly<Record<string, number>>
    readonly isControl?: boolean
    readonly trainings: readonly { readonly history: readonly unknown[] }[]
  }[]
  readonly samples: { readonly train: number; readonly validation: number; readonly test?: number }
  readonly test?: {
    readonly best: { readonly samples: number; readonly interval: readonly number[] }
    readonly control?: object
  }
}

/** What the command prints, and how it ends. */
async function optimized(name: string, ...args: string[]): Promise<{ code: number; report: Report }> {
  ;[out, err].forEach((lines) => (lines.length = 0))
  const data = ['--train', at('train.npz'), '--val', at('val.npz')]
  const code = await attar('compile', at('float', 'model.onnx'), ...data, '-o', at(name), '--json', ...args)
  expect(code, err.join('\n')).toBeLessThan(2)
  return { code, report: (JSON.parse(out.join('\n')) as { optimization: Report }).optimization }
}

/** Of the larger module. */
const bytesOf = (name: string): number =>
  Math.max(...['model.wasm', 'model.relaxed.wasm'].map((file) => readFileSync(at(name, file)).length))

beforeAll(async () => {
  writeFileSync(at('train.npz'), clouds(150, 1))
  writeFileSync(at('val.npz'), clouds(90, 2))
  writeFileSync(at('test.npz'), clouds(120, 3))
  writeFileSync(
    at('float.config.ts'),
    `import { defineConfig, dense, relu, sequential } from 'attar/config'
export default defineConfig({
  network: sequential([dense(64), relu(), dense(48), relu(), dense(3)]),
  input: [4],
  data: { train: 'train.npz', val: 'val.npz' },
  train: { epochs: 3, batch: 16, learningRate: 0.02 },
})`,
  )
  writeFileSync(at('pruned.config.ts'), "export default { prune: { macs: '50%' } }")
  expect(await attar('train', at('float.config.ts'), '-o', at('float')), err.join('\n')).toBe(0)
})

describe('compile --train', () => {
  it('stops at the cheapest means that is enough', async () => {
    const { code, report } = await optimized('integers', '--max-size', '10kB', '--max-drop', '3%')
    expect(code).toBe(0)
    expect(report.stages.map(({ stage }) => stage)).toEqual(['integers'])
    expect(report.within).toBe(true)
    const best = report.candidates.find(({ name }) => name === report.best)!
    expect(best.bytes).toBe(bytesOf('integers'))
    expect(best.bytes).toBeLessThanOrEqual(10_000)
    expect(best.accuracy.metric).toBe('top1')
    expect(best.accuracy.drop).toBeLessThanOrEqual(0.03)
    expect(report.front).toContain(report.best)
    expect(report.samples).toEqual({ train: 150, validation: 90 })
    const module = readFileSync(at('integers', 'model.wasm'))
    await optimized('again', '--max-size', '10kB', '--max-drop', '3%')
    expect(readFileSync(at('again', 'model.wasm')).equals(module)).toBe(true)
    // What it tells is of another module than one that is compiled there later.
    const told = (): string[] => readdirSync(at('again')).filter((file) => file.startsWith('optimization.'))
    expect(told()).toHaveLength(2)
    expect(await attar('compile', at('float', 'model.onnx'), '--dim', 'batch=1', '-o', at('again'))).toBe(0)
    expect(told()).toEqual([])
  })

  it('trains fewer channels where integers are too large, beside a control, and scores the test data', async () => {
    const args = [
      '--max-size',
      '5500',
      '--max-drop',
      '5%',
      '--epochs',
      '8',
      '--learning-rate',
      '0.01',
      '--test',
      at('test.npz'),
    ]
    const { code, report } = await optimized('channels', ...args)
    expect(code).toBe(0)
    const [first, second] = report.stages
    expect(first!.stage).toBe('integers')
    expect(second!.stage).toBe('channels')
    expect(
      report.candidates.filter(({ name }) => name.startsWith('weights')).every(({ over }) => over['size']! > 1),
    ).toBe(true)
    const best = report.candidates.find(({ name }) => name === report.best)!
    expect(best.name).toMatch(/^fewer channels/)
    expect(best.bytes).toBe(bytesOf('channels'))
    expect(best.bytes).toBeLessThanOrEqual(5500)
    expect(best.trainings[0]!.history).toHaveLength(8)
    const control = report.candidates.find(({ isControl }) => isControl)!
    expect(control.bytes).toBeLessThan(1.1 * best.bytes)
    expect(report.front).not.toContain(control.name)
    expect(report.test!.best.samples).toBe(120)
    expect(report.test!.control).toBeDefined()
    const page = readFileSync(at('channels', 'optimization.html'), 'utf8')
    expect(page).toContain('<pre>export default {\n  &quot;model&quot;')
    expect(page).toContain('<svg')
    expect(page).not.toContain('<script')
    expect(page).toContain('attar train training-1.config.ts')
  })

  it('hands over the nearest miss, and says so by its exit code', async () => {
    const { code, report } = await optimized('miss', '--max-size', '1kB', '--epochs', '1')
    expect(code).toBe(1)
    expect(report.within).toBe(false)
    expect(report.missed!.join()).toContain('not 1,000')
    expect(report.stages.find(({ stage }) => stage === 'channels')!.note).toContain('cannot be made so small')
    const best = report.candidates.find(({ name }) => name === report.best)!
    const nearest = Math.min(...report.candidates.map(({ over }) => Math.max(...Object.values(over))))
    expect(Math.max(...Object.values(best.over))).toBe(nearest)
    expect(bytesOf('miss')).toBe(best.bytes)
  })

  it('learns from the model’s own answers without labels', async () => {
    const { report } = await optimized('agreeing', '--max-size', '10kB', '--no-labels', '--max-drop', '5%')
    expect(report.candidates.map(({ accuracy }) => accuracy.metric)).toContain('agreement')
    expect(report.within).toBe(true)
  })

  it('takes data and training from the configuration that made the model', async () => {
    ;[out, err].forEach((lines) => (lines.length = 0))
    const args = [
      '--config',
      at('float.config.ts'),
      '--max-size',
      '10kB',
      '--max-drop',
      '5%',
      '--json',
      '-o',
      at('config'),
    ]
    expect(await attar('compile', at('float', 'model.onnx'), ...args), err.join('\n')).toBe(0)
    const { optimization } = JSON.parse(out.join('\n')) as { optimization: Report }
    expect(optimization.samples).toEqual({ train: 150, validation: 90 })
  })

  it('says what it would do, and does nothing', async () => {
    out.length = 0
    const data = ['--train', at('train.npz'), '--val', '20%']
    expect(
      await attar('compile', at('float', 'model.onnx'), ...data, '-o', at('plan'), '--max-size', '5kB', '--plan'),
    ).toBe(0)
    expect(out.join('\n')).toMatch(/channels +\d+ +\d+ s/)
    expect(out.join('\n')).toContain('120 samples to train on, 30 to choose by')
    expect(existsSync(at('plan')) ? readdirSync(at('plan')) : []).toEqual([])
  })

  it('spends no more time than it may', async () => {
    const { report } = await optimized('time', '--max-size', '4kB', '--time', '0.01s')
    expect(report.candidates.map(({ name }) => name)).toContain('as it is')
    expect(report.candidates.every(({ trainings }) => trainings.length === 0)).toBe(true)
  })

  it.each([
    [[], 'there is none'],
    [['--max-size', '5 kilobytes'], '--max-size'],
    [['--max-size', '5kB', '--time', 'soon'], '--time'],
    [['--max-size', '5kB', '--config', 'pruned.config.ts'], 'has the field prune'],
    [['--max-size', '5kB', '--quantize', 'int8'], 'has no effect with --train'],
    [['--max-size', '5kB', '--plan', 'plan.json'], '--plan has no effect'],
    [['--max-size', '5kB', '--metric', 'top1', '--no-labels'], 'top1'],
  ])('refuses %j', async (args, message) => {
    err.length = 0
    const paths = args.map((arg) => (arg.endsWith('.config.ts') ? at(arg) : arg))
    const data = ['--train', at('train.npz'), '--val', at('val.npz')]
    expect(await attar('compile', at('float', 'model.onnx'), ...data, '-o', at('no'), ...paths)).toBe(2)
    expect(err.join('\n')).toContain(message)
    expect(existsSync(at('no', 'model.wasm'))).toBe(false)
  })
})
