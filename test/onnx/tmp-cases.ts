import { readdirSync, readFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { importFor, readTensors, difference } from './suite.ts'
import { decodeModel } from '../../compiler/onnx/decode.ts'
import { nodesOf } from '../../compiler/core/graph.ts'
import { verify } from '../../compiler/core/verify.ts'
import { workOf, evaluate } from '../../compiler/core/evaluate.ts'
const root = '/work/shared/cases'
const only = process.argv[2]
for (const name of readdirSync(root)) {
  const folder = join(root, name)
  if (only && !name.match(only)) continue
  if (!existsSync(join(folder, 'model.onnx'))) continue
  const bytes = readFileSync(join(folder, 'model.onnx'))
  const start = performance.now()
  try {
    const { graph: declared } = decodeModel(bytes)
    const ports = declared.inputs.filter(({ name }) => !declared.initializers.has(name))
    const inputs = readTensors(join(folder, 'test_data_set_0'), 'input', ports)
    const { graph } = importFor(bytes, inputs)
    verify(graph)
    const work = nodesOf(graph).reduce((s, n) => s + workOf(n), 0)
    let res = ''
    if (work < 3e8) {
      const expected = readTensors(join(folder, 'test_data_set_0'), 'output', declared.outputs)
      const actual = evaluate(graph, inputs)
      res = Object.entries(expected).map(([n, t]) => difference(actual[n]!, t) ?? 'ok').join(' ')
    }
    console.log(name, declared.nodes.length, nodesOf(graph).length, (work / 1e6).toFixed(1) + 'M', (performance.now() - start).toFixed(0) + 'ms', res, graph.inputs.length < ports.length ? 'BOUND ' + ports.filter(p=>!graph.inputs.some(q=>q.name===p.name)).map(p=>p.name) : '')
  } catch (e) { console.log(name, e instanceof Error ? e.message.slice(0, 800) : e) }
}
