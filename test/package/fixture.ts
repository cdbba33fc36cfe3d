import binaryen from 'binaryen'
import { abiVersion, type ModuleSpec, type Target } from '../../compiler/core/artefact/artefact.ts'
import type { Compiled } from '../../compiler/core/artefact/artefact.ts'

/**
 * A module put together by hand, with every class of dtype and names that need care. It computes
 * y = 2x + 1, `__proto__` + 1n, each byte of `a"b` plus 1, and the bits of `half` unchanged; and it overwrites x.
 */
export const spec: ModuleSpec = {
  abi: abiVersion,
  hash: '0123456789abcdef',
  attar: '0.0.0-test',
  inputs: [
    { name: 'x', dtype: 'f32', shape: [2, 3], address: 16 },
    { name: 'a"b', dtype: 'u8', shape: [4], address: 64 },
    { name: '__proto__', dtype: 'i64', shape: [], address: 72 },
    { name: 'half', dtype: 'f16', shape: [2], address: 80 },
  ],
  outputs: [
    { name: 'y', dtype: 'f32', shape: [2, 3], address: 128 },
    { name: '__proto__', dtype: 'i64', shape: [1], address: 160 },
    { name: "it's */ a\\b\n</script>", dtype: 'u8', shape: [4], address: 168 },
    { name: 'half', dtype: 'f16', shape: [2], address: 172 },
    { name: 'relaxed', dtype: 'bool', shape: [1], address: 176 },
    { name: 'empty', dtype: 'f64', shape: [0, 3], address: 184 },
  ],
  metadata: { labels: '["\u2028cat", "dog\'s"]', ['__proto__']: 'own', 7: 'seven' },
}

export const inputs = () => ({
  x: new Float32Array([0, 1, -2, 3, 4.5, 5]),
  'a"b': new Uint8Array([0, 1, 254, 255]),
  ['__proto__']: new BigInt64Array([-(2n ** 40n)]),
  half: new Uint16Array([0x3c00, 0x7e01]),
})

export const outputs = (target: Target) => ({
  y: new Float32Array([1, 3, -3, 7, 10, 11]),
  ['__proto__']: new BigInt64Array([-(2n ** 40n) + 1n]),
  "it's */ a\\b\n</script>": new Uint8Array([1, 2, 255, 0]),
  half: new Uint16Array([0x3c00, 0x7e01]),
  relaxed: new Uint8Array([target === 'simd' ? 0 : 1]),
  empty: new Float64Array(0),
})

const text = (target: Target) => {
  const affine = (x: string) => {
    const two = '(f32x4.splat (f32.const 2))'
    const one = '(f32x4.splat (f32.const 1))'
    return target === 'simd' ? `(f32x4.add (f32x4.mul ${x} ${two}) ${one})` : `(f32x4.relaxed_madd ${x} ${two} ${one})`
  }
  const at = (address: number) => `(i32.const ${address})`
  return `(module
    (memory (export "memory") 1 1)
    (data (i32.const 1024) "weights of the model")
    (func (export "run")
      (v128.store ${at(128)} ${affine(`(v128.load ${at(16)})`)})
      (v128.store ${at(144)} ${affine(`(v128.load ${at(32)})`)})
      (i64.store ${at(160)} (i64.add (i64.load ${at(72)}) (i64.const 1)))
      (v128.store32_lane 0 ${at(168)} (i8x16.add (v128.load32_zero ${at(64)}) (i8x16.splat (i32.const 1))))
      (i32.store ${at(172)} (i32.load ${at(80)}))
      (i32.store8 ${at(176)} (i32.const ${target === 'simd' ? 0 : 1}))
      (v128.store ${at(16)} (v128.const i32x4 0 0 0 0))))`
}

export function compiled(targets: readonly Target[] = ['simd', 'relaxed-simd']): Compiled {
  const modules = Object.fromEntries(
    targets.map((target) => {
      const module = binaryen.parseText(text(target))
      const bytes = module.emitBinary()
      module.dispose()
      return [target, withSection(bytes, 'attar', JSON.stringify(spec))]
    }),
  )
  return {
    modules,
    spec,
    warnings: [],
    report: {
      weights: 20,
      state: 0,
      arena: 256,
      arenaLowerBound: 256,
      memory: 1,
      macs: 6,
      integerMacs: 0,
      dotMacs: 0,
      kernels: [],
    },
  }
}

/** The module with a custom section after its own. */
export function withSection(module: Uint8Array, name: string, content: string): Uint8Array<ArrayBuffer> {
  const label = new TextEncoder().encode(name)
  const payload = new TextEncoder().encode(content)
  const body = [...leb(label.length), ...label, ...payload]
  return Uint8Array.from([...module, 0, ...leb(body.length), ...body])
}

const leb = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)])
