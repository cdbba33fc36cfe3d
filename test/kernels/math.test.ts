import { existsSync, readFileSync } from 'node:fs'
import asc from 'assemblyscript/asc'
import { beforeAll, describe, expect, it } from 'vitest'
import * as math from '../../compiler/core/math/index.ts'

type Name = Exclude<keyof typeof math, 'pow' | 'expm1' | 'log1p' | 'log2'>
type Range = (random: () => number) => number

const root = new URL('../../', import.meta.url)
const chunk = 4096
const base = 65536

/** One exported loop over memory for each kernel: (x, y, result, n), y for pow alone. */
function wrapper(names: string[]): string {
  const loops = names.flatMap((name) => {
    const vectorY = name === 'pow' ? ', v128.load(y + i * 4)' : ''
    const scalarY = name === 'pow' ? ', load<f64>(y + i * 8)' : ''
    const head = `_${name}(x: usize, y: usize, z: usize, n: i32): void { for (let i = 0; i < n; i += `
    return [
      `export function f32x4${head}4) v128.store(z + i * 4, math.f32x4_${name}(v128.load(x + i * 4)${vectorY})) }`,
      `export function f64${head}1) store<f64>(z + i * 8, math.f64_${name}(load<f64>(x + i * 8)${scalarY})) }`,
    ]
  })
  return `import * as math from './assembly/math/index'\n${loops.join('\n')}`
}

async function assemble(features: string): Promise<Uint8Array<ArrayBuffer>> {
  const sources = new Map([['wrapper.ts', wrapper([...Object.keys(f32), 'pow'])]])
  let bytes: Uint8Array<ArrayBuffer> | undefined
  const stderr = asc.createMemoryStream()
  const options = ['--runtime', 'stub', '--noAssert', '-O3', '--initialMemory', '4', '--disableWarning', '--enable']
  const { error } = await asc.main(['wrapper.ts', ...options, features, '-o', 'out.wasm'], {
    readFile: (name) => {
      const file = new URL(name, root)
      return sources.get(name) ?? (name.startsWith('assembly/') && existsSync(file) ? readFileSync(file, 'utf8') : null)
    },
    writeFile: (_, contents) => {
      if (typeof contents !== 'string') bytes = Uint8Array.from(contents)
    },
    listFiles: () => [],
    stderr,
  })
  if (error || !bytes) throw new Error(stderr.toString())
  return bytes
}

/** The ids of a module's sections. */
function sections(bytes: Uint8Array): number[] {
  const ids: number[] = []
  for (let at = 8; at < bytes.length;) {
    ids.push(bytes[at++] ?? 0)
    let size = 0
    for (let shift = 0, more = true; more; shift += 7) {
      const byte = bytes[at++] ?? 0
      size |= (byte & 127) << shift
      more = byte > 127
    }
    at += size
  }
  return ids
}

/** Runs a kernel over any number of points. */
function runner(instance: WebAssembly.Instance) {
  const { memory } = instance.exports
  if (!(memory instanceof WebAssembly.Memory)) throw new Error('no memory')
  const { buffer } = memory
  return (name: string, xs: number[], ys: number[] = xs): number[] => {
    const kernel = instance.exports[name]
    if (typeof kernel !== 'function') throw new Error(`no kernel ${name}`)
    const Lane = name.startsWith('f32') ? Float32Array : Float64Array
    const lanes = (i: number) => new Lane(buffer, base + i * chunk * 8, chunk)
    const [x, y, z] = [lanes(0), lanes(1), lanes(2)]
    return Array.from({ length: Math.ceil(xs.length / chunk) }, (_, i) => {
      const part = xs.slice(i * chunk, (i + 1) * chunk)
      x.set(part)
      y.set(ys.slice(i * chunk, (i + 1) * chunk))
      kernel(x.byteOffset, y.byteOffset, z.byteOffset, chunk)
      return [...z.subarray(0, part.length)]
    }).flat()
  }
}

function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const high = state
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return (high + state / 2 ** 32) / 2 ** 32
  }
}

const even =
  (a: number, b: number): Range =>
  (random) =>
    a + (b - a) * random()

/** Magnitudes spread evenly over the exponents of a..b, either sign. */
const logarithmic =
  (a: number, b: number): Range =>
  (random) =>
    2 ** (Math.log2(a) + Math.log2(b / a) * random()) * (random() < 0.5 ? -1 : 1)

const positive =
  (a: number, b: number): Range =>
  (random) =>
    Math.abs(logarithmic(a, b)(random))

