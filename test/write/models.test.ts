import { readdirSync, readFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, expect } from 'vitest'
import { importModel } from '../../compiler/onnx/import.ts'
import { decodeModel } from '../../compiler/onnx/decode.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { Random } from '../support/random.ts'
import { expectWritten, randomInputs } from './judge.ts'

const cases = process.env['ATTAR_CASES']
const names = cases ? readdirSync(cases).filter((n) => existsSync(join(cases, n, 'model.onnx'))) : []

describe.skipIf(!cases)('models of the cases', () => {
  it.each(names)(
    '%s',
    async (name) => {
      const folder = join(cases!, name)
      const meta = JSON.parse(readFileSync(join(folder, 'meta.json'), 'utf8'))
      const { graph } = importModel(readFileSync(join(folder, 'model.onnx')), { dims: meta.dims ?? {} })
      const inputs = randomInputs(graph, new Random(1))
      const model = await expectWritten(graph, inputs, { tolerance: 1e-4 })
      const count = new Map<string, number>()
      for (const n of decodeModel(model).graph.nodes) count.set(n.operator, (count.get(n.operator) ?? 0) + 1)
      console.log(name, [...count].map(([k, v]) => `${k} ${v}`).join(' '))
    },
    600000,
  )
})
void runPasses
void expect
