/** WAV files, built from their specification. */
export interface WavOptions {
  readonly rate?: number
  readonly channels?: number
  readonly bits?: number
  /** 1 for integers, 3 for floats. */
  readonly code?: number
  /** Write WAVE_FORMAT_EXTENSIBLE. */
  readonly extensible?: boolean
  /** A chunk of odd length that stands before the samples. */
  readonly note?: string
}

const text = (value: string): number[] => [...value].map((c) => c.charCodeAt(0))
const little = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) & 255)

export const wavChunk = (name: string, content: readonly number[]): number[] => [
  ...text(name),
  ...little(content.length, 4),
  ...content,
  ...(content.length % 2 === 1 ? [0] : []),
]

export const riff = (chunks: readonly (readonly number[])[]): Uint8Array => {
  const body = [...text('WAVE'), ...chunks.flat()]
  return Uint8Array.from([...text('RIFF'), ...little(body.length, 4), ...body])
}

export function wavFormat({ rate = 8000, channels = 1, bits = 16, code = 1, extensible }: WavOptions = {}): number[] {
  const frame = (channels * bits) / 8
  const start = [...little(channels, 2), ...little(rate, 4), ...little(rate * frame, 4), ...little(frame, 2)]
  const plain = [...start, ...little(bits, 2)]
  if (!extensible) return wavChunk('fmt ', [...little(code, 2), ...plain])
  const guid = [...little(code, 2), 0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]
  return wavChunk('fmt ', [...little(0xfffe, 2), ...plain, ...little(22, 2), ...little(bits, 2), 0, 0, 0, 0, ...guid])
}

/** Samples from -1 to 1, those of the channels side by side. */
export function wav(samples: readonly number[], options: WavOptions = {}): Uint8Array {
  const { bits = 16, code = 1, note } = options
  const bytes = new DataView(new ArrayBuffer((samples.length * bits) / 8))
  samples.forEach((x, i) => {
    const at = (i * bits) / 8
    const whole = Math.max(-(2 ** (bits - 1)), Math.min(2 ** (bits - 1) - 1, Math.round(x * 2 ** (bits - 1))))
    if (code === 3 && bits === 32) bytes.setFloat32(at, x, true)
    else if (code === 3) bytes.setFloat64(at, x, true)
    else if (bits === 8) bytes.setUint8(at, whole + 128)
    else for (let k = 0; k < bits / 8; k++) bytes.setUint8(at + k, Math.floor(whole / 2 ** (8 * k)) & 255)
  })
  const notes = note === undefined ? [] : [wavChunk('LIST', text(note))]
  return riff([wavFormat(options), ...notes, wavChunk('data', [...new Uint8Array(bytes.buffer)])])
}
