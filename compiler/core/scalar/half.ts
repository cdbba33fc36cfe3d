/** Bit-level conversions of the 16-bit storage formats (IEEE 754 binary16, bfloat16), rounding half to even. */

const scratch = new DataView(new ArrayBuffer(4))

function bitsOf(value: number): number {
  scratch.setFloat32(0, value)
  return scratch.getUint32(0)
}

/** binary16 bits of the f32 nearest to `value`. Overflow gives infinity, NaN a quiet NaN. */
export function toHalf(value: number): number {
  const bits = bitsOf(value)
  const sign = (bits >>> 16) & 0x8000
  const magnitude = bits & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7e00
  if (magnitude >= 0x47800000) return sign | 0x7c00
  if (magnitude < 0x38800000) {
    // Subnormal in binary16: units of 2^-24. Scaling by a power of two is exact.
    return sign | roundHalfEven(Math.abs(Math.fround(value)) * 2 ** 24)
  }
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1)
  return sign | ((rounded - 0x38000000) >>> 13)
}

export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >>> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return sign * (1024 + fraction) * 2 ** (exponent - 25)
}

/** bfloat16 bits of the f32 nearest to `value`. */
export function toBfloat16(value: number): number {
  const bits = bitsOf(value)
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

export function fromBfloat16(bits: number): number {
  scratch.setUint32(0, bits << 16)
  return scratch.getFloat32(0)
}

/** Nearest integer, ties to even: ONNX Round, f32x4.nearest. Keeps -0. */
export function roundHalfEven(x: number): number {
  const floor = Math.floor(x)
  const difference = x - floor
  if (difference < 0.5) return floor === 0 && (x < 0 || Object.is(x, -0)) ? -0 : floor
  if (difference > 0.5) return floor + 1 === 0 ? -0 : floor + 1
  return floor % 2 === 0 ? floor : floor + 1 === 0 ? -0 : floor + 1
}

/** A format of 16 bits. */
export type HalfFormat = 'f16' | 'bf16'

const formats = [
  { format: 'f16', narrow: toHalf, widen: fromHalf },
  { format: 'bf16', narrow: toBfloat16, widen: fromBfloat16 },
] as const

/** The bits of `values`, which are finite, in the format of 16 bits that has all of them; undefined where none has. */
export function asHalves(
  values: Float32Array,
): { readonly format: HalfFormat; readonly halves: Uint16Array<ArrayBuffer> } | undefined {
  for (const { format, narrow, widen } of formats) {
    const halves = new Uint16Array(values.length)
    const fits = values.every((value, i) => {
      const bits = narrow(value)
      halves[i] = bits
      return Object.is(widen(bits), value) && Number.isFinite(value)
    })
    if (fits) return { format, halves }
  }
  return undefined
}

/** Bytes that the module must save by such constants to have what reads them, some 200 bytes of code. */
export const leastSavedByHalves = 1024
