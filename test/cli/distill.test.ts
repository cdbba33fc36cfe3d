import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { tensorOf } from '../../compiler/core/tensor.ts'
import { writeNpz } from '../../compiler/data/index.ts'
import { commandLine } from '../support/command-line.ts'
import { Random } from '../support/random.ts'

const { at, out, err, attar } = commandLine()

/** Points of three clouds in four dimensions. */
function clouds(count: number, seed: number, labelled: boolean): Uint8Array {
  const random = new Random(seed)
  const labels = Array.from({ length: count }, (_, i) => i % 3)
  const x = labels.flatMap((label) => [0, 1, 2, 3].map((d) => (d === label ? 1.5 : 0) + 2 * random.float() - 1))
  const input = tensorOf('f32', [count, 4], x)
  return writeNpz({ input, ...(labelled && { y: tensorOf('i32', [count], labels) }) })
}

const config = (fields: string): string => `
import { defineConfig, dense, mixup, relu, sequential } from 'attar/config'
export default defineConfig({
  data: { train: 'unlabelled.npz', val: 'unlabelled-val.npz', test: 'test.npz' },
  train: { epochs: 3, batch: 16, learningRate: 0.02 },
  ${fields},
})`
const network = 'network: sequential([dense(6), relu(), dense(3)]), input: [4]'

interface Score {
  readonly loss: number
  readonly accuracy?: number
  readonly agreement?: number
}
interface Report {
  readonly history: readonly { readonly train: Score; readonly validation: Score }[]
  readonly best: Score
  readonly test: Score & { readonly interval?: readonly number[]; readonly agreementInterval?: readonly number[] }
}

async function trained(name: string, fields: string, ...args: string[]): Promise<Report> {
  writeFileSync(at(`${name}.config.ts`), config(fields))
  out.length = 0
  expect(await attar('train', at(`${name}.config.ts`), '-o', at(name), '--json', ...args), err.join('\n')).toBe(0)
  return JSON.parse(out.join('\n')) as Report
}

beforeAll(async () => {
  writeFileSync(at('train.npz'), clouds(150, 1, true))
  writeFileSync(at('val.npz'), clouds(60, 2, true))
  writeFileSync(at('test.npz'), clouds(60, 3, true))
  writeFileSync(at('unlabelled.npz'), clouds(150, 4, false))
  writeFileSync(at('unlabelled-val.npz'), clouds(60, 5, false))
  const labelled = ['--train', at('train.npz'), '--val', at('val.npz')]
  await trained('teacher', 'network: sequential([dense(16), relu(), dense(3)]), input: [4]', ...labelled)
})

describe('a training with a teacher', () => {
  it('needs no labels: agreement rises', async () => {
    const { history, best, test } = await trained('student', `${network}, distill: { teacher: 'teacher/model.onnx', labels: false }`)
    console.log(JSON.stringify(history), JSON.stringify(test), err.splice(0).join('\n'))
  })
  it('labels', async () => {
    const { history, best, test } = await trained('labelled', `${network}, distill: { teacher: 'teacher/model.onnx' }`, '--train', at('train.npz'), '--val', at('val.npz'))
    console.log(JSON.stringify(history), JSON.stringify(test), err.splice(0).join('\n'))
  })
  it('prunes', async () => {
    const { history, best, test } = await trained('pruned', `model: 'teacher/model.onnx', prune: { macs: '50%' }, distill: { labels: false }`)
    console.log(JSON.stringify(history), JSON.stringify(test), err.splice(0).join('\n'))
  })
})