function points(ranges: Range[], count: number): number[] {
  const random = generator(1)
  return ranges.flatMap((next) => Array.from({ length: count }, () => next(random)))
}

const ulp32 = (x: number) => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -126) - 23)
const ulp64 = (x: number) => 2 ** (Math.max(Math.floor(Math.log2(Math.abs(x))), -1022) - 52)

function worstError(actual: number[], reference: number[], ulp: (x: number) => number): number {
  return actual.reduce((worst, a, i) => {
    const r = reference[i] ?? NaN
    return Object.is(a, r) ? worst : Math.max(worst, Math.abs(a - r) / ulp(r))
  }, 0)
}

/** NaN, infinities, zeros with their signs; what is ordinary only to 4 ulp. */
function expectSame(actual: number[], expected: number[], ulp: (x: number) => number, label: (i: number) => string) {
  actual.forEach((a, i) => {
    const e = expected[i] ?? NaN
    if (Number.isFinite(e) && e !== 0) expect(Math.abs(a - e) / ulp(e), label(i)).toBeLessThanOrEqual(4)
    else expect(a, label(i)).toBe(e)
  })
}

const small = logarithmic(1e-37, 1)
const trigonometric = [even(-4, 4), small, logarithmic(1, 2 ** 24)]

/** Where each f32 kernel is accurate, and to how many ulp. */
const f32: Record<Name, [ulp: number, ...Range[]]> = {
  exp: [1.2, even(-86.9, 88.7), even(-1, 1), small],
  log: [1.2, positive(1e-45, 3e38), even(0.5, 2), (random) => 1 + logarithmic(1e-7, 0.1)(random)],
  sin: [2, ...trigonometric],
  cos: [2, ...trigonometric],
  tan: [1, ...trigonometric],
  asin: [2, even(-1, 1), small],
  acos: [1.5, even(-1, 1), small],
  atan: [1.6, even(-4, 4), logarithmic(1e-37, 1e37)],
  sinh: [1, even(-89.4, 89.4), even(-1, 1), small],
  cosh: [1, even(-89.4, 89.4), even(-1, 1)],
  tanh: [2.6, even(-10, 10), even(-1, 1), small],
  asinh: [1, even(-4, 4), logarithmic(1e-37, 3e38)],
  acosh: [1, positive(1, 3e38), even(1, 2)],
  atanh: [1, even(-1, 1), small],
  erf: [3, even(-5, 5), even(-1.2, 1.2), small],
}

const tiny = logarithmic(1e-300, 1)
const moderate = [even(-4, 4), tiny, logarithmic(1, 2 ** 31)]

const f64: typeof f32 = {
  exp: [2, even(-745, 709.7), even(-1, 1), tiny],
  log: [2, positive(5e-324, 1e308), even(0.5, 2)],
  sin: [2, ...moderate],
  cos: [2, ...moderate],
  tan: [3, ...moderate],
  asin: [2, even(-1, 1), tiny],
  acos: [2, even(-1, 1), tiny],
  atan: [2, even(-4, 4), logarithmic(1e-300, 1e300)],
  sinh: [3, even(-710, 710), even(-1, 1), tiny],
  cosh: [2, even(-710, 710), even(-1, 1)],
  tanh: [3, even(-20, 20), even(-1, 1), tiny],
  asinh: [2, even(-4, 4), logarithmic(1e-300, 1e308)],
  acosh: [2, positive(1, 1e308), even(1, 2)],
  atanh: [2, even(-1, 1), tiny],
  erf: [2, even(-6, 6), tiny],
}

const names = Object.keys(f32) as Name[]
const specials = [0, -0, 1, -1, 2, -2, Infinity, -Infinity, NaN, 0.5, -0.5, 1e9, -1e9, 1e30, -1e30, 1e-30, -1e-30]
const powPoints = [0, -0, 1, -1, Infinity, -Infinity, NaN, 2, -2, 3, 0.5, -0.5, -3, 1e38, -1e38, 1e-45, 2 ** 24 + 2]

