import { it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import { isFloat } from '../../compiler/core/dtype.ts'
import { evaluate } from '../../compiler/core/evaluate.ts'
import { printGraph } from '../../compiler/core/print.ts'
import { verify } from '../../compiler/core/verify.ts'
import { runPasses } from '../../compiler/passes/index.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { gradients } from '../../compiler/transform/gradients.ts'
import { randomGraph } from '../fuzz/random-graph.ts'
import { smallTensor } from '../fuzz/value-pool.ts'
import { Random } from '../support/random.ts'
import { expectClose, runModule } from '../support/run-graph.ts'
const b = new Builder(undefined)
it('compiled', async () => {
  const failed: string[] = []
  const s0 = Number(process.env.S0 ?? 1), n = Number(process.env.N ?? 200)
  for (let seed = s0; seed < s0 + n; seed++) {
    const random = new Random(seed)
    const g = randomGraph(random)
    const outs = g.outputs.map((p) => p.value).filter((v) => isFloat(v.type.dtype))
    const wrt = g.inputs.map((p) => p.value).filter((v) => v.type.dtype === 'f32')
    if (!outs.length || !wrt.length) continue
    const sums = outs.map((v) => b.reduce('add', b.binary('mul', v, b.constant(smallTensor(random, 'f32', v.type.shape))), v.type.shape.map((_, i) => i)))
    const loss = sums.reduce((p, q) => b.binary('add', p, q))
    const grads = gradients(loss, wrt)
    const graph = { inputs: g.inputs, outputs: grads.map((value, i) => ({ name: `g${i}`, value })) }
    const inputs = Object.fromEntries(g.inputs.map(({ name, value }) => [name, smallTensor(random, value.type.dtype, value.type.shape)]))
    let stage = 'evaluate'
    try {
      const expected = evaluate(graph, inputs)
      stage = 'passes'
      const after = runPasses(graph)
      verify(after)
      for (const [k, v] of Object.entries(evaluate(after, inputs))) expectClose(v, expected[k]!, 1e-3)
      stage = 'compiled'
      const { modules, spec } = await compileGraph(graph, { targets: ['simd'] })
      const actual = runModule(modules.simd!, spec, inputs)
      for (const [k, v] of Object.entries(expected)) expectClose(actual[k]!, v, 1e-3)
    } catch (e) {
      failed.push(`seed ${seed} ${stage}: ${String(e).slice(0, 300)}`)
      if (failed.length < 3) console.log(printGraph(graph).slice(0, 3000))
    }
  }
  console.log(failed.length, failed.join('\n'))
}, 1e9)
