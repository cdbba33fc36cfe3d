import { writeFileSync } from 'node:fs'
import { beforeAll, expect, it } from 'vitest'
import { chromium } from '../../compiler/bench/engines/chromium.ts'
import { commandLine } from '../support/command-line.ts'

const { at, out, err, attar } = commandLine()

const config = (network: string, train: string): string => `
import { conv, dense, embedding, flatten, layerNorm, maxPool, relu, sequential } from 'attar/config'
export default { network: sequential([${network}]), train: { batch: 4, learningRate: 0.01, ${train} }, input: `

beforeAll(() => {
  const convolutions = 'conv(8, 3), relu(), maxPool(2), conv(4, 3, { stride: 2 }), relu(), flatten(), dense(3)'
  writeFileSync(at('pictures.config.ts'), `${config(convolutions, '')} [8, 8, 2] }`)
  writeFileSync(at('sgd.config.ts'), `${config('dense(4), relu(), dense(2)', "optimizer: 'sgd'")} [6] }`)
  writeFileSync(at('scaled.config.ts'), `${config('dense(4), layerNorm(), dense(2)', '')} [6] }`)
  const words = 'embedding(1000, 4), flatten(), dense(2)'
  writeFileSync(at('words.config.ts'), `${config(words, 'average: 0.9')} { shape: [5], dtype: 'i32' } }`)
})

const bench = (file: string, ...args: string[]): Promise<number> =>
  attar('bench', at(file), ...args, '--json', '--runs', '2', '--starts', '1', '--warm-up', '1')
const lines = (): Record<string, unknown>[] => out.map((line) => JSON.parse(line) as Record<string, unknown>)
const { absent } = await chromium()

it.skipIf(absent)('other systems train the same network, to the same losses', async () => {
  const code = await bench('pictures.config.ts', '--engines', 'chromium', '--against', 'tfjs,jax-js')
  expect(code, err.join()).toBe(0)
  const found = lines()
  expect(found.map(({ system, variant }) => system && [system, system === 'attar' || variant])).toEqual([
    ['attar', true],
    ['tfjs', 'cpu'],
    ['jax-js', 'wasm'],
    ...[undefined, undefined],
  ])
  // Of the first steps, behind AdamW's updates.
  for (const { against, difference } of found.slice(3)) expect(difference, String(against)).toBeLessThan(1e-5)
  expect((found[0] as { macs: { f32: number } }).macs.f32).toBeGreaterThan(3 * 4 * 64 * 9 * 2 * 8 * 0.6)
})

it('measures steps of any training, and says what others cannot train', async () => {
  const reasons = {
    'sgd.config.ts': 'the optimizer sgd',
    'scaled.config.ts': 'parameters that are not the kernel or bias of one convolution or dense layer',
    'words.config.ts': 'average',
  }
  for (const [file, reason] of Object.entries(reasons)) {
    out.length = 0
    expect(
      await bench(file, '--engines', 'node (current)', '--against', 'tfjs,litert,onnxruntime-web'),
      err.join(),
    ).toBe(0)
    const found = lines()
    const skipped = (what: string): string => `it has no equivalent of ${what}, which the model needs`
    expect(found.slice(0, 3)).toEqual([
      { model: 'training', system: 'tfjs', skipped: skipped(reason) },
      { model: 'training', system: 'litert', skipped: skipped('training') },
      { model: 'training', system: 'onnxruntime-web', skipped: skipped('training') },
    ])
    expect(found[3]).toMatchObject({
      system: 'attar',
      samples: 2,
      stepsPerSecond: 1000 / Number(found[3]!['medianMs']),
    })
  }
})