describe('kernels of elementary functions', () => {
  let bytes: Uint8Array<ArrayBuffer>
  let run: ReturnType<typeof runner>
  beforeAll(async () => {
    bytes = await assemble('simd')
    run = runner((await WebAssembly.instantiate(bytes)).instance)
  }, 60000)

  it('are the same with relaxed SIMD', async () => {
    expect(await assemble('simd,relaxed-simd')).toEqual(bytes)
  }, 60000)

  it('are pure code: no imports, tables, globals, start function or data', () => {
    // The ids of the type, function, memory, export and code sections.
    expect(sections(bytes).filter((id) => id !== 0)).toEqual([1, 3, 5, 7, 10])
  })

  it.each(names)('f32x4_%s', (name) => {
    const [limit, ...ranges] = f32[name]
    const xs = points(ranges, 10000).map(Math.fround)
    expect(worstError(run(`f32x4_${name}`, xs), xs.map(math[name]), ulp32)).toBeLessThanOrEqual(limit)
  })

  it.each(names)('f64_%s', (name) => {
    const [limit, ...ranges] = f64[name]
    const xs = points(ranges, 3000)
    expect(worstError(run(`f64_${name}`, xs), xs.map(math[name]), ulp64)).toBeLessThanOrEqual(limit)
  })

  it.each(names)('%s has the special values of IEEE 754', (name) => {
    const huge = ['sin', 'cos', 'tan'].includes(name)
    const xs = specials.filter((x) => !huge || !(Math.abs(x) > 1e9 && Math.abs(x) < Infinity)).map(Math.fround)
    const label = (i: number) => `${name}(${xs[i]})`
    const expected = xs.map(math[name])
    expectSame(run(`f32x4_${name}`, xs), expected.map(Math.fround), ulp32, label)
    expectSame(run(`f64_${name}`, xs), expected, ulp64, label)
  })

  it('exp overflows to infinity and underflows to zero at the ends of its range', () => {
    const xs = [88.72283, 88.72284, 89, 1e30, -86.99, -87.5, -88, -104, -1e30]
    const below = 2 ** -125.4
    run('f32x4_exp', xs).forEach((actual, i) => {
      const exact = math.exp(Math.fround(xs[i] ?? NaN))
      const expected = exact < below ? 0 : Math.fround(exact)
      expect(Math.abs(actual - expected) > ulp32(exact) && actual !== expected, `exp(${xs[i]})`).toBe(false)
    })
  })

  it('sin and cos stay within -1..1 whatever the argument', () => {
    const xs = points([logarithmic(1e6, 3e38)], 5000).map(Math.fround)
    for (const name of ['f32x4_sin', 'f32x4_cos', 'f64_sin', 'f64_cos']) {
      expect(run(name, xs).every((y) => Math.abs(y) <= 1)).toBe(true)
    }
  })

  it('tanh and erf stay within -1..1, and cos(0) and exp(0) are 1', () => {
    const xs = points([even(-12, 12), even(-4.2, 4.2)], 10000)
    for (const name of ['f32x4_tanh', 'f32x4_erf', 'f64_tanh', 'f64_erf']) {
      expect(run(name, xs).every((y) => Math.abs(y) <= 1)).toBe(true)
    }
    for (const name of ['f32x4_cos', 'f64_cos', 'f32x4_exp', 'f64_exp']) expect(run(name, [0])).toEqual([1])
  })

  it('pow is accurate', () => {
    const near = (random: () => number) => 1 + even(-0.005, 0.005)(random)
    const xs = [...points([positive(1e-38, 3e38)], 5000), ...points([near], 5000)]
    const ys = [...points([even(-1, 1)], 5000), ...points([even(-17000, 17000)], 5000)]
    const [fx, fy] = [xs.map(Math.fround), ys.map(Math.fround)]
    const expected = fx.map((x, i) => math.pow(x, fy[i] ?? NaN)).map((y) => (y < 2 ** 128 ? y : Math.fround(y)))
    expect(worstError(run('f32x4_pow', fx, fy), expected, ulp32)).toBeLessThanOrEqual(1)
    const wide = ys.map((y) => y * 7)
    const expected64 = xs.map((x, i) => math.pow(x, wide[i] ?? NaN))
    expect(worstError(run('f64_pow', xs, wide), expected64, ulp64)).toBeLessThanOrEqual(2)
  })

  it("pow has C99's special values and exact integer powers", () => {
    const xs = powPoints.flatMap((x) => powPoints.map(() => Math.fround(x)))
    const ys = powPoints.flatMap(() => powPoints.map(Math.fround))
    const label = (i: number) => `pow(${xs[i]}, ${ys[i]})`
    const expected = xs.map((x, i) => math.pow(x, ys[i] ?? NaN))
    expectSame(run('f32x4_pow', xs, ys), expected.map(Math.fround), ulp32, label)
    expectSame(run('f64_pow', xs, ys), expected, ulp64, label)
    const integers = Array.from({ length: 200 }, (_, i) => i - 100)
    const cube = integers.map(() => 3)
    expect(run('f32x4_pow', integers, cube)).toEqual(integers.map((i) => i * i * i))
    expect(run('f64_pow', integers, cube)).toEqual(integers.map((i) => i * i * i))
  })
})
