import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { artefacts, compile, inspectModule, targets } from '../../compiler/index.ts'

/**
 * What the sample module weighs, in bytes, so that a commit shows what it changed. After a change on purpose:
 *
 *     UPDATE_LEDGER=1 npm test -- test/house
 */
const ledgerFile = 'test/house/ledger.json'

async function measure(model: string): Promise<object> {
  const compiled = await compile(readFileSync(model), { dims: { batch: 1 } })
  const files = artefacts(compiled, 'model')
  const modules = targets.map((target) => {
    const module = compiled.modules[target]!
    const { codeBytes, dataBytes, functions } = inspectModule(module)
    return [target, { total: module.length, code: codeBytes, weights: dataBytes, functions: functions.length }] as const
  })
  return { ...Object.fromEntries(modules), memory: compiled.report.memory, script: files['model.js']!.length }
}

it('compiles the sample model to as many bytes as the ledger states', async () => {
  const measured = { digits: await measure('examples/digits/digits.onnx') }
  if (process.env['UPDATE_LEDGER']) writeFileSync(ledgerFile, `${JSON.stringify(measured, null, 2)}\n`)
  expect(measured).toEqual(JSON.parse(readFileSync(ledgerFile, 'utf8')))
})
