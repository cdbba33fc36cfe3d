import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Builder } from '../../compiler/core/builder.ts'
import type { Value } from '../../compiler/core/graph.ts'
import { dequantized } from '../../compiler/core/scalar/quantization.ts'
import { codedBits, codeLengths, countBytes, longestCode } from '../../compiler/core/bytes/huffman.ts'
import { bytesOf, tensor } from '../../compiler/core/tensor.ts'
import { compileGraph } from '../../compiler/pipeline.ts'
import { coded, codedGroups, tableBytes } from '../../compiler/schedule/memory/entropy-coding.ts'
import { loadBinaryen } from '../../compiler/wasm/emit.ts'
import { Linker } from '../../compiler/wasm/link.ts'
import { memoryName } from '../../compiler/wasm/machine.ts'
import { expectSameBytes, jobOf } from '../support/engines/jobs.ts'
import { Random } from '../support/random.ts'
import { relaxedEngines } from '../support/engines/relaxed-engines.ts'
import { graphOf, inputOf, runModule } from '../support/run-graph.ts'

/** What sums of uniform numbers give: most bytes are near 0, as weights are. */
const bell = (random: Random, spread: number): number =>
  Math.round((random.float() + random.float() + random.float() - 1.5) * spread)

/** Bytes in stretches of different kinds, some of which take more bits in codes that all share. */
function drawn(random: Random, length: number): Uint8Array {
  const data = new Uint8Array(length)
  for (let at = 0; at < length;) {
    const end = Math.min(length, at + 1 + random.int(random.pick([8, 300, 3000])))
    const kind = random.int(6)
    const byte = random.int(256)
    for (; at < end; at++)
      data[at] = [byte, 0, bell(random, 60), bell(random, 6), random.int(256), random.int(2) * byte][kind]!
  }
  return data
}

/** Bits of codes of any length: two of the least weight become one, until one is left. */
function huffmanBits(counts: Float64Array): number {
  const weights = [...counts].filter((count) => count > 0)
  let bits = 0
  while (weights.length > 1) {
    weights.sort((a, b) => b - a)
    const sum = weights.pop()! + weights.pop()!
    weights.push(sum)
    bits += sum
  }
  return bits
}

describe('lengths of codes', () => {
  it.each([
    ['a bell', (random: Random) => countBytes(Uint8Array.from({ length: 5000 }, () => bell(random, 80)))],
    ['few symbols', (random: Random) => countBytes(Uint8Array.from({ length: 100 }, () => random.int(3)))],
  ])('take the fewest bits: %s', (_, counts) => {
    for (let seed = 1; seed <= 20; seed++) {
      const own = counts(new Random(seed))
      const lengths = codeLengths(own)
      expect(Math.max(...lengths)).toBeLessThanOrEqual(longestCode)
      // Codes of any length are no better, unless some are longer.
      expect(codedBits(own, lengths) - huffmanBits(own)).toBeLessThanOrEqual(huffmanBits(own) / 500)
      if (Math.max(...lengths) < longestCode) expect(codedBits(own, lengths)).toBe(huffmanBits(own))
    }
  })

  it('stay within their limit, and use up all codes', () => {
    const fibonacci = new Float64Array(256)
    for (let i = 0; i < 60; i++) fibonacci[i] = i < 2 ? 1 : fibonacci[i - 1]! + fibonacci[i - 2]!
    const lengths = codeLengths(fibonacci)
    expect(Math.max(...lengths)).toBe(longestCode)
    expect(lengths.reduce((sum, length) => sum + (length > 0 ? 2 ** -length : 0), 0)).toBe(1)
  })

  it('are none for no byte, and one bit for the only one', () => {
    expect(Math.max(...codeLengths(new Float64Array(256)))).toBe(0)
    expect([...codeLengths(countBytes(Uint8Array.of(7, 7)))].indexOf(1)).toBe(7)
  })
})

describe('the decoder', () => {
  let decode: (...args: number[]) => void
  let memory: WebAssembly.Memory
  const out = 16 + tableBytes

  beforeAll(async () => {
    const binaryen = await loadBinaryen()
    const m = new binaryen.Module()
    const linker = new Linker(binaryen, m, 'simd')
    m.setFeatures(binaryen.Features.All)
    m.setMemory(4, 4, 'memory', [], false, false, memoryName)
    m.addFunctionExport(linker.link('bytes_from_huffman'), 'decode')
    const instance = new WebAssembly.Instance(new WebAssembly.Module(m.emitBinary() as BufferSource))
    ;({ decode, memory } = instance.exports as unknown as { decode: typeof decode; memory: WebAssembly.Memory })
    linker.dispose()
    m.dispose()
  })

  /** What is in memory when codes were loaded there and decoded, with what was around them. */
  function decoded({ data, region }: NonNullable<ReturnType<typeof coded>>): Uint8Array {
    const all = new Uint8Array(memory.buffer).fill(0xa5)
    all.set(data, out)
    const { lengths, lane, count, ends } = region
    decode(out + lengths, 16, out + region.out, lane, count, ...ends.map((end) => out + end))
    expect(all.subarray(0, 16).every((byte) => byte === 0xa5)).toBe(true)
    expect(all.subarray(out + data.length).every((byte) => byte === 0xa5)).toBe(true)
    return all.slice(out, out + data.length)
  }

  it('gives back whatever was coded, where it is', () => {
    const random = new Random(1)
    let count = 0
    for (let draw = 0; draw < 100; draw++) {
      const data = drawn(random, 16 * random.int(random.pick([20, 200, 2000])))
      const own = coded(data)
      if (!own) continue
      count++
      expect(own.data.length).toBe(data.length)
      expect(Buffer.compare(decoded(own), data), `draw ${draw}`).toBe(0)
    }
    expect(count).toBeGreaterThan(25)
  })

  it.each([0, 16, 32, 256, 272])('takes nothing or all of %i bytes', (length) => {
    const own = coded(new Uint8Array(length).fill(3))
    if (own) expect(decoded(own).every((byte) => byte === 3)).toBe(true)
  })

  it('leaves alone what codes do not make smaller', () => {
    expect(coded(Uint8Array.from({ length: 4096 }, (_, i) => i))).toBeUndefined()
    // Zeros take no bytes of the file as they are.
    expect(coded(new Uint8Array(1 << 16))).toBeUndefined()
  })

  it('keeps the head as it is where the first bytes have the long codes', () => {
    const random = new Random(2)
    const hard = (n: number): number[] => Array.from({ length: n }, () => random.int(256))
    const easy = (n: number): number[] => Array.from({ length: n }, () => bell(random, 4))
    const data = Uint8Array.from([...hard(2000), ...easy(6000), ...hard(2000), ...easy(6000)])
    const own = coded(data)!
    expect(own.region.out).toBeGreaterThan(1000)
    expect(Buffer.compare(decoded(own), data)).toBe(0)
  })
})

