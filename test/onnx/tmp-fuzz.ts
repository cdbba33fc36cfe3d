import onnxProto from 'onnx-proto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CompileError } from '../../compiler/core/diagnostic.ts'
import { tensorOf, toNumbers, type Tensor } from '../../compiler/core/tensor.ts'
import { decodeModel } from '../../compiler/onnx/decode.ts'
import { verify } from '../../compiler/core/verify.ts'
import { importFor, listCases, readTensors } from './suite.ts'
const { onnx } = onnxProto
let seed = Number(process.argv[2] ?? 1)
const rnd = () => ((seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff)
const pick = <T>(xs: readonly T[]): T => xs[Math.floor(rnd() * xs.length)]!
const filter = process.argv[3] ? new RegExp(process.argv[3]) : /./
const wild = [-1, 0, 1, 2, 3, -2, 7, -7, 1000, 2 ** 31 - 1, -(2 ** 31), 2 ** 40, -(2 ** 40), 2 ** 62, 2 ** 30, 2 ** 24]
const codes = new Map<string, number>()
const seen = new Set<string>()
for (const root of ['/usr/share/libonnx-testdata/data', '/tmp/onnx-extra']) for (const c of listCases(root)) {
  if (!filter.test(c.name)) continue
  const bytes = readFileSync(join(c.folder, 'model.onnx'))
  if (bytes.length > 20000) continue
  let inputs: Record<string, Tensor> = {}
  try {
    const { graph } = decodeModel(bytes)
    inputs = readTensors(join(c.folder, 'test_data_set_0'), 'input', graph.inputs)
  } catch { continue }
  for (let k = 0; k < Number(process.argv[4] ?? 20); k++) {
    const m = onnx.ModelProto.decode(new Uint8Array(bytes))
    const nodes = m.graph!.node!
    const n = pick(nodes)
    const what = rnd()
    const mutated = { ...inputs }
    if (what < 0.5 && n.attribute!.length > 0) {
      const a = pick(n.attribute!)
      if (a.ints?.length) a.ints = rnd() < 0.3 ? [...a.ints, pick(wild)] : a.ints.map((v) => (rnd() < 0.5 ? pick(wild) : v))
      else if (a.floats?.length) a.floats = a.floats.map(() => pick([0, -1, NaN, Infinity, 1e30, 1e-30]))
      else if (a.type === 1) a.f = pick([0, -1, NaN, Infinity, 1e30])
      else if (a.type === 2) a.i = pick(wild)
      else if (a.type === 3) a.s = new TextEncoder().encode('zzz')
    } else if (what < 0.8) {
      const [name, t] = pick(Object.entries(inputs)) ?? []
      if (name && t) {
        const vals = toNumbers(t).map((v) => (rnd() < 0.4 ? (t.dtype === 'i64' ? pick(wild) : t.dtype[0] === 'f' ? pick([NaN, Infinity, -1, 0, 1e30, 1e-30, 1e9]) : pick([0, 1, 2, 100])) : v))
        try { mutated[name] = tensorOf(t.dtype, t.shape, vals) } catch {}
        if (rnd() < 0.3) mutated[name] = tensorOf(t.dtype, [], [1])
      }
    } else {
      if (rnd() < 0.5) n.input = n.input!.slice(0, Math.floor(rnd() * (n.input!.length + 1)))
      else n.attribute!.splice(0, 1)
      if (rnd() < 0.3) m.opsetImport!.forEach((o) => (o.version = pick([1, 5, 7, 9, 10, 11, 12, 13, 18, 22])))
    }
    for (const info of m.graph!.input!) if (rnd() < 0.5 && info.type?.tensorType?.shape) for (const d of info.type.tensorType.shape.dim!) { delete d.dimValue; d.dimParam = `d${Math.floor(rnd() * 1e9)}` }
    let buf: Uint8Array
    try { buf = onnx.ModelProto.encode(m).finish() } catch { continue }
    const t = performance.now()
    try {
      const { graph } = importFor(buf, mutated)
      verify(graph)
      codes.set('ok', (codes.get('ok') ?? 0) + 1)
    } catch (e) {
      if (e instanceof CompileError) {
        for (const d of e.diagnostics) codes.set(d.code, (codes.get(d.code) ?? 0) + 1)
        for (const d of e.diagnostics) if (d.code === 'A601' || (d.code === 'A204' && /undefined|not a function|Invalid|BigInt|NaN|iterable|null/.test(d.message))) { const key = d.code + (d.origin?.operator) + d.message.slice(0, 40); if (!seen.has(key)) { seen.add(key); console.log(c.name, d.code, d.origin?.operator, d.message.slice(0, 200).replaceAll('\n', ' | ')) } }
      } else { const key = String((e as Error).stack).split('\n').slice(0,2).join(); if (!seen.has(key)) { seen.add(key); console.log('CRASH', c.name, (e as Error).stack?.slice(0, 700)) } }
    }
    const took = performance.now() - t
    if (took > 700) console.log('SLOW', c.name, took.toFixed(0), n.opType, (process.memoryUsage().rss / 1e6).toFixed(0) + 'MB')
  }
}
console.log([...codes])
