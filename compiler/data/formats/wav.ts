import { malformed, notFinite, notOfFormat } from '../errors.ts'

/** A sound of one channel. */
export interface Sound {
  /** Samples a second. */
  readonly rate: number
  /** Samples. */
  readonly length: number
  /** Sample `i`, from -1 to 1 where the file holds integers; the mean of all channels. */
  at(i: number): number
}

/** Codes of WAVE's formats. */
const [pcm, float, extensible] = [1, 3, 0xfffe]

/** The last 14 bytes of the identifiers (KSDATAFORMAT_SUBTYPE) whose first 2 are a format's code. */
const subtype = [0, 0, 0, 0, 0x10, 0, 0x80, 0, 0, 0xaa, 0, 0x38, 0x9b, 0x71]

const highestRate = 2 ** 20

/** Numbers of one type in a view, by the bytes that each takes. */
type Read = (view: DataView, at: number) => number

const readers: Readonly<Record<string, Read>> = {
  // Eight bits are unsigned, more are signed.
  '1/8': (view, at) => (view.getUint8(at) - 128) / 128,
  '1/16': (view, at) => view.getInt16(at, true) / 2 ** 15,
  '1/24': (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23,
  '1/32': (view, at) => view.getInt32(at, true) / 2 ** 31,
  '3/32': (view, at) => view.getFloat32(at, true),
  '3/64': (view, at) => view.getFloat64(at, true),
}

interface Format {
  readonly channels: number
  readonly rate: number
  readonly bytes: number
  readonly read: Read
}

/**
 * The sound in a WAV file (Microsoft & IBM, Multimedia Programming Interface and Data Specifications 1.0; WAVE_FORMAT_EXTENSIBLE): integers of 8, 16, 24 or
 * 32 bits or floats of 32 or 64. Samples are read when they are asked for. A502 where the bytes are no such file, end early, or, from `at`, where
 * a sample is not finite; `what` names the file.
 */
export function readWav(bytes: Uint8Array, what: string): Sound {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const bad = (why: string): never => malformed(what, why)
  const isText = (at: number, text: string): boolean =>
    at + text.length <= bytes.length && [...text].every((char, i) => bytes[at + i] === char.charCodeAt(0))
  if (!isText(0, 'RIFF') || !isText(8, 'WAVE')) notOfFormat(what, 'a WAV file')
  let format: Format | undefined
  for (let at = 12; at + 8 <= bytes.length;) {
    const size = view.getUint32(at + 4, true)
    const start = at + 8
    const isData = isText(at, 'data')
    if (size > bytes.length - start && (isData || isText(at, 'fmt ')))
      bad(`its chunk "${isData ? 'data' : 'fmt '}" has ${size} bytes, of which ${bytes.length - start} are there`)
    if (isText(at, 'fmt ')) format = formatOf(new DataView(view.buffer, view.byteOffset + start, size), bad)
    if (isData) return soundOf(format ?? bad('its data come before their format'), view, start, size, what)
    // A chunk of odd length is followed by a byte that fills it up.
    at = start + size + (size % 2)
  }
  return bad('it has no chunk "data"')
}

function formatOf(view: DataView, bad: (why: string) => never): Format {
  if (view.byteLength < 16) bad(`its chunk "fmt " has ${view.byteLength} bytes`)
  let code = view.getUint16(0, true)
  const [channels, rate] = [view.getUint16(2, true), view.getUint32(4, true)]
  const [frame, bits] = [view.getUint16(12, true), view.getUint16(14, true)]
  if (code === extensible) {
    if (view.byteLength < 40 || !subtype.every((byte, i) => view.getUint8(26 + i) === byte))
      bad('its format is extensible, of no type that is known')
    code = view.getUint16(24, true)
  }
  if (code !== pcm && code !== float) bad(`its samples are coded in format ${code}; attar reads PCM (1) and floats (3)`)
  const read =
    readers[`${code}/${bits}`] ?? bad(`its samples are ${code === pcm ? 'integers' : 'floats'} of ${bits} bits`)
  if (channels === 0) bad('it has 0 channels')
  if (frame !== (channels * bits) / 8) bad(`${channels} channels of ${bits} bits do not take ${frame} bytes`)
  if (rate === 0 || rate > highestRate) bad(`it has ${rate} samples a second; attar reads 1 to ${highestRate}`)
  return { channels, rate, bytes: bits / 8, read }
}

function soundOf(format: Format, view: DataView, start: number, size: number, what: string): Sound {
  const { channels, rate, bytes, read } = format
  const frame = channels * bytes
  if (size % frame !== 0) malformed(what, `its data end within a sample: ${size} bytes, ${frame} for each`)
  return {
    rate,
    length: size / frame,
    at(i) {
      let sum = 0
      for (let c = 0; c < channels; c++) sum += read(view, start + i * frame + c * bytes)
      if (!Number.isFinite(sum)) notFinite(what, i)
      return sum / channels
    },
  }
}