describe('groups', () => {
  const random = new Random(3)
  const constant = (type: string, length: number, spread: number) => ({
    type,
    data: Uint8Array.from({ length }, () => bell(random, spread)),
  })

  it('are of constants that are alike, and nothing where little is saved', () => {
    const constants = [...[100, 10, 100, 10].map((s) => constant('i8', 6000, s)), constant('i8', 100, 10)]
    const groups = codedGroups(constants)
    expect(groups.map(({ members }) => members.map((each) => constants.indexOf(each)).sort())).toEqual([
      [1, 3],
      [0, 2],
    ])
    expect(codedGroups([constant('i8', 600, 30)])).toEqual([])
  })

  it('of thousands take a while that grows with them', () => {
    const many = Array.from({ length: 800 }, (_, i) => constant(i % 2 ? 'i8' : 'f32', 256, 1 + (i % 90)))
    expect(codedGroups(many).flatMap(({ members }) => members).length).toBeGreaterThan(300)
  })
})

describe('a module with weights in codes', () => {
  const b = new Builder(undefined)
  const random = new Random(5)
  const x = inputOf('x', 'f32', [5, 256])
  const product = (lhs: Value, rhs: Value): Value =>
    b.dotGeneral(lhs, rhs, { lhsBatch: [], rhsBatch: [], lhsContract: [1], rhsContract: [0] })
  const integers = (dtype: 'i8' | 'i4', shape: number[], most: number) => {
    const data = Int8Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () =>
      Math.max(-most, Math.min(most, bell(random, most))),
    )
    const scale = b.constant(
      tensor(
        'f32',
        [shape[1]!],
        Float32Array.from({ length: shape[1]! }, () => random.float()),
      ),
    )
    return b.map([b.constant(tensor(dtype, shape, data)), scale], (q, s) => dequantized(q!, s!, undefined))
  }
  const floats = (length: number, by: number) =>
    Float32Array.from({ length }, () => Math.fround(Math.round(bell(random, 90)) / by))
  /** Floats of 16 bits stand in the module as those, and what is multiplied both ways round is prepared when it starts. */
  const twice = b.constant(tensor('f32', [64, 64], floats(4096, 128)))
  const hidden = product(product(x, integers('i8', [256, 128], 127)), integers('i4', [128, 64], 7))
  const odd = b.constant(tensor('f32', [64, 64], floats(4096, 3)))
  const result = product(product(product(hidden, twice), odd), b.transpose(twice, [1, 0]))
  const graph = graphOf([x], [result])
  const inputs = {
    x: tensor(
      'f32',
      [5, 256],
      Float32Array.from({ length: 1280 }, () => random.float() - 0.5),
    ),
  }
  const engines = relaxedEngines()
  afterAll(async () => (await engines).forEach((engine) => engine.close()))

  it('gives the same as one without, in the same memory, on every engine', async () => {
    const plain = await compileGraph(graph)
    const small = await compileGraph(graph, { entropyCode: true })
    expect(plain.report.entropyCoding).toBeUndefined()
    const { bytes, saved, tables } = small.report.entropyCoding!
    expect(tables).toBeGreaterThan(1)
    expect(bytes).toBeGreaterThan(256 * 128 + 64 * 64)
    expect([small.report.memory, small.report.weights]).toEqual([plain.report.memory, plain.report.weights])
    const decoder = 700
    for (const target of ['simd', 'relaxed-simd'] as const)
      expect(small.modules[target]!.length).toBeLessThan(plain.modules[target]!.length - saved + decoder)
    const expected = Object.values(runModule(plain.modules.simd!, plain.spec, inputs)).map(bytesOf)
    const actual = Object.values(runModule(small.modules.simd!, small.spec, inputs)).map(bytesOf)
    expectSameBytes([actual], expected, 'simd')
    for (const engine of await engines) {
      const [own, other] = [
        await engine.run(jobOf(plain, 'relaxed-simd', inputs)),
        await engine.run(jobOf(small, 'relaxed-simd', inputs)),
      ]
      expectSameBytes(other, own[0]!, engine.name)
    }
    const again = await compileGraph(graph, { entropyCode: true })
    expect(Buffer.compare(again.modules.simd!, small.modules.simd!)).toBe(0)
  })
})
