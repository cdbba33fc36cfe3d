/**
 * Runs ONNX backend cases under the reference evaluator and prints what fails: for whoever writes operators.
 *
 *     npx esbuild test/onnx/run-suite.ts --bundle --platform=node --format=esm --packages=external --outfile=SOMEWHERE.mjs
 *     node SOMEWHERE.mjs [--passed] [--root DIR] [regular expressions over case names or operators …]
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { CompileError } from '../../compiler/core/diagnostic.ts'
import { decodeModel } from '../../compiler/onnx/decode.ts'
import { listCases, runCase, suiteRoot, type SuiteCase } from './suite.ts'

const { values, positionals } = parseArgs({
  options: { passed: { type: 'boolean' }, root: { type: 'string' } },
  allowPositionals: true,
})
const filters = positionals.map((text) => new RegExp(text))

/** The operator a case is about: that of its only node, or of its last. */
function operatorOf({ folder }: SuiteCase): string {
  return decodeModel(readFileSync(join(folder, 'model.onnx'))).graph.nodes.at(-1)?.operator ?? ''
}

function outcome(testCase: SuiteCase): string | undefined {
  try {
    return runCase(testCase)
  } catch (error) {
    if (error instanceof CompileError)
      return error.diagnostics.map((d) => `${d.code} ${d.message.split('\n')[0]}`).join('; ')
    return error instanceof Error ? `${error.stack}` : String(error)
  }
}

const counts = new Map<string, { passed: number; failed: number }>()
for (const testCase of listCases(values.root ?? suiteRoot)) {
  const operator = operatorOf(testCase)
  if (filters.length > 0 && !filters.some((f) => f.test(testCase.name) || f.test(operator))) continue
  const count = counts.get(operator) ?? { passed: 0, failed: 0 }
  counts.set(operator, count)
  const start = performance.now()
  const wrong = outcome(testCase)
  const took = performance.now() - start
  if (wrong) count.failed++
  else count.passed++
  if (wrong || values.passed || took > 3000)
    console.log(`${wrong ? 'FAIL' : 'pass'} ${testCase.name} ${operator} ${took.toFixed(0)} ms ${wrong ?? ''}`)
}
const sum = { passed: 0, failed: 0 }
for (const [operator, { passed, failed }] of [...counts].sort()) {
  console.log(`${operator}: ${passed} passed${failed ? `, ${failed} FAILED` : ''}`)
  sum.passed += passed
  sum.failed += failed
}
console.log(`total: ${sum.passed} passed, ${sum.failed} failed`)
